"""What users write and read: times, periods, units."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.meters.words import instant_of, name_of, period_of, plain, shown, unit_of
from hil_drivers.meter import Action, Booking, Registers

NOON = 1_779_246_000  # 2026-05-20 12:00 JST


def test_a_time_without_a_zone_is_japans() -> None:
    for text in ("2026-05-20T12:00", "2026-05-20 12:00:00", "2026-05-20T03:00+00:00", "2026-05-20T05:00:00+02:00"):
        assert instant_of(text, lambda: 0) == NOON
    assert instant_of("2026-05-20", lambda: 0) == NOON - 12 * 3600


def test_a_time_may_be_counted_from_the_meters_now() -> None:
    assert instant_of("+10m", lambda: NOON) == NOON + 600
    assert instant_of("-2h", lambda: NOON) == NOON - 7200


@pytest.mark.parametrize("text", ["noon", "", "+", "-1w", "2026-13-01", "+0m"])
def test_what_is_no_time_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="write one like"):
        instant_of(text, lambda: 0)


def test_periods_are_read_in_their_unit() -> None:
    assert [period_of(text) for text in ("30m", "1h", "60s", "1d")] == [1800, 3600, 60, 86_400]


@pytest.mark.parametrize("text", ["30", "m", "0m", "1.5h", "٣m", "-5m"])
def test_what_is_no_period_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="no period"):
        period_of(text)


def test_names_carry_their_unit_apart() -> None:
    assert (name_of("current_r_ma"), unit_of("current_r_ma")) == ("current_r", "mA")
    assert (name_of("serial"), unit_of("serial")) == ("serial", "")
    assert (name_of("route_b_id"), unit_of("route_b_id")) == ("route_b_id", "")


def test_what_does_not_exist_is_left_out_and_enumerations_go_by_name() -> None:
    assert plain(Registers(import_wh=1)) == {"import_wh": 1}
    assert plain(Booking(Action.OPEN, NOON)) == {"action": "open", "at": NOON}


def test_times_show_as_in_japan_and_truth_as_a_word() -> None:
    assert shown("at", NOON) == "2026-05-20 12:00:00"
    assert (shown("closed", True), shown("export_wh", None), shown("import_wh", 0)) == ("yes", "", "0")
