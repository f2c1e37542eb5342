"""pymodbus, written by others, reads twins over real sockets, and what it reads is what the twin is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU

from protocols.modbus.maps import KW8M, Point, RegisterMap, register_map
from protocols.modbus.sunspec import BASE
from tests.twins.modbus.served import NOW, served, view_of
from twins.clock import VirtualClock
from twins.meter.view import MeterView
from twins.modbus.units import KW8M_UNIT, SUNSPEC_UNIT
from twins.serving.endpoint import Endpoint

DATATYPES = ModbusTcpClient.DATATYPE
KINDS = {"u16": DATATYPES.UINT16, "s16": DATATYPES.INT16, "u32": DATATYPES.UINT32, "s32": DATATYPES.INT32}
KINDS |= {"acc32": DATATYPES.UINT32, "bitfield32": DATATYPES.UINT32, "sunssf": DATATYPES.INT16, "pad": DATATYPES.INT16}
KINDS |= {"string": DATATYPES.STRING}
COMMON_AT, METER_AT = BASE + 2, BASE + 2 + 68
KINDS_OF_METER = [(False, False), (True, False), (True, True)]
"""Three wires or not, a generator or not; homes with a generator have three wires."""

view_kinds = pytest.mark.parametrize(("three_wire", "generator"), KINDS_OF_METER)


@contextmanager
def client_of(endpoint: Endpoint) -> Iterator[ModbusTcpClient]:
    with ModbusTcpClient(str(endpoint.address), port=int(endpoint.port or 0), timeout=10) as client:
        yield client


@contextmanager
def reading(view: MeterView, now: float = NOW, *defects: str) -> Iterator[ModbusTcpClient]:
    """A client of a served twin."""
    with served([view], VirtualClock(now), {view.index: defects}) as service, client_of(*service.endpoints()) as client:
        yield client


def registers(client: ModbusTcpClient, start: int, count: int, unit: int = SUNSPEC_UNIT) -> list[int]:
    answer = client.read_holding_registers(start, count=count, device_id=unit)
    assert not answer.isError(), answer
    return list(answer.registers)


def raw(client: ModbusTcpClient, point: Point, at: int = 0, unit: int = SUNSPEC_UNIT) -> Any:
    """What pymodbus makes of one point, in a request of its own."""
    found = registers(client, at + point.address, point.words, unit)
    order = "little" if unit == KW8M_UNIT else "big"
    value = client.convert_from_registers(found, KINDS[point.kind], word_order=order)
    return value.rstrip("\0") if isinstance(value, str) else value


def every_raw(client: ModbusTcpClient, each: RegisterMap, at: int = 0, unit: int = SUNSPEC_UNIT) -> dict[str, Any]:
    return {point.name: raw(client, point, at, unit) for point in each.points}


ABSENT = {"s16": -0x8000, "sunssf": -0x8000, "acc32": 0}


def expected_meter(view: MeterView, now: float) -> dict[str, Any]:
    """Raw numbers of all points of the twin's SunSpec model, out of the meter alone."""
    electric, active, reactive = view.electric(now), view.active(now), view.reactive(now)
    r_mv, t_mv = electric.voltage_r_mv, electric.voltage_t_mv
    model = register_map("sunspec_202" if view.three_wire else "sunspec_201")
    found: dict[str, Any] = {p.name: p.constant if p.constant is not None else ABSENT.get(p.kind) for p in model.points}
    found |= {"A_SF": -2, "V_SF": -1, "W_SF": 0, "VA_SF": 0, "VAR_SF": 0, "PF_SF": -2, "TotWh_SF": 0, "Evt": 0}
    found |= {"W": electric.power_w, "VAR": electric.reactive_var, "PF": round(electric.power_factor * 10_000)}
    found |= {"VA": round(abs(electric.power_w) / electric.power_factor)}
    found |= {"A": round((abs(electric.current_r_ma) + abs(electric.current_t_ma or 0)) / 10)}
    found |= {"AphA": round(abs(electric.current_r_ma) / 10), "PhVphA": round(r_mv / 100), "PhV": round(r_mv / 100)}
    if electric.current_t_ma is not None and t_mv is not None:
        found |= {"AphB": round(abs(electric.current_t_ma) / 10), "PhVphB": round(t_mv / 100)}
        found |= {"PhV": round((r_mv + t_mv) / 200), "PPV": round((r_mv + t_mv) / 100)}
        found |= {"PhVphAB": round((r_mv + t_mv) / 100)}
    found |= {"TotWhImp": active.import_wh, "TotWhExp": active.export_wh}
    if not view.has_generator:
        found |= {"TotVArh_SF": 0, "TotVArhImpQ1": reactive.plus_varh, "TotVArhExpQ4": reactive.minus_varh}
    return found


