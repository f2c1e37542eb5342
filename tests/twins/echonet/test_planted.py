"""Planted defects of the B-route: what a healthy twin passes, the one with the defect fails, nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.echonet.frame import Esv, Property
from protocols.echonet.route_b import REPEATS
from protocols.slots import jst
from tests.twins.customers import all_classes, metered
from tests.twins.echonet.classes import HALF_HOUR, NOW, choose, twin_of, value, view_of
from tests.twins.echonet.twin import ask
from twins.echonet.node import TwinNode
from twins.meter.meters import Meters
from twins.meter.view import MeterView

STAMPED = [("LV", 0xEA), ("HV", 0xE3), ("HV", 0xC3)]
HISTORIES = [("LV", 0xE5, 0xE2), ("HV", 0xE1, 0xE7), ("HV", 0xE1, 0xC6), ("gas", None, 0xE2), ("water", None, 0xE2)]
REGISTERS = [("LV", 0xE0), ("HV", 0xE2), ("gas", 0xE0), ("water", 0xE0)]


def pair(view: MeterView, defect: str) -> tuple[TwinNode, TwinNode]:
    return twin_of(view), twin_of(view, defect)


def age(twin: TwinNode, epc: int) -> float:
    """Seconds by which a half-hour's stamp lies behind the newest half-hour."""
    stamp = value(twin, epc).time
    return (jst(HALF_HOUR).replace(tzinfo=None) - stamp).total_seconds()


@pytest.mark.parametrize(("meter_class", "epc"), STAMPED)
def test_stale_time_stamps_new_registers_one_half_hour_old(meter_class: Any, epc: int) -> None:
    healthy, faulty = pair(view_of(meter_class), "stale-time")
    assert (age(healthy, epc), age(faulty, epc)) == (0, 1800)
    assert value(faulty, epc).values == value(healthy, epc).values
    (told,), (stale,) = healthy.tell_half_hour(NOW), faulty.tell_half_hour(NOW)
    assert told.data != stale.data


@pytest.mark.parametrize(("meter_class", "selector", "epc"), HISTORIES)
def test_history_shifted_puts_each_register_one_slot_too_late(meter_class: Any, selector: int | None, epc: int) -> None:
    healthy, faulty = pair(view_of(meter_class), "history-shifted")
    for twin in (healthy, faulty):
        if selector is not None:
            choose(twin, selector, 1)
    slots, shifted = (list(getattr(each, "values", each)) for each in (value(healthy, epc), value(faulty, epc)))
    assert shifted != slots
    assert shifted[1:] == slots[:-1]


@pytest.mark.parametrize(("meter_class", "epc"), REGISTERS)
@pytest.mark.parametrize("beyond", [-1, 0, 7, 3_000_000_000])
def test_wraps_at_2_32_goes_on_behind_the_digits(meter_class: Any, epc: int, beyond: int) -> None:
    fleet = metered(all_classes(3))
    meters = Meters(fleet)
    row = next(row for row in range(fleet.size) if MeterView(meters, row).meter_class == meter_class)
    view = MeterView(meters, row)
    span = 10**view.model.digits
    fleet.import_wh[row] = (span + beyond) * view.model.unit_wh
    at = fleet.slot * 1800  # where the register stands just so
    asked = [ask(twin, Esv.GET, Property(epc), deoj=twin.eoj, now=at) for twin in pair(view, "wraps-at-2-32")]
    begin = 7 if meter_class == "HV" else 0  # behind the stamp
    told = [int.from_bytes(answer.properties[0].edt[begin : begin + 4], "big") for answer in asked]
    assert told == [(span + beyond) % span, (span + beyond) % 2**32]


def test_no_infc_repeat_sends_a_confirmed_notification_once() -> None:
    healthy, faulty = pair(view_of("LV"), "no-infc-repeat")
    sent = []
    for twin in (healthy, faulty):
        count = len(twin.tell_half_hour(NOW, "home", 0.0))
        count += sum(len(twin.due(REPEATS.period * step)) for step in range(1, 2 * REPEATS.sends))
        sent.append(count)
        assert twin.given_up == 1
    assert sent == [REPEATS.sends, 1]


@pytest.mark.parametrize("defect", ["stale-time", "history-shifted", "wraps-at-2-32", "no-infc-repeat"])
@pytest.mark.parametrize("meter_class", ["LV", "HV", "gas", "water"])
def test_a_defect_shows_in_its_own_properties_alone(meter_class: Any, defect: str) -> None:
    shown = {
        "stale-time": {0xC3, 0xCB, 0xE3, 0xEA, 0xEB},
        "history-shifted": {0xE2, 0xE7} if meter_class in ("gas", "water") else set(),
    }.get(defect, set())
    healthy, faulty = pair(view_of(meter_class), defect)
    for epc in value(healthy, 0x9F):
        assert (value(healthy, epc) == value(faulty, epc)) or epc in shown
