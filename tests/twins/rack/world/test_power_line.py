"""The line between a bridge and its meter: losses and delays are those of its margin and of the hour."""

from __future__ import annotations

import statistics

import pytest

from protocols.slots import SLOT_SECONDS, SLOTS_PER_DAY, slot_of_day
from twins.field.media.parameters import media
from twins.rack.world.power_line import PowerLine

TABLE = media().plc
MIDNIGHT = next(slot for slot in range(SLOTS_PER_DAY) if slot_of_day(slot) == 0) * SLOT_SECONDS + 86_400 * 20_000
QUIET, NOISY = (MIDNIGHT + 3600 * hour + 60.0 for hour in (2, 19))
SENT = 4000


def carried(line: PowerLine, now: float) -> list[float]:
    return [delay for delay in (line.carry(now) for _ in range(SENT)) if delay is not None]


def test_the_noise_of_the_hour_goes_off_the_margin() -> None:
    line = PowerLine("plc-1", margin_db=10.0)
    assert line.over_db(QUIET) == 10.0 - TABLE.noise_db[2]
    assert line.over_db(NOISY) == 10.0 - TABLE.noise_db[19]
    assert PowerLine("plc-1").margin_db == TABLE.margin_db


@pytest.mark.parametrize("over", [0.5, 1.0, 2.0])
def test_as_many_are_lost_as_tries_fail_together(over: float) -> None:
    line = PowerLine("plc-1", margin_db=TABLE.noise_db[2] + over)
    lost = 1 - len(carried(line, QUIET)) / SENT
    expected = 2.718281828 ** (-over / TABLE.width_db * (TABLE.retries + 1))
    assert lost == pytest.approx(expected, abs=4 * (expected / SENT) ** 0.5)


def test_a_good_line_carries_all_in_the_time_of_one_try_and_a_bad_one_takes_longer() -> None:
    good, bad = PowerLine("plc-1", margin_db=40.0), PowerLine("plc-1", margin_db=1.0)
    delays = carried(good, QUIET)
    assert len(delays) == SENT and statistics.median(delays) == pytest.approx(TABLE.cycle, rel=0.05)
    assert statistics.median(carried(bad, QUIET)) > 1.3 * TABLE.cycle


def test_without_margin_nothing_gets_through_while_the_hour_is_noisy() -> None:
    line = PowerLine("plc-1", margin_db=6.0)
    assert carried(line, NOISY) == []
    assert len(carried(line, QUIET)) > 0.99 * SENT


def test_lines_of_one_rack_have_chances_of_their_own_and_each_time_the_same() -> None:
    first, again, other = PowerLine("plc-1", 7), PowerLine("plc-1", 7), PowerLine("plc-2", 7)
    delays = [first.carry(QUIET) for _ in range(20)]
    assert delays == [again.carry(QUIET) for _ in range(20)]
    assert delays != [other.carry(QUIET) for _ in range(20)]
