"""pymodbus, written by others, reads a twin on a serial line as over TCP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusIOException

from hil_drivers.errors import LinkError, RefusedError
from hil_drivers.meters.modbus import ModbusAddress, ModbusMeter, RtuAddress, RtuMeter
from protocols.modbus.maps import KW8M, register_map
from protocols.modbus.rtu import EVERYBODY, RtuFrame
from tests.protocols.modbus.test_server import read
from tests.twins.modbus.test_pymodbus import METER_AT, every_raw, expected_meter, expected_panel
from tests.twins.serving.rig import ADDRESS, ServedMeter
from twins.modbus.units import KW8M_UNIT, SUNSPEC_UNIT

WAIT = 0.3


@contextmanager
def client_of(meter: ServedMeter, timeout: float = 10.0) -> Iterator[ModbusSerialClient]:
    with ModbusSerialClient(str(meter.rtu), baudrate=9600, timeout=timeout, retries=0) as client:
        yield client


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[ServedMeter]:
    with ServedMeter(tmp_path) as running:
        yield running


def test_the_peer_reads_every_point_of_both_units(meter: ServedMeter) -> None:
    view, now = meter.twin.device.view, meter.clock.now()
    model = register_map("sunspec_202" if view.three_wire else "sunspec_201")
    with client_of(meter) as client:
        assert every_raw(client, model, METER_AT, SUNSPEC_UNIT) == expected_meter(view, now)
        assert every_raw(client, register_map(KW8M), unit=KW8M_UNIT) == expected_panel(view, now)


@pytest.mark.parametrize(("table", "unit"), [("sunspec", SUNSPEC_UNIT), ("kw8m", KW8M_UNIT)])
def test_our_reader_reads_the_same_by_both_wires(meter: ServedMeter, table: str, unit: int) -> None:
    by_tcp = ModbusMeter(ModbusAddress(ADDRESS, meter.modbus, unit=unit, map=table))
    with by_tcp, RtuMeter(RtuAddress(str(meter.rtu), unit=unit, map=table)) as by_line:
        assert by_line.identity() == by_tcp.identity()
        assert by_line.registers() == by_tcp.registers()
        assert by_line.instant() == by_tcp.instant()


def test_a_register_that_is_not_there_is_refused_and_another_unit_is_silent(meter: ServedMeter) -> None:
    with (
        RtuMeter(RtuAddress(str(meter.rtu), unit=KW8M_UNIT, wait_s=WAIT)) as wrong_map,
        pytest.raises(RefusedError, match="registers 40000 to 40001 refused"),
    ):
        wrong_map.registers()
    with (
        RtuMeter(RtuAddress(str(meter.rtu), unit=9, wait_s=WAIT)) as nobody,
        pytest.raises(LinkError, match="no answer"),
    ):
        nobody.registers()
    with RtuMeter(RtuAddress(str(meter.rtu), wait_s=10.0)) as there:
        assert there.registers().import_wh is not None


def test_a_port_that_is_not_there_is_no_connection(tmp_path: Path) -> None:
    with RtuMeter(RtuAddress(str(tmp_path / "nothing"))) as reader, pytest.raises(LinkError, match="no connection"):
        reader.registers()


def answers_to_everybody(folder: Path, *defects: str) -> bytes:
    """What comes back on the line after a request to unit 0, and then one to a unit that is there."""
    with ServedMeter(folder, defects) as meter, client_of(meter, WAIT) as client:
        client.socket.write(RtuFrame(EVERYBODY, read(40_000, 2)).to_bytes() + RtuFrame(1, read(40_000, 2)).to_bytes())
        heard = b""
        while not heard.endswith(RtuFrame(1, b"\x03\x04SunS").to_bytes()):
            heard += client.socket.read(1)
        return heard[: -len(RtuFrame(1, b"\x03\x04SunS").to_bytes())]


def test_a_healthy_meter_leaves_everybody_unanswered_and_a_defective_one_does_not(tmp_path: Path) -> None:
    assert answers_to_everybody(tmp_path / "healthy") == b""
    assert answers_to_everybody(tmp_path / "defective", "answers-everybody") == RtuFrame(0, b"\x03\x04SunS").to_bytes()


def test_pymodbus_gives_up_on_a_meter_without_supply(meter: ServedMeter) -> None:
    meter.call(meter.device.lose_line)
    with client_of(meter, WAIT) as client, pytest.raises(ModbusIOException):
        client.read_holding_registers(40_000, count=2, device_id=SUNSPEC_UNIT)
