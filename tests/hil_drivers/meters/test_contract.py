"""One test body for every protocol: whatever a meter speaks, it tells what the twin behind it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from hil_drivers.errors import LinkError, UnsupportedError
from hil_drivers.meter import OFFERS, Action, Booking, Can, Meter, ProfileRow
from protocols.slots import SLOT_SECONDS
from tests.hil_drivers.meters import twins
from tests.hil_drivers.meters.servers import Server
from tests.hil_drivers.meters.twins import NOW, VIEW

PROVIDERS = {
    "dlms": twins.dlms,
    "echonet": twins.echonet,
    "modbus": twins.modbus,
    "modbus-rtu": twins.modbus_rtu,
    "optical": twins.optical,
    "wi-sun BP35A1": partial(twins.wisun, "BP35A1"),
    "wi-sun BP35C2": partial(twins.wisun, "BP35C2"),
    "wi-sun J11": partial(twins.wisun, "J11"),
}
TIMED = [name for name in PROVIDERS if {Can.CLOCK, Can.PROFILE} <= OFFERS[name.split()[0]]]
NEWEST = NOW // SLOT_SECONDS * SLOT_SECONDS

timed = pytest.mark.parametrize("provider", TIMED, indirect=True)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Meter]]:
    with PROVIDERS[request.param]() as found:
        yield found


@pytest.fixture
def meter(provider: tuple[Server, Meter]) -> Meter:
    return provider[1]


def test_it_says_who_it_is(meter: Meter) -> None:
    assert meter.identity().serial == VIEW.identity.serial


@timed
def test_its_clock_shows_the_time_as_finely_as_it_says(meter: Meter) -> None:
    shown = meter.clock()
    assert shown.time <= NOW + 2
    assert NOW - 2 - shown.resolution_s <= shown.time


def test_its_registers_are_the_twins_cut_to_what_it_shows(meter: Meter) -> None:
    found = meter.registers()
    active = VIEW.active(NOW)
    assert found.resolution_wh == 1
    assert (found.import_wh, found.export_wh) == (active.import_wh, active.export_wh)


def test_its_instantaneous_values_are_the_twins(meter: Meter) -> None:
    found, exact = meter.instant(), VIEW.electric(NOW)
    assert found.power_w == exact.power_w
    assert abs((found.current_r_ma or 0) - abs(exact.current_r_ma)) <= 50
    assert abs((found.current_t_ma or 0) - abs(exact.current_t_ma or 0)) <= 50


@timed
@pytest.mark.parametrize(("period", "rows"), [(1800, 20), (60, 25)])
def test_its_periodic_rows_are_the_twins_oldest_first(meter: Meter, period: int, rows: int) -> None:
    last = NOW // period * period
    found = meter.profile(period, last - (rows - 1) * period, last)
    assert [energies(row) for row in found] == expected(period, last - (rows - 1) * period, last)
    assert len(found) == rows


@timed
def test_rows_that_do_not_exist_are_absent(meter: Meter) -> None:
    assert meter.profile(1800, NEWEST + 1, NEWEST + 10 * SLOT_SECONDS) == []
    assert meter.profile(1800, NEWEST - 60, NEWEST + 60) == meter.profile(1800, NEWEST, NEWEST)


@timed
def test_a_period_that_it_does_not_keep_is_refused_by_name(meter: Meter) -> None:
    with pytest.raises(UnsupportedError, match="rows of 7 min"):
        meter.profile(420, NOW - 3600, NOW)


def test_what_it_does_not_say_it_can_is_one_clear_error(meter: Meter) -> None:
    asked: dict[Can, Any] = {
        Can.CLOCK: meter.clock,
        Can.SET_CLOCK: lambda: meter.set_clock(NOW),
        Can.PROFILE: lambda: meter.profile(1800, 0, NOW),
        Can.EVENTS: lambda: meter.events(0, NOW),
        Can.POWER_FAILURES: meter.power_failures,
        Can.ATTACHED: meter.attached,
        Can.SWITCH: meter.open_switch,
        Can.LIMIT: lambda: meter.set_limit(30),
        Can.BOOKING: lambda: meter.book(Booking(Action.OPEN, NOW)),
        Can.IMAGE: lambda: meter.image_initiate(b"FW", 1),
        Can.KEYS: lambda: meter.transfer_key(bytes(16)),
    }
    for what in set(Can) - meter.can:
        with pytest.raises(UnsupportedError, match=rf"{meter.protocol} does not carry {what.value}; ask by dlms"):
            asked[what]()


@pytest.mark.parametrize("name", PROVIDERS)
def test_after_a_silence_the_next_call_is_answered(name: str) -> None:
    with PROVIDERS[name](wait_s=1.0) as (server, meter):
        before = meter.registers()
        server.mute = True
        with pytest.raises(LinkError):
            meter.registers()
        server.mute = False
        assert meter.registers() == before


def energies(row: ProfileRow) -> tuple[int, int | None, int | None]:
    return row.end, row.import_wh, row.export_wh


def expected(period: int, first: int, last: int) -> list[tuple[int, int, int]]:
    return [(row.end, *row.active) for row in VIEW.record(period, first, last, NOW)]
