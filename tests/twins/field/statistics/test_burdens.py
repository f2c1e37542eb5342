"""What other traffic does to the statistics: nothing where there is none, more where there is more, and what ships."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.twins.plans import FIRST_SLOT, plan
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import CAUSES
from twins.field.checks import FieldError
from twins.field.classes import AREA_CLASSES
from twins.field.settings import MOST_TRAFFIC, NO_TRAFFIC, MeshSetting, TrafficSetting
from twins.field.statistics.burdens import (
    TRAFFIC_CLASSES,
    BurdenTable,
    air_shares,
    between,
    decode,
    encode,
    loaded,
)
from twins.field.statistics.compete import fit_burdens
from twins.field.statistics.store import SHIPPED_BURDENS, shipped, shipped_burdens
from twins.field.statistics.tables import MeshTable, lost_of, parameters_digest

FULL = TrafficSetting(**MOST_TRAFFIC)
HALF = TrafficSetting(**{name: most / 2 for name, most in MOST_TRAFFIC.items()})


def table(meters: int = 250, traffic: TrafficSetting = NO_TRAFFIC, name: str = "suburban") -> MeshTable:
    found = shipped(MeshSetting(area_class=name), meters, traffic)
    assert found is not None
    return found


def burdens(meters: int = 250, name: str = "suburban") -> BurdenTable:
    found = shipped_burdens(MeshSetting(area_class=name), meters)
    assert found is not None
    return found


def mean_loss(found: MeshTable) -> float:
    return float(lost_of(found.reading)[:, 1:3].sum(axis=2).mean())


@pytest.mark.parametrize("name", AREA_CLASSES)
@pytest.mark.parametrize("meters", SHIPPED_BURDENS)
def test_every_class_ships_burdens_of_the_figures_as_they_are(name: str, meters: int) -> None:
    found = burdens(meters, name)
    assert found.meters == meters
    assert found.provenance.parameters == parameters_digest(), "run bench field calibrate"


def test_no_traffic_changes_nothing() -> None:
    alone, beside_nothing = table(), loaded(table(), burdens(), NO_TRAFFIC)
    own, other = lost_of(alone.reading), lost_of(beside_nothing.reading)
    assert own.sum(axis=2) == pytest.approx(other[:, : own.shape[1]].sum(axis=2), abs=1e-9)
    assert np.array(beside_nothing.reading.delay)[: len(alone.reading.delay)] == pytest.approx(
        np.array(alone.reading.delay)
    )
    assert alone.air == beside_nothing.air
    assert not NO_TRAFFIC and FULL


def test_more_traffic_loses_more_takes_longer_and_uses_more_air() -> None:
    found = [table(traffic=traffic) for traffic in (NO_TRAFFIC, HALF, FULL)]
    losses, p99, air = (
        [mean_loss(each) for each in found],
        [each.reading.delay[2][9] for each in found],
        [max(each.air) for each in found],
    )
    assert losses[0] < losses[1] < losses[2] < 0.5
    assert p99[0] < p99[1] < p99[2]
    assert air[0] < air[1] < air[2]
    assert set(found[2].others) == set(TRAFFIC_CLASSES)


def test_shares_of_the_air_grow_with_the_rates() -> None:
    half, full = air_shares(burdens(), HALF), air_shares(burdens(), FULL)
    assert set(half) == set(full) == set(TRAFFIC_CLASSES)
    assert all(0 < half[name] < full[name] for name in half)
    assert air_shares(burdens(), NO_TRAFFIC) == {}


def test_between_two_numbers_of_meters_burdens_lie_between() -> None:
    few, many = burdens(250), burdens(500)
    middle = between(few, many, 375)
    assert middle.meters == 375
    for name in TRAFFIC_CLASSES:
        own, ends = (
            middle.classes[name][1].air,
            [few.classes[name][1].air, many.classes[name][1].air],
        )
        assert min(ends) <= own <= max(ends)
    assert decode(encode((middle,)), "itself") == (middle,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 99}, "version 99"),
        ({"classes": {}}, "every class"),
        ({"causes": ("weather",)}, "unknown 'weather'"),
        ({"causes": ("collision",)}, "by hops and cause"),
    ],
)
def test_burdens_that_cannot_be_are_refused_with_their_files_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FieldError, match=f"broken.json: .*{message}"):
        decode(encode((msgspec.structs.replace(burdens(), **changes),)), "broken.json")


@pytest.mark.parametrize("rates", [{"polls": -1.0}, {"five_minute": 1.1}, {"firmware": float("nan")}])
def test_traffic_that_no_fit_has_seen_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(FieldError, match="nothing is fitted"):
        TrafficSetting(**rates)


def test_the_fit_is_repeatable_and_knows_its_classes() -> None:
    one, other = (fit_burdens(MeshSetting(), 6, made="", sites=1, rounds=1) for _ in range(2))
    assert one == other
    assert set(one.classes) == set(TRAFFIC_CLASSES)
    with pytest.raises(FieldError, match="a site and a round"):
        fit_burdens(MeshSetting(), 6, made="", sites=0)


def test_messages_of_all_classes_have_a_way_whoever_asks() -> None:
    fleet = plan((12, 40), (8, 30), (6, 50))  # multihop, cellular, plc
    area = AreaField(traffic=HALF, loss=0.05)
    whole, part = FieldOfAreas(fleet, [area] * 3), FieldOfAreas(fleet, [area] * 3, 100, 700)
    index = np.arange(100, 700)
    for number, kind in enumerate(TRAFFIC_CLASSES):
        found = whole.message(kind, index, FIRST_SLOT + number, 1_768_400_000.0)
        again = part.message(kind, index, FIRST_SLOT + number, 1_768_400_000.0)
        for one, other in zip(found, again, strict=True):
            assert np.array_equal(one, other)
        assert 0.5 < found.arrives.mean() < 1
        assert np.isfinite(found.delay).all() and (found.delay > 0).all()
        assert (found.cause < len(CAUSES)).all()
    with pytest.raises(FieldError, match="there are"):
        whole.message("gossip", index, 1, 0.0)
