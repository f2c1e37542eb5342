"""The time of a memory: it goes on from the first serving, and belongs to one topology."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.errors import InputError
from bench.serving.choose import going_on
from tests.twins.plans import plan as plan_of
from twins.clock import ClockSpec, make_clock

PLAN = plan_of((1, 40))
VIRTUAL = ClockSpec(mode="scaled", start=1_000_000.0, scale=1.0, origin=50.0)
WALL = ClockSpec(mode="wall", start=50.0, origin=50.0)


@pytest.mark.parametrize("clock", [VIRTUAL, WALL])
def test_time_goes_on_between_two_servings_and_never_back(tmp_path: Path, clock: ClockSpec) -> None:
    folder = tmp_path / "memory"
    assert going_on(folder, PLAN, clock) == (PLAN, clock)
    again = msgspec.structs.replace(clock, origin=90.0, start=90.0 if clock.mode == "wall" else clock.start)
    later = msgspec.structs.replace(PLAN, first_slot=PLAN.first_slot + (clock.mode == "wall"))
    kept, found = going_on(folder, later, again)
    assert (kept, found) == (PLAN, clock)
    assert make_clock(found).now() > make_clock(again).now() - 1


def test_the_memory_of_another_topology_or_another_clock_is_refused(tmp_path: Path) -> None:
    going_on(tmp_path, PLAN, VIRTUAL)
    for plan, clock in (
        (msgspec.structs.replace(PLAN, seed=PLAN.seed + 1), VIRTUAL),
        (PLAN, msgspec.structs.replace(VIRTUAL, scale=2.0)),
        (PLAN, msgspec.structs.replace(VIRTUAL, start=2.0)),
        (PLAN, WALL),
    ):
        with pytest.raises(InputError, match="another topology"):
            going_on(tmp_path, plan, clock)


def test_a_damaged_note_of_the_begin_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "began.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        going_on(tmp_path, PLAN, VIRTUAL)


def test_a_folder_that_cannot_be_made_is_left_to_who_opens_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert going_on(tmp_path / "file", PLAN, VIRTUAL) == (PLAN, VIRTUAL)
