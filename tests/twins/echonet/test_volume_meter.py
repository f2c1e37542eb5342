"""Gas and water objects: litres now, and the last 24 hours of them."""

from __future__ import annotations

import pytest
from pychonet.GasMeter import GasMeter as PychonetGas  # type: ignore[import-untyped]
from pychonet.WaterFlowMeter import WaterFlowMeter as PychonetWater  # type: ignore[import-untyped]

from protocols.echonet.classes import GAS_METER, WATER_METER, object_class
from protocols.echonet.frame import Esv, Property
from tests.twins.echonet.classes import HALF_HOUR, NOW, of_class, twin_of, value, values, view_of
from tests.twins.echonet.twin import ask

EVERY_CLASS = pytest.mark.parametrize("meter_class", ["gas", "water"])


@pytest.mark.parametrize(("meter_class", "name", "release"), [("gas", GAS_METER, "A"), ("water", WATER_METER, "P")])
def test_every_property_of_the_get_map_answers(meter_class, name: str, release: str) -> None:
    twin = twin_of(view_of(meter_class))
    assert (of_class(twin), twin.release) == (object_class(name), release)
    readable = value(twin, 0x9F)
    assert {epc for epc, rule in object_class(name).properties.items() if rule.access.get == "r"} <= readable
    for epc in readable:
        value(twin, epc)
    assert value(twin, 0x9E) == {0x81}
    assert value(twin, 0x9D) == {0x80, 0x81, 0x88} | ({0xE3} if meter_class == "water" else set())


@EVERY_CLASS
def test_the_volume_is_the_register_and_the_history_ends_at_the_newest_half_hour(meter_class) -> None:
    twin = twin_of(view_of(meter_class))
    assert value(twin, 0xE0) == twin.view.active(NOW).import_wh % 10**8
    ends = [HALF_HOUR - 1800 * k for k in reversed(range(48))]
    expected = tuple(twin.view.active(end).import_wh % 10**8 for end in ends)
    assert value(twin, 0xE2) == expected
    assert list(expected) == sorted(expected) and expected[0] < expected[-1]


def test_water_is_running_counted_in_litres_and_not_abnormal() -> None:
    twin = twin_of(view_of("water"))
    kind, unit, abnormal, history, second = values(twin, 0xD0, 0xE1, 0xE3, 0xE2, 0xE7)
    assert (kind, float(unit), abnormal) == ("running", 0.001, "no")
    assert second == history


@EVERY_CLASS
def test_gas_and_water_meters_tell_nothing_unasked_but_who_they_are(meter_class) -> None:
    twin = twin_of(view_of(meter_class))
    assert twin.tell_half_hour(HALF_HOUR + 40) == []
    assert twin.tell_half_hour(HALF_HOUR + 40, "home", 0.0) == []
    (told,) = twin.announce()
    assert told.data.endswith(b"\x01" + twin.eoj.to_bytes())


@EVERY_CLASS
def test_there_is_no_valve_and_nothing_electrical(meter_class) -> None:
    twin = twin_of(view_of(meter_class))
    for epc in (0xE8, 0xEA, 0xC0):
        assert ask(twin, Esv.GET, Property(epc), deoj=twin.eoj, now=NOW).esv is Esv.GET_SNA


@pytest.mark.parametrize(("meter_class", "peer"), [("gas", PychonetGas), ("water", PychonetWater)])
def test_pychonet_reads_the_volume_as_the_twin_has_it(meter_class, peer) -> None:
    twin = twin_of(view_of(meter_class))
    answer = ask(twin, Esv.GET, Property(0xE0), deoj=twin.eoj, now=NOW)
    assert peer.EPC_FUNCTIONS[0xE0](answer.properties[0].edt) == twin.view.active(NOW).import_wh


def test_records_of_gas_and_water_have_no_export() -> None:
    for meter_class in ("gas", "water"):
        view = view_of(meter_class)
        rows = view.record(1800, HALF_HOUR - 86_400, HALF_HOUR, NOW)
        assert len(rows) == 49
        assert {row.active.export_wh for row in rows} == {0}
        assert rows[-1].reactive is None and rows[-1].voltage_r_mv is None
        assert view.record(60, NOW - 600, NOW, NOW) == []
