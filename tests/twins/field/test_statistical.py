"""The field stand-in: the losses and delays it is set to, uneven between concentrators, the same for any question."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.plans import FIRST_SLOT, plan
from twins.field.interface import Passage
from twins.field.statistical import StatisticalField, stand_in
from twins.shard.spec import AreaField

MEDIA = ("multihop", "cellular", "plc")
PLAN = plan((40, 25), (30, 20), (20, 30))  # one area a medium
KINDS = ("reading", "exchange")


def field(loss: float = 0.1, slowness: float = 1.0, seed: int = 1, *sizes: tuple[int, int]) -> StatisticalField:
    fleet = plan(*sizes, seed=seed) if sizes else msgspec.structs.replace(PLAN, seed=seed)
    return StatisticalField(fleet, [AreaField(loss=loss, slowness=slowness)] * len(fleet.areas))


def passages(at: StatisticalField, kind: str, slots: int = 20) -> Passage:
    """All meters of the plan over some slots, one after the other."""
    index = np.arange(PLAN.meters)
    return Passage._make(
        np.concatenate(column)
        for column in zip(*(getattr(at, kind)(index, FIRST_SLOT + s) for s in range(slots)), strict=True)
    )


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("area", range(3))
def test_the_mean_loss_over_many_concentrators_is_the_one_that_is_set(area: int, loss: float) -> None:
    sizes = [(1, 1)] * 3
    sizes[area] = (4000, 5)
    many = field(loss, 1.0, 7, *sizes)
    fleet = plan(*sizes, seed=7)
    index = np.arange(20_000) + fleet.first_meter_of_area(area)
    lost = ~np.concatenate([many.reading(index, slot).arrives for slot in range(5)])
    assert lost.mean() == pytest.approx(loss, rel=0.08)
    first = fleet.first_concentrator_of_area(area)
    assert many.loss[first : first + 4000].mean() == pytest.approx(loss, rel=0.08)


def test_concentrators_differ_in_loss_by_far_more_than_chance_would_have_it() -> None:
    sizes = [(400, 50)]
    uneven = field(0.05, 1.0, 3, *sizes)
    index = np.arange(20_000)
    lost = sum((~uneven.reading(index, slot).arrives).astype(int) for slot in range(10)).reshape(400, 50).sum(axis=1)
    binomial = 500 * 0.05 * 0.95
    assert lost.var() > 10 * binomial
    observed = lost / 500
    assert np.corrcoef(observed, uneven.loss)[0, 1] > 0.95  # each keeps its own loss


def test_concentrators_differ_in_slowness_around_the_factor_that_is_set() -> None:
    usual, slow = field(slowness=1.0), field(slowness=4.0)
    assert np.allclose(slow.slowness, 4 * usual.slowness)
    for area, medium in enumerate(MEDIA):
        first = PLAN.first_concentrator_of_area(area)
        logs = np.log(usual.slowness[first : first + PLAN.areas[area].concentrators])
        spread = getattr(stand_in(), medium).unevenness
        assert abs(logs.mean()) < spread
        assert logs.std() == pytest.approx(spread, rel=0.5)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_what_happens_to_a_message_does_not_depend_on_who_else_is_asked_about(kind: str, data: st.DataObject) -> None:
    asked = np.array(data.draw(st.lists(st.integers(0, PLAN.meters - 1), min_size=1, max_size=30)))
    occasion = data.draw(st.integers(0, 2**40))
    one = field()
    whole = getattr(one, kind)(np.arange(PLAN.meters), occasion)
    for again in (getattr(one, kind)(asked, occasion), getattr(field(), kind)(asked, occasion)):
        for all_of_them, some in zip(whole, again, strict=True):
            assert (all_of_them[asked] == some).all()


def test_slots_kinds_and_seeds_are_drawn_apart() -> None:
    index = np.arange(PLAN.meters)
    draws = [
        field(0.5).reading(index, FIRST_SLOT),
        field(0.5).reading(index, FIRST_SLOT + 1),
        field(0.5).exchange(index, FIRST_SLOT),
        field(0.5, seed=2).reading(index, FIRST_SLOT),
    ]
    for number, one in enumerate(draws):
        for other in draws[:number]:
            assert abs(np.corrcoef(one.arrives, other.arrives)[0, 1]) < 0.2
            assert (one.delay != other.delay).mean() > 0.99


def test_loss_and_delay_are_drawn_apart() -> None:
    found = passages(field(0.5), "reading")
    delay = found.delay
    assert delay[found.arrives].mean() == pytest.approx(delay[~found.arrives].mean(), rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_without_loss_nothing_is_lost(kind: str) -> None:
    assert passages(field(0.0), kind).arrives.all()


def test_an_exchange_is_lost_when_either_way_is() -> None:
    sizes = ((2000, 10),)
    both = field(0.3, 1.0, 5, *sizes)
    arrives = np.concatenate([both.exchange(np.arange(20_000), occasion).arrives for occasion in range(5)])
    assert arrives.mean() == pytest.approx(((1 - both.loss) ** 2).mean(), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_delays_are_positive_and_bounded_by_the_data(kind: str) -> None:
    at, index = field(), np.tile(np.arange(PLAN.meters), 20)
    found = passages(at, kind)
    ways = {"reading": 1, "exchange": 2}[kind]
    media = [getattr(stand_in(), medium) for medium in MEDIA]
    area, slowness = PLAN.area_of(index), at.slowness[PLAN.concentrator_of(index)]
    least, most = (np.array([m.hop_delay[end] for m in media])[area] * found.hops * ways * slowness for end in (0, -1))
    window = np.array([m.send_window for m in media])[area] * (ways == 1)
    assert (found.delay > 0).all()
    assert (found.delay >= least).all()
    assert (found.delay <= most + window).all()


def test_a_meter_chooses_its_moment_to_send_all_over_the_window() -> None:
    found = passages(field(slowness=1e-9), "reading")
    assert found.delay.min() < 3
    assert found.delay.max() > 297
    assert found.delay.mean() == pytest.approx(150, rel=0.02)
    assert passages(field(slowness=1e-9), "exchange").delay.max() < 1e-3


def test_hops_are_as_the_medium_has_them_and_stay() -> None:
    hops = passages(field(), "reading", slots=2).hops.reshape(2, -1)
    assert (hops[0] == hops[1]).all()
    assert (hops[0] == field().exchange(np.arange(PLAN.meters), 99).hops).all()
    for area, medium in enumerate(MEDIA):
        first = PLAN.first_meter_of_area(area)
        shares = np.array(getattr(stand_in(), medium).hops)
        counts = np.bincount(hops[0, first : first + PLAN.areas[area].meters], minlength=len(shares) + 1)[1:]
        assert len(counts) == len(shares)
        assert counts / counts.sum() == pytest.approx(shares / shares.sum(), abs=0.05)


def test_more_hops_take_longer() -> None:
    found = passages(field(slowness=100.0), "exchange")
    medians = [np.median(found.delay[found.hops == hops]) for hops in (1, 3, 5)]
    assert medians[0] < medians[1] < medians[2]


def test_the_data_file_is_whole() -> None:
    data = stand_in()
    assert data.knots[0] == 0 and data.knots[-1] == 1 and list(data.knots) == sorted(data.knots)
    assert data.source
    for medium in MEDIA:
        table = getattr(data, medium)
        assert len(table.hop_delay) == len(data.knots)
        assert list(table.hop_delay) == sorted(table.hop_delay) and table.hop_delay[0] > 0
        assert min(table.hops) > 0 and sum(table.hops) == pytest.approx(1)


def test_an_area_more_at_the_end_changes_nothing_for_the_others() -> None:
    short, long = field(0.1, 1.0, 1, (40, 25), (30, 20)), field(0.1, 1.0, 1, (40, 25), (30, 20), (5, 5))
    for one, other in zip(
        short.reading(np.arange(1600), FIRST_SLOT), long.reading(np.arange(1600), FIRST_SLOT), strict=True
    ):
        assert (one == other).all()
