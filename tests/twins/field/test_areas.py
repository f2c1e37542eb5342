"""The field of a plan: every answer the same whoever asks, causes for all that is lost, media that can be replaced."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.twins.plans import FIRST_SLOT, plan
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import CAUSES, IMPOSED, OUT_OF_REACH, WIDE_AREA
from twins.field.checks import FieldError
from twins.field.interface import Passage
from twins.field.settings import MeshSetting, WideAreaSetting

PLAN = plan((12, 40), (8, 30), (6, 50))  # multihop, cellular, plc
NOW = 1_768_400_000.0
USUAL = AreaField()
EVERYTHING = AreaField(loss=0.05, wide_area=WideAreaSetting(outages_per_year=300, outage_minutes=200))


def field(
    area: AreaField = USUAL, sizes: Sequence[tuple[int, int]] = (), seed: int = 1, media: tuple[str, ...] = ()
) -> FieldOfAreas:
    fleet = plan(*sizes, seed=seed, media=media or ("multihop", "cellular", "plc")) if sizes else PLAN
    fleet = msgspec.structs.replace(fleet, seed=seed)
    # What says nothing for a medium is refused in topologies; here it is left unused.
    return FieldOfAreas(fleet, [area] * len(fleet.areas))


def ask(at: FieldOfAreas, kind: str, index: NDArray[np.int64], occasion: int) -> Passage:
    return at.reading(index, occasion) if kind == "reading" else at.exchange(index, occasion, NOW)


@pytest.mark.parametrize("kind", ["reading", "exchange"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_happens_to_a_message_does_not_depend_on_who_else_is_asked_about(kind: str, data: st.DataObject) -> None:
    asked = np.array(data.draw(st.lists(st.integers(0, PLAN.meters - 1), min_size=1, max_size=30)))
    occasion = data.draw(st.integers(FIRST_SLOT, FIRST_SLOT + 10_000))
    one = field(EVERYTHING)
    whole = ask(one, kind, np.arange(PLAN.meters), occasion)
    start = data.draw(st.integers(0, int(asked.min())))
    shard = FieldOfAreas(PLAN, [EVERYTHING] * 3, start, int(asked.max()) + 1)
    for again in (ask(one, kind, asked, occasion), ask(shard, kind, asked, occasion)):
        for all_of_them, some in zip(whole, again, strict=True):
            assert (all_of_them[asked] == some).all()


def test_slots_kinds_and_seeds_are_drawn_apart() -> None:
    index = np.arange(PLAN.meters)
    lossy = AreaField(loss=0.5)
    draws = [
        field(lossy).reading(index, FIRST_SLOT),
        field(lossy).reading(index, FIRST_SLOT + 1),
        field(lossy).exchange(index, FIRST_SLOT, NOW),
        field(lossy, seed=2).reading(index, FIRST_SLOT),
    ]
    for number, one in enumerate(draws):
        for other in draws[:number]:
            assert abs(np.corrcoef(one.arrives, other.arrives)[0, 1]) < 0.25
            assert (one.delay != other.delay).mean() > 0.99


def test_passages_are_whole_numbers_never_nan_never_negative() -> None:
    for kind in ("reading", "exchange"):
        for occasion in range(FIRST_SLOT, FIRST_SLOT + 20):
            found = ask(field(EVERYTHING), kind, np.arange(PLAN.meters), occasion)
            assert np.isfinite(found.delay).all()
            assert (found.delay > 0).all()
            assert (found.cause < len(CAUSES)).all()
            assert (found.arrives == (found.cause == 0)).all()


@pytest.mark.parametrize("loss", [0.02, 0.2])
def test_an_imposed_loss_is_what_is_set_on_average_and_uneven_between_concentrators(loss: float) -> None:
    many = field(AreaField(medium="direct", loss=loss), [(400, 50)])
    cause = np.concatenate([many.reading(np.arange(20_000), slot).cause for slot in range(10)])
    assert set(np.unique(cause)) == {0, IMPOSED}
    assert (cause == IMPOSED).mean() == pytest.approx(loss, rel=0.15)
    lost = (cause == IMPOSED).reshape(10, 400, 50).sum(axis=(0, 2))
    assert lost.var() > 5 * 500 * loss * (1 - loss)  # a binomial would have this without the factor


def test_a_direct_medium_takes_only_the_meters_choice_of_when_to_send() -> None:
    found = field(AreaField(medium="direct"), [(20, 50)]).reading(np.arange(1000), FIRST_SLOT)
    assert found.arrives.all()
    assert found.delay.max() <= 300.01 and found.delay.min() < 3
    assert field(AreaField(medium="direct"), [(2, 5)]).exchange(np.arange(10), 1, NOW).delay.max() < 0.02


def test_an_area_more_at_the_end_changes_nothing_for_the_others() -> None:
    short, long = field(EVERYTHING, [(10, 25), (5, 20)]), field(EVERYTHING, [(10, 25), (5, 20), (5, 5)])
    for one, other in zip(
        short.reading(np.arange(350), FIRST_SLOT), long.reading(np.arange(350), FIRST_SLOT), strict=True
    ):
        assert (one == other).all()


def test_while_a_concentrators_link_is_down_readings_wait_and_requests_are_lost() -> None:
    outages = AreaField(wide_area=WideAreaSetting(outages_per_year=365, outage_minutes=120))
    down, whole = field(outages, [(40, 25)], media=("multihop",)), field(AreaField(), [(40, 25)], media=("multihop",))
    index, waited, lost = np.arange(1000), 0, 0
    for slot in range(FIRST_SLOT, FIRST_SLOT + 48):
        late, usual = down.reading(index, slot), whole.reading(index, slot)
        assert (late.cause == usual.cause).all()
        assert np.all(late.delay >= usual.delay)
        waited += int((late.delay > usual.delay).sum())
        asked = down.exchange(index, slot, (slot + 1) * 1800.0)
        gone = (asked.cause == WIDE_AREA).reshape(40, 25)
        assert set(gone.sum(axis=1)) <= {0, *range(20, 26)}  # a link is down for all, but for what was lost before
        lost += int(gone.sum())
    assert waited > 500 and lost > 500


def test_meters_beyond_the_mesh_are_out_of_reach_for_good_unless_a_fallback_carries_them() -> None:
    far = MeshSetting(area_class="suburban", spacing_m=120.0)
    from twins.field.statistics.fit import fit

    table = fit(far, 40, made="today", sites=3, rounds=2)
    without, rescued = (
        field(AreaField(mesh=far, table=table, fallback=kept), [(10, 40)], media=("multihop",))
        for kept in (False, True)
    )
    index = np.arange(400)
    islands = [without.reading(index, FIRST_SLOT + slot).cause == OUT_OF_REACH for slot in range(3)]
    assert islands[0].any() and not islands[0].all()
    assert (islands[0] == islands[1]).all() and (islands[0] == islands[2]).all()
    assert (without.exchange(index, 7, NOW).cause[islands[0]] == OUT_OF_REACH).all()
    found = rescued.reading(index, FIRST_SLOT)
    assert not (found.cause == OUT_OF_REACH).any()
    assert found.arrives[islands[0]].mean() > 0.9
    assert (found.cause[~islands[0]] == without.reading(index, FIRST_SLOT).cause[~islands[0]]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AreaField(loss=1.0), "lies between 0 and 1"),
        (lambda: AreaField(slowness=0.0), "above 0"),
        (lambda: AreaField(slowness=float("nan")), "above 0"),
        (lambda: AreaField(deep_share=2.0), "at most 1"),
        (lambda: WideAreaSetting(outages_per_year=400), "impossible outage"),
        (lambda: field(AreaField(mesh=MeshSetting(mode="9"))), "unknown '9'"),
        (lambda: field(AreaField(mesh=MeshSetting(area_class="sea"))), "unknown 'sea'"),
        (lambda: field(AreaField(mesh=MeshSetting(spacing_m=33.0))), "bench field calibrate"),
        (lambda: FieldOfAreas(PLAN, [AreaField()]), "every area has a field"),
        (lambda: field().reading(np.array([PLAN.meters]), 0), "no such meter"),
        (lambda: field().reading(np.array([-1]), 0), "no such meter"),
    ],
)
def test_what_cannot_be_is_refused_with_a_message(make: object, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        make()  # type: ignore[operator]
