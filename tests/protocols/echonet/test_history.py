from datetime import date, datetime

import pytest

from protocols.echonet.history import MINUTE, SLOT, Selector, series_times, slot_times
from protocols.errors import ProtocolError
from tests.protocols.echonet.vectors import EA_A, VALUES


def test_a_series_runs_backwards_from_the_selected_time() -> None:
    half_hours = series_times(Selector(datetime(2026, 5, 20, 0, 30), 3), SLOT)
    assert half_hours == [datetime(2026, 5, 20, 0, 30), datetime(2026, 5, 20), datetime(2026, 5, 19, 23, 30)]
    assert series_times(VALUES["spec-derived EE"][2].selector, MINUTE)[1] == datetime(2026, 5, 20, 10, 29)


def test_a_selection_that_was_never_made_has_no_times() -> None:
    assert series_times(Selector(), SLOT) == []


def test_a_series_that_would_begin_before_all_dates_is_refused() -> None:
    with pytest.raises(ProtocolError, match="before all dates"):
        series_times(Selector(datetime(1, 1, 1), 2), SLOT)


def test_slot_k_of_a_day_and_a_fixed_time_value_name_the_same_instants() -> None:  # trap 15
    times = slot_times(date(2026, 5, 20))
    assert (times[0], times[47]) == (datetime(2026, 5, 20), datetime(2026, 5, 20, 23, 30))
    assert times.index(EA_A.time) == 28  # 14:00, the end of the half-hour that began at 13:30