def expected_panel(view: MeterView, now: float) -> dict[str, Any]:
    electric = view.electric(now)
    return {
        "ct_type": 50 if view.contract_a <= 50 else 100,
        "vt_ratio": 100,
        "energy": view.active(now).import_wh // 10,
        "voltage_l1": round(electric.voltage_r_mv / 100),
        "voltage_l2": round((electric.voltage_t_mv or 0) / 100),
        "voltage_l3": 0,
        "active_power": round(max(electric.power_w, 0) / 10),
        "reactive_power": round(electric.reactive_var / 10),
        "apparent_power": round(abs(electric.power_w) / electric.power_factor / 10),
    }


@view_kinds
@pytest.mark.parametrize("later", [0, 1, 6 * 3600])
def test_every_point_of_every_map_is_the_twins_state_at_the_instant(
    three_wire: bool, generator: bool, later: int
) -> None:
    view, now = view_of(three_wire=three_wire, generator=generator), NOW - later
    who, model = view.identity, register_map("sunspec_202" if three_wire else "sunspec_201")
    with reading(view, now) as client:
        assert registers(client, BASE, 2) == [0x5375, 0x6E53]
        assert every_raw(client, register_map("sunspec_1"), COMMON_AT) == {
            "ID": 1,
            "L": 66,
            "Mn": "Meter Bench",
            "Md": who.product,
            "Opt": "",
            "Vr": who.firmware,
            "SN": who.serial,
            "DA": 1,
            "Pad": -0x8000,
        }
        assert every_raw(client, model, METER_AT) == expected_meter(view, now)
        assert registers(client, METER_AT + 107, 2) == [0xFFFF, 0]
        assert every_raw(client, register_map(KW8M), unit=KW8M_UNIT) == expected_panel(view, now)


