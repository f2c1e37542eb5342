"""The high-voltage objects say what the meter model says, behind the transformers and before them."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from protocols.echonet.classes import HV_METER, HV_METER_BIDIRECTIONAL, object_class
from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.history import Selector, Stamped
from protocols.echonet.quantities import Quantities
from protocols.echonet.values import Special
from protocols.slots import JST, jst
from tests.twins.customers import metered
from tests.twins.echonet.classes import FLEET, HALF_HOUR, HOME, NOW, choose, of_class, twin_of, value, values, view_of
from tests.twins.echonet.twin import ask
from twins.echonet.demand import Demand
from twins.echonet.hv_meter import HvMeter
from twins.echonet.node import TwinNode
from twins.meter.clock import Clocks
from twins.meter.meters import Meters
from twins.meter.parameters import MeterModelError
from twins.meter.view import MeterView, Row
from twins.plan import FleetPlan

NO_DATA = Special.NO_DATA
KINDS = [("current", False), ("current", True), ("next", False), ("next", True)]
EVERY_KIND = pytest.mark.parametrize(("generation", "generator"), KINDS)
MIDNIGHT = datetime.combine(jst(NOW).date(), datetime.min.time(), JST).timestamp()


def hv(generation: str, generator: bool) -> TwinNode:
    return twin_of(view_of("HV", generation, generator))


def wall(at: float) -> datetime:
    return jst(at).replace(tzinfo=None, microsecond=0)


def directions(twin: TwinNode, imported: object, exported: object) -> tuple[object, ...]:
    """As many as the class tells; what is not measured has no data."""
    if twin.view.generation == "current":
        return (imported,)
    return imported, exported if twin.view.has_generator else NO_DATA


def registers(twin: TwinNode, at: float) -> tuple[object, ...]:
    active = twin.view.active(at)
    return directions(twin, active.import_wh % 10**8, active.export_wh % 10**8)


def demand(twin: TwinNode, end: float) -> tuple[object, ...]:
    """Mean W of the half-hour before ``end``, straight from the model."""
    before, after = twin.view.active(end - 1800), twin.view.active(end)
    both = (2 * (after.import_wh - before.import_wh), 2 * (after.export_wh - before.export_wh))
    return directions(twin, *both)


@EVERY_KIND
def test_the_object_follows_from_the_generation_and_every_readable_property_answers(
    generation: str, generator: bool
) -> None:
    twin = hv(generation, generator)
    name, release = {"current": (HV_METER, "F"), "next": (HV_METER_BIDIRECTIONAL, "R")}[generation]
    assert (of_class(twin), twin.release) == (object_class(name), release)
    assert value(twin, 0x82).release == release
    readable = value(twin, 0x9F)
    assert {epc for epc, rule in object_class(name).properties.items() if rule.access.get == "r"} <= readable
    for epc in readable:
        value(twin, epc)
    (told,) = twin.announce()
    assert told.data.endswith(bytes.fromhex("73 01 D5 04 01") + twin.eoj.to_bytes())


@EVERY_KIND
def test_registers_bear_the_time_of_now_and_of_the_newest_half_hour(generation: str, generator: bool) -> None:
    twin = hv(generation, generator)
    assert value(twin, 0xE2) == Stamped(wall(NOW), registers(twin, NOW))
    assert value(twin, 0xE3) == Stamped(wall(HALF_HOUR), registers(twin, HALF_HOUR))
    assert value(twin, 0xC3) == Stamped(wall(HALF_HOUR), demand(twin, HALF_HOUR))
    if generation == "next":
        assert value(twin, 0xD0) == Stamped(wall(NOW // 60 * 60), registers(twin, NOW // 60 * 60))


@pytest.mark.parametrize("day", [0, 1, 3])
@EVERY_KIND
def test_day_histories_hold_registers_and_demands_of_each_half_hour(generation: str, generator: bool, day: int) -> None:
    twin = hv(generation, generator)
    assert choose(twin, 0xE1, day).esv is Esv.SET_RES
    instants = [MIDNIGHT - 86_400 * day + 1800 * k for k in range(48)]
    for epc, told in ((0xE7, registers), (0xC6, demand)):
        history = value(twin, epc)
        assert history.day == day
        assert list(history.values) == [told(twin, at)[0] if at <= NOW else NO_DATA for at in instants]
    if generation == "next":
        for epc, told in ((0xE8, registers), (0xC8, demand)):
            expected = [told(twin, at)[1] if at <= NOW else NO_DATA for at in instants]
            assert list(value(twin, epc).values) == expected


@EVERY_KIND
def test_reactive_registers_are_those_of_the_model(generation: str, generator: bool) -> None:
    twin = hv(generation, generator)
    view = twin.view
    (told,) = values(twin, 0xCB)
    assert told.time == wall(HALF_HOUR)
    if generator and generation == "next":
        assert sum(told.values) == view.reactive(HALF_HOUR).plus_varh
        assert sum(value(twin, 0xD5).values) == view.reactive(NOW).plus_varh
        assert sum(value(twin, 0xD6).values) == view.reactive(NOW).minus_varh
    elif not generator:
        assert told.values[0] == pytest.approx(view.reactive(HALF_HOUR).plus_varh, abs=150)
    choose(twin, 0xE1, 0)
    lag = [each for each in value(twin, 0xCE).values if each is not NO_DATA]
    assert lag[-1] == told.values[0]
    assert lag == sorted(lag)


@pytest.mark.requirement("M7")
@pytest.mark.parametrize("generator", [False, True])
def test_one_minute_history_runs_backwards_from_its_time(generator: bool) -> None:
    twin = hv("next", generator)
    newest = NOW // 60 * 60
    choose(twin, 0xEF, Selector(wall(newest), 10))
    assert list(value(twin, 0xED).rows) == [registers(twin, newest - 60 * k) for k in range(10)]
    choose(twin, 0xEF, Selector(wall(newest + 60), 2))
    assert [row[0] is NO_DATA for row in value(twin, 0xED).rows] == [True, False]


def test_histories_that_nobody_selected_have_no_data() -> None:
    twin = hv("next", True)
    for epc in (0xC6, 0xC8, 0xCE, 0xCF, 0xE7, 0xE8):
        history = value(twin, epc)
        assert (history.day, set(history.values)) == (Special.UNSET, {NO_DATA})
    assert value(twin, 0xED).rows == ((NO_DATA, NO_DATA),)


@EVERY_KIND
def test_coefficient_and_multiplier_make_the_customers_energy_of_the_meters(generation: str, generator: bool) -> None:
    twin = hv(generation, generator)
    service = twin.view.high_voltage
    assert service is not None
    known = Quantities(of_class(twin))
    coefficients = (0xD3, 0xD4, 0xE6, 0xC5, 0xCD)
    answer = ask(twin, Esv.GET, *map(Property, (*coefficients, 0xE2, 0xC3)), deoj=twin.eoj, now=NOW)
    known.learn(answer.properties)
    energy, power = (known.decode(item) for item in answer.properties[-2:])
    shown = twin.view.active(NOW).import_wh % 10**8
    assert energy.value.values[0] == Decimal(shown) * service.ratio / 1000
    assert power.value.values[0] == Decimal(demand(twin, HALF_HOUR)[0]) * service.ratio / 1000
    assert 10 < power.value.values[0] < 2_400


def test_meters_state_their_ratio_with_and_without_a_multiplier() -> None:
    services = [view.high_voltage for view in (MeterView(Meters(FLEET), row) for row in range(20, 40))]
    assert {service.multiplier for service in services} == {Decimal(1), Decimal("0.1")}
    assert all(service.coefficient * service.multiplier == service.ratio for service in services)
    assert len({service.ratio for service in services}) > 3


@pytest.mark.parametrize("generator", [False, True])
def test_power_and_currents_are_the_customers(generator: bool) -> None:
    twin = hv("next", generator)
    behind, service = twin.view.electric(NOW), twin.view.high_voltage
    power, currents = values(twin, 0xEA, 0xEB)
    assert power == behind.power_w * service.ratio
    assert currents[0] == pytest.approx(behind.current_r_ma * service.ratio / 60 / 100, abs=1)
    apparent = math.sqrt(3) * 6600 * sum(currents) / 2 / 10
    assert apparent == pytest.approx(abs(power) / behind.power_factor * math.copysign(1, power), rel=0.05)
    assert max(map(abs, (behind.current_r_ma, behind.current_t_ma))) < 6500, "5 A and what unevenness adds"
    assert 103_000 < behind.voltage_r_mv < 117_000


def by_hand(view: MeterView, began: datetime, now: float) -> tuple[int, int]:
    """The largest half-hour since a date by looking at all of them."""
    ends = np.arange(began.replace(tzinfo=JST).timestamp(), now + 1, 1800).astype(int).tolist()
    rows = [row.active for row in view.record(1800, ends[0], ends[-1], now)]
    each = [(b.import_wh - a.import_wh, b.export_wh - a.export_wh) for a, b in pairwise(rows)]
    return 2 * max([i for i, _ in each] + [0]), 2 * max([e for _, e in each] + [0])


@EVERY_KIND
def test_the_monthly_maximum_is_the_largest_half_hour_since_the_closing_day(generation: str, generator: bool) -> None:
    twin = hv(generation, generator)
    closing = value(twin, 0xE0)
    here = wall(MIDNIGHT).replace(day=closing)
    began = here if here <= wall(NOW) else wall(MIDNIGHT).replace(month=3, day=closing)
    expected = directions(twin, *by_hand(twin.view, began, NOW))
    told = value(twin, 0xC1)
    assert (told if generation == "next" else (told,)) == expected


def test_the_monthly_maximum_begins_anew_on_the_closing_day() -> None:
    view = view_of("HV", "next", True)
    one = Demand(view, closing_day=3)
    # From the 1st of April on, two days of it twice, and then the same all over again.
    days = [0, 0, 1, 2, 2, 3, 33, 0]
    began = [date(2025, 3, 3)] * 3 + [date(2025, 4, 3)] * 3 + [date(2025, 5, 3), date(2025, 3, 3)]
    for later, begin in zip(days, began, strict=True):
        now = NOW + 86_400 * later
        assert one.month_began(now) == begin
        assert one.largest_of_month(now) == by_hand(view, datetime.combine(begin, datetime.min.time()), now)


def test_whole_days_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    view = view_of("HV", "next", True)
    stretches: list[float] = []

    def counting(period: int, first: float, last: float, now: float) -> list[Row]:
        stretches.append(last - first)
        return record(period, first, last, now)

    record = view.record
    monkeypatch.setattr(view, "record", counting)
    one = Demand(view, closing_day=3)
    for later in (0, 600, 86_400):
        one.largest_of_month(NOW + later)
    assert stretches[0] > 29 * 86_400
    assert max(stretches[1:]) < 2 * 86_400


def test_just_after_the_closing_day_began_there_is_no_demand_yet() -> None:
    twin = hv("current", False)
    closing = twin.view.high_voltage.closing_day
    begin = jst(NOW).replace(day=closing, month=5, hour=0, minute=0, second=0, microsecond=0).timestamp()
    assert value(twin, 0xC1, now=begin + 600) == 0
    assert value(twin, 0xC1, now=begin + 1800) == demand(twin, begin + 1800)[0]
    assert value(twin, 0xC1, now=begin - 1) > 0


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("generation", ["current", "next"])
@pytest.mark.parametrize("esv", [Esv.SET_I, Esv.SET_GET])
def test_commands_outside_the_limited_set_are_refused_and_change_nothing(generation: str, esv: Esv) -> None:
    twin = hv(generation, False)
    more = {"gets": (Property(0xE1),)} if esv is Esv.SET_GET else {}
    wire = Frame(7, HEMS, twin.eoj, esv, (Property(0xE1, b"\x01"),), **more).to_bytes()
    (answer,) = twin.receive(wire, HOME, NOW)
    assert Frame.from_bytes(answer.data).esv is {Esv.SET_I: Esv.SET_I_SNA, Esv.SET_GET: Esv.SET_GET_SNA}[esv]
    assert value(twin, 0xE1) is Special.UNSET


@pytest.mark.parametrize("epc", [0x97, 0xC5, 0xD3, 0xE0])
def test_only_the_day_of_history_and_the_location_can_be_set(epc: int) -> None:
    twin = hv("current", False)
    assert value(twin, 0x9E) == {0x81, 0xE1}
    assert ask(twin, Esv.SET_C, Property(epc, b"\x01"), deoj=twin.eoj, now=NOW).esv is Esv.SET_C_SNA


@pytest.mark.parametrize("generation", ["current", "next"])
def test_a_half_hour_is_told_as_e3(generation: str) -> None:
    twin = hv(generation, generation == "next")
    (told,) = twin.tell_half_hour(HALF_HOUR + 40)
    frame = Frame.from_bytes(told.data)
    assert (told.to, frame.esv, frame.seoj) == (None, Esv.INF, twin.eoj)
    (item,) = frame.properties
    assert item.epc == 0xE3
    codec = of_class(twin).properties[0xE3].codec
    assert codec.decode(item.edt) == Stamped(wall(HALF_HOUR), registers(twin, HALF_HOUR))


def test_a_meter_of_another_class_has_no_high_voltage_object() -> None:
    with pytest.raises(MeterModelError, match="is no high-voltage meter"):
        HvMeter(view_of("LV"), Clocks(FLEET.plan), b"")


def test_high_voltage_twins_say_the_same_alone_and_among_others() -> None:
    plan = FLEET.plan
    twin = hv("next", True)
    alone = metered(FleetPlan(seed=plan.seed, first_slot=plan.first_slot, areas=plan.areas[:2]))
    same = twin_of(MeterView(Meters(alone), twin.view.row))
    for epc in (0xC1, 0xC3, 0xCB, 0xD0, 0xD3, 0xE0, 0xE2, 0xE3, 0xEA, 0xEB):
        assert value(same, epc) == value(twin, epc)


def test_demand_of_a_day_needs_the_half_hour_before_it() -> None:
    twin = hv("current", False)
    choose(twin, 0xE1, 45)
    told = value(twin, 0xC6).values
    oldest = HALF_HOUR - 45 * 86_400 + 1800  # the first row that is still there
    first = next(at for at, each in enumerate(told) if each is not NO_DATA)
    assert MIDNIGHT - 45 * 86_400 + 1800 * first == oldest + 1800
