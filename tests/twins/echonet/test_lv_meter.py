"""The meter object says what the meter model says, and nothing where there is nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from protocols.echonet.classes import LV_METER, object_class
from protocols.echonet.frame import Esv, Property
from protocols.echonet.history import Selector, Stamped
from protocols.echonet.values import Special
from protocols.slots import JST, jst
from tests.twins.echonet.twin import FLEET, NOW, ask, choose, decoded, read, request, twin_of, value, view_of
from twins.echonet.node import TwinNode
from twins.meter.clock import Clocks, meter_time
from twins.meter.display import counts
from twins.meter.identity import route_b_number

KINDS = [("current", False), ("current", True), ("next", False), ("next", True)]
NO_DATA = Special.NO_DATA
EVERY_KIND = pytest.mark.parametrize(("generation", "generator"), KINDS)


def both(generation: str, generator: bool) -> TwinNode:
    return twin_of(view_of(generation, generator))


def wall(at: float) -> datetime:
    return jst(at).replace(tzinfo=None)


def shown(twin: TwinNode, at: float) -> tuple[int | Special, int | Special]:
    """Registers as the meter shows them, straight from the model."""
    view = twin.view
    active = view.active(at)
    reverse = counts(view.model, active.export_wh) if view.has_generator else NO_DATA
    return counts(view.model, active.import_wh), reverse


@EVERY_KIND
def test_every_property_of_the_get_map_answers_with_data_that_its_codec_reads(generation: str, generator: bool) -> None:
    twin = both(generation, generator)
    readable = decoded(0x9F, *read(twin, 0x9F))
    required = {
        epc
        for epc, rule in object_class(LV_METER).properties.items()
        if rule.access.get == "r" and rule.release <= twin.release
    }
    assert required <= readable
    for epc in readable:
        decoded(epc, *read(twin, epc))


@EVERY_KIND
def test_release_and_conditional_properties_follow_from_what_the_meter_is(generation: str, generator: bool) -> None:
    twin = both(generation, generator)
    readable = decoded(0x9F, *read(twin, 0x9F))
    assert decoded(0x82, *read(twin, 0x82)).release == {"current": "F", "next": "R"}[generation]
    assert ({0xE3, 0xE4, 0xEB} <= readable) is generator
    assert ({0xC0, 0xD0, 0xEE, 0xEF} <= readable) is (generation == "next")
    assert decoded(0x9E, *read(twin, 0x9E)) == {0x81, 0xE5, 0xED} | ({0xEF} if generation == "next" else set())


@EVERY_KIND
def test_registers_power_and_currents_are_those_of_the_model(generation: str, generator: bool) -> None:
    twin = both(generation, generator)
    view = twin.view
    assert value(twin, 0xE0) == shown(twin, NOW)[0]
    assert value(twin, 0xE7) == view.power_w(NOW)
    seen = view.electric(NOW)
    t_leg = NO_DATA if seen.current_t_ma is None else round(seen.current_t_ma / 100)
    assert value(twin, 0xE8) == (round(seen.current_r_ma / 100), t_leg)
    if generator:
        assert value(twin, 0xE3) == shown(twin, NOW)[1]
    if generation == "next":
        minute = NOW // 60 * 60
        assert value(twin, 0xD0) == Stamped(wall(minute), shown(twin, minute))


@EVERY_KIND
def test_the_half_hour_registers_bear_the_newest_00_or_30(generation: str, generator: bool) -> None:
    twin = both(generation, generator)
    end = NOW // 1800 * 1800
    assert value(twin, 0xEA) == Stamped(wall(end), (shown(twin, end)[0],))
    if generator:
        assert value(twin, 0xEB) == Stamped(wall(end), (shown(twin, end)[1],))


def test_all_properties_of_one_request_belong_to_one_instant() -> None:
    twin = both("next", True)
    end = NOW // 1800 * 1800
    now, half_hour = read(twin, 0xE0, 0xEA, now=end)
    assert decoded(0xEA, half_hour) == Stamped(wall(end), (decoded(0xE0, now),))


def test_the_t_leg_of_a_two_wire_meter_does_not_exist() -> None:
    twin = twin_of(view_of("current", False, three_wire=False))
    assert read(twin, 0xE8)[0][2:] == bytes.fromhex("7FFE")


@pytest.mark.parametrize("day", [0, 1, 2])
@EVERY_KIND
def test_a_day_history_holds_the_registers_at_each_half_hour(generation: str, generator: bool, day: int) -> None:
    twin = both(generation, generator)
    assert choose(twin, 0xE5, day).esv is Esv.SET_RES
    midnight = datetime.combine(wall(NOW).date(), datetime.min.time(), JST) - timedelta(days=day)
    instants = [midnight.timestamp() + 1800 * k for k in range(48)]
    for direction, epc in enumerate((0xE2, 0xE4) if generator else (0xE2,)):
        history = value(twin, epc)
        assert history.day == day
        assert list(history.values) == [shown(twin, at)[direction] if at <= NOW else NO_DATA for at in instants]


@pytest.mark.requirement("M6")
def test_a_current_meter_keeps_45_days_and_answers_older_ones_with_no_data() -> None:
    twin = both("current", False)
    choose(twin, 0xE5, 45)
    assert set(value(twin, 0xE2).values[:20]) == {NO_DATA}
    assert NO_DATA not in value(twin, 0xE2).values[-10:]
    choose(twin, 0xE5, 99)
    assert set(value(twin, 0xE2).values) == {NO_DATA}


def test_histories_that_nobody_selected_have_no_data() -> None:
    twin = both("next", True)
    assert value(twin, 0xE2).day is Special.UNSET
    assert set(value(twin, 0xE2).values) == {NO_DATA}
    for selector, epc in ((0xED, 0xEC), (0xEF, 0xEE)):
        assert read(twin, selector) == [bytes.fromhex("FFFFFFFFFFFF01")]
        assert read(twin, epc) == [bytes.fromhex("FFFFFFFFFFFF01" + "FFFFFFFE" * 2)]


@pytest.mark.parametrize(("selector", "epc", "minutes", "count"), [(0xED, 0xEC, 30, 12), (0xEF, 0xEE, 1, 10)])
@pytest.mark.parametrize("generator", [False, True])
def test_a_series_runs_backwards_from_its_time(
    selector: int, epc: int, minutes: int, count: int, generator: bool
) -> None:
    twin = both("next", generator)
    newest = wall(NOW // 1800 * 1800)
    choose(twin, selector, Selector(newest, count))
    rows = value(twin, epc).rows
    assert list(rows) == [shown(twin, NOW // 1800 * 1800 - 60 * minutes * k) for k in range(count)]


def test_a_series_has_no_data_in_the_future_and_beyond_the_last_hour_of_minutes() -> None:
    twin = both("next", False)
    newest = wall(NOW // 60 * 60)
    choose(twin, 0xEF, Selector(newest + timedelta(minutes=1), 2))
    assert [row[0] is NO_DATA for row in value(twin, 0xEE).rows] == [True, False]
    choose(twin, 0xEF, Selector(newest - timedelta(minutes=59), 2))
    assert [row[0] is NO_DATA for row in value(twin, 0xEE).rows] == [False, True]


@pytest.mark.parametrize("edt", ["0001010100000C", "270F0C1F17000C"])  # the year 1, the year 9999
def test_selections_at_the_ends_of_time_do_no_harm(edt: str) -> None:
    twin = both("next", False)
    ask(twin, Esv.SET_C, Property(0xED, bytes.fromhex(edt)))
    assert {row[0] for row in value(twin, 0xEC).rows} == {NO_DATA}


def test_selections_are_each_meters_own_and_a_refused_one_leaves_the_old() -> None:
    one, other = both("current", True), both("current", True)
    choose(one, 0xE5, 3)
    refused = ask(one, Esv.SET_C, Property(0xE5, b"\x64"))
    assert (refused.esv, refused.properties) == (Esv.SET_C_SNA, (Property(0xE5, b"\x64"),))
    assert (value(one, 0xE5), value(other, 0xE5)) == (3, Special.UNSET)


def test_the_installation_location_can_be_set_and_its_change_is_announced_once() -> None:
    twin = both("current", False)
    wire = request(Esv.SET_C, Property(0x81, b"\x61"))
    answer, announced = twin.receive(wire, "home", NOW)
    assert (answer.to, announced.to) == ("home", None)
    assert announced.data.endswith(bytes.fromhex("73018101" + "61"))
    assert len(twin.receive(wire, "home", NOW)) == 1
    assert read(twin, 0x81) == [b"\x61"]


@EVERY_KIND
def test_digits_unit_and_coefficient_scale_the_register_to_the_energy(generation: str, generator: bool) -> None:
    twin = both(generation, generator)
    assert value(twin, 0xD7) == twin.view.model.digits
    kwh = value(twin, 0xE0) * value(twin, 0xD3) * value(twin, 0xE1)
    model = twin.view.model
    exact = twin.view.active(NOW).import_wh % (10**model.digits * model.unit_wh)
    assert 0 <= exact - 1000 * kwh < model.unit_wh


def test_identity_clock_and_route_b_number_are_the_meters_own() -> None:
    twin = both("next", False)
    view = twin.view
    assert value(twin, 0x8D) == view.identity.serial
    assert value(twin, 0x8C) == view.identity.product
    assert read(twin, 0xC0) == [route_b_number(b"twins' master ke", view.index)]


def test_time_and_date_are_those_of_the_meters_own_clock() -> None:
    twin = twin_of(view_of("current", True))
    clocks, index = Clocks(FLEET.plan), twin.view.index
    minute = NOW // 60 * 60
    between = minute - (meter_time(clocks, index, minute) - minute) / 2  # one clock is past the minute, one is not
    told = wall(meter_time(clocks, index, between))
    assert told.minute != wall(between).minute
    assert value(twin, 0x98, now=between) == told.date()
    assert value(twin, 0x97, now=between) == told.time().replace(second=0, microsecond=0)


def test_a_meter_with_the_planted_wrong_sign_is_found_by_its_power_alone() -> None:
    view = view_of("current", False)
    healthy, faulty = twin_of(view), twin_of(view, "wrong-sign")
    assert value(healthy, 0xE7) > 0
    assert value(faulty, 0xE7) == -value(healthy, 0xE7)
    assert read(faulty, 0xE0, 0xE8, 0xEA) == read(healthy, 0xE0, 0xE8, 0xEA)