@view_kinds
def test_our_own_codec_makes_the_same_of_the_registers(three_wire: bool, generator: bool) -> None:
    view = view_of(three_wire=three_wire, generator=generator)
    meter = register_map("sunspec_202" if three_wire else "sunspec_201")
    panel = register_map(KW8M)
    with reading(view) as client:
        found = meter.decode(0, registers(client, METER_AT, 107))
        shown = panel.decode(0x64, registers(client, 0x64, 0xB6 - 0x64, KW8M_UNIT))
    active, electric = view.active(NOW), view.electric(NOW)
    assert (found["TotWhImp"], found["TotWhExp"], found["W"]) == (*active, electric.power_w)
    assert found["PhVphA"] == Decimal(round(electric.voltage_r_mv / 100)) / 10
    assert found["Hz"] is None
    assert shown["energy"] == Decimal(active.import_wh // 10) / 100


def test_a_value_belongs_to_the_instant_of_the_request() -> None:
    view, clock = view_of(three_wire=True, generator=False), VirtualClock(NOW)
    energy = register_map("sunspec_202").point("TotWhImp")
    with served([view], clock) as service, client_of(*service.endpoints()) as client:
        seen = [raw(client, energy, METER_AT)]
        clock.move_to(NOW + 3600)
        seen.append(raw(client, energy, METER_AT))
    assert seen == [view.active(NOW).import_wh, view.active(NOW + 3600).import_wh]
    assert seen[0] < seen[1]


def assert_words_are_in_order(client: ModbusTcpClient, view: MeterView) -> None:
    """The energy of the Japanese meter, low word first, is the twin's."""
    (found,) = {raw(client, register_map(KW8M).point("energy"), unit=KW8M_UNIT)}
    assert found == view.active(NOW).import_wh // 10


def test_word_order_a_healthy_twin_passes_and_a_defective_one_fails() -> None:
    view = view_of(three_wire=True, generator=False)
    with reading(view) as client:
        assert_words_are_in_order(client, view)
    with reading(view, NOW, "high-word-first") as client, pytest.raises(AssertionError):
        assert_words_are_in_order(client, view)
    with reading(view, NOW, "wrong-sign") as client:
        assert_words_are_in_order(client, view)


def test_registers_between_those_of_the_japanese_meter_read_0() -> None:
    with reading(view_of(three_wire=True, generator=False)) as client:
        assert registers(client, 0x01, 0x3B, KW8M_UNIT) == [0] * 0x3B


def code(answer: ModbusPDU) -> int:
    assert answer.isError()
    return int(answer.exception_code)


def test_refusals_are_those_of_the_standard() -> None:
    with reading(view_of(three_wire=True, generator=False)) as client:
        assert code(client.read_holding_registers(0, count=1, device_id=SUNSPEC_UNIT)) == 2
        assert code(client.read_holding_registers(BASE - 1, count=2, device_id=SUNSPEC_UNIT)) == 2
        assert code(client.read_holding_registers(0xB5, count=2, device_id=KW8M_UNIT)) == 2
        assert code(client.read_holding_registers(BASE, count=2, device_id=77)) == 11
        assert code(client.read_input_registers(0x64, count=2, device_id=KW8M_UNIT)) == 1
        assert code(client.read_coils(0, count=1, device_id=SUNSPEC_UNIT)) == 1
        assert code(client.write_register(BASE + 68, 2, device_id=SUNSPEC_UNIT)) == 1
        assert code(client.write_registers(0x64, [0, 0], device_id=KW8M_UNIT)) == 1
        assert registers(client, BASE, 2) == [0x5375, 0x6E53]


def test_a_twin_answers_as_itself_and_for_input_registers_too() -> None:
    with reading(view_of(three_wire=False, generator=False)) as client:
        same = [registers(client, BASE, 125, unit) for unit in (SUNSPEC_UNIT, 0, 255)]
        same.append(list(client.read_input_registers(BASE, count=125, device_id=SUNSPEC_UNIT).registers))
    assert all(each == same[0] for each in same)


def test_a_twin_says_who_it_is() -> None:
    view = view_of(three_wire=True, generator=True)
    who = view.identity
    with reading(view) as client:
        answer = client.read_device_information(device_id=SUNSPEC_UNIT)
        assert code(client.read_device_information(device_id=KW8M_UNIT)) == 1
    assert answer.information == {0: b"Meter Bench", 1: who.product.encode(), 2: who.firmware.encode()}


def test_two_clients_at_once_get_their_own_answers() -> None:
    view = view_of(three_wire=True, generator=False)
    expected = {1: [202, 105], 2: view.identity.serial}

    async def ask(endpoint: Endpoint, what: int) -> list[Any]:
        async with AsyncModbusTcpClient(str(endpoint.address), port=int(endpoint.port or 0)) as client:
            found = []
            for _ in range(50):
                start, count = (METER_AT, 2) if what == 1 else (COMMON_AT + 50, 16)
                answer = await client.read_holding_registers(start, count=count, device_id=SUNSPEC_UNIT)
                if what == 1:
                    found.append(answer.registers)
                else:
                    text = client.convert_from_registers(answer.registers, DATATYPES.STRING)
                    found.append(str(text).rstrip("\0"))
            return found

    async def both(endpoint: Endpoint) -> list[list[Any]]:
        return list(await asyncio.gather(ask(endpoint, 1), ask(endpoint, 2)))

    with served([view], VirtualClock(NOW)) as service:
        pairs, serials = asyncio.run(both(*service.endpoints()))
    assert pairs == [expected[1]] * 50
    assert serials == [expected[2]] * 50
