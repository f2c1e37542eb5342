"""Dark spells: what is lost in them, who comes back when, and that no cut of the fleet changes it."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.slots import slot_end
from tests.twins.plans import plan
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import CAUSES
from twins.field.checks import FieldError
from twins.field.dark import Dark

PLAN = plan((4, 10))
SLOT = PLAN.first_slot
BEGIN, END = slot_end(SLOT) - 1.0, slot_end(SLOT) + 3600.0
INDEX = np.arange(40)


def field(start: int = 0, stop: int = 40, **spell: object) -> FieldOfAreas:
    dark = Dark(begin=BEGIN, end=END, **spell)  # type: ignore[arg-type]
    return FieldOfAreas(PLAN, [AreaField(medium="direct", dark=(dark,))], start, stop)


def test_what_is_sent_or_asked_in_the_dark_is_lost_and_others_do_not_notice() -> None:
    spell = field(concentrators=(1,))
    dark = np.arange(10, 20)
    causes = spell.reading(INDEX, SLOT).cause
    assert np.flatnonzero(causes).tolist() == dark.tolist()
    assert {CAUSES[cause] for cause in causes[dark]} == {"without power"}
    assert np.flatnonzero(spell.exchange(INDEX, 1, BEGIN + 60).cause).tolist() == dark.tolist()
    assert not spell.exchange(INDEX, 2, END + 1).cause.any()
    assert not spell.reading(INDEX, SLOT - 2).cause.any()


def test_meters_come_back_one_by_one_and_some_never() -> None:
    spell = field(rejoin=(0.0, 1000.0), never=(7,))
    back = [
        int((spell.exchange(INDEX, n, END + after).cause == 0).sum()) for n, after in enumerate((1, 300, 700, 1001))
    ]
    assert 0 <= back[0] < back[1] < back[2] < back[3] == 39
    late = spell.exchange(INDEX, 9, END + 500)
    assert {CAUSES[cause] for cause in late.cause[late.cause > 0]} == {"not joined"}
    assert spell.exchange(np.array([7]), 10, END + 1e9).cause[0]


def test_a_shard_sees_the_same_dark() -> None:
    whole, part = field(rejoin=(0.0, 1000.0), never=(25,)), field(20, 30, rejoin=(0.0, 1000.0), never=(25,))
    own = np.arange(20, 30)
    for after in (100.0, 500.0, 900.0):
        assert (part.exchange(own, 3, END + after).cause == whole.exchange(INDEX, 3, END + after).cause[own]).all()


@pytest.mark.parametrize("wrong", [{"end": BEGIN}, {"rejoin": (5.0, 1.0)}, {"begin": float("nan")}])
def test_a_spell_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FieldError):
        Dark(**({"begin": BEGIN, "end": END} | wrong))  # type: ignore[arg-type]
