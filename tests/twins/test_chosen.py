from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.twins.meter.fleets import plan_of_both
from twins.chosen import ChosenTwins, runs
from twins.fleet import Fleet
from twins.meter.meters import Meters
from twins.meter.view import MeterView


@given(st.lists(st.integers(0, 500), min_size=1), st.integers(1, 50))
def test_runs_hold_every_index_once_and_no_wide_stretch_that_nobody_asked_for(indices: list[int], gap: int) -> None:
    found = runs(indices, gap)
    held = np.concatenate([list(run) for run in found])
    assert set(indices) <= set(held.tolist())
    assert list(held) == sorted(set(held.tolist()))
    asked = sorted(set(indices))
    wide = sum(after - before - 1 >= gap for before, after in pairwise(asked))
    assert len(found) == 1 + wide


def test_chosen_twins_are_as_they_are_among_all_others() -> None:
    plan = plan_of_both(20_000, areas=1)
    chosen = ChosenTwins(plan, [19_900, 3, 17])
    assert [view.index for view in chosen.views] == [19_900, 3, 17]
    chosen.advance_to(plan.first_slot + 5)
    chosen.advance_to(plan.first_slot + 2)  # the past stays as it is
    fleet = Fleet(plan, 0, plan.meters)
    fleet.advance_to(plan.first_slot + 5)
    at = (plan.first_slot + 5) * 1800 + 100
    for view in chosen.views:
        same = MeterView(Meters(fleet), view.index)
        assert (view.active(at), view.electric(at)) == (same.active(at), same.electric(at))
