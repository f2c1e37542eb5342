"""What a shard did not deliver is told by area and cause, and the causes add up to all that is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from protocols.slots import slot_end
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import Shard, down_topic, request
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import COVERAGE, IMPOSED
from twins.shard.losses import EXCHANGES, LossBook
from twins.shard.spec import DefectPlan

PLAN = plan((3, 20), (2, 25), (1, 30))


@pytest.mark.parametrize("start", [0, 35])
def test_sent_and_lost_readings_add_up_to_those_that_were_due(start: int, tmp_path: Path) -> None:
    silent = DefectPlan(kind="silent", meters=(40, 41))
    field = FieldOfAreas(PLAN, [AreaField(loss=0.2)] * 3, start)
    shard = Shard(PLAN, tmp_path / "j", start, slots=10, field=field, defects=[silent])
    shard.all()
    lost = shard.core.losses.lost()
    assert shard.core.sent + sum(sum(causes.values()) for causes in lost.values()) == 10 * (PLAN.meters - start)
    assert lost["a0"]["silent meter"] == 20
    assert all(causes["imposed"] > 0 for causes in lost.values())


def test_figures_name_kind_area_and_cause(tmp_path: Path) -> None:
    book = LossBook(PLAN, 50, 140)  # from the last meters of a0 on
    book.note("lost", np.array([0, 1, 10, 11]), np.array([0, COVERAGE, COVERAGE, COVERAGE], np.uint8))
    book.note(EXCHANGES, np.array([89]), np.array([IMPOSED], np.uint8))
    assert book.figures() == {"lost:a0:coverage": 1, "lost:a1:coverage": 2, "unanswered:a2:imposed": 1}


def test_an_exchange_that_is_lost_is_told_by_its_cause(tmp_path: Path) -> None:
    shard = Shard(PLAN, tmp_path / "j", slots=1, loss=0.5)
    shard.all()
    now, answered = slot_end(FIRST_SLOT) + 1000.0, 0
    for counter in range(1, 31):
        shard.core.ask(down_topic(PLAN, 0), request(0, FIRST_SLOT, FIRST_SLOT, counter=counter), now)
        answered += len(shard.step(now + 10))
    assert answered + shard.core.losses.lost(EXCHANGES)["a0"]["imposed"] == 30
