"""Loss that comes and goes at level (b): while it lasts, at its concentrator, for those behind it, as at level (a)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.twins.plans import FIRST_SLOT, plan
from twins.field.areas import AreaField, FieldOfAreas
from twins.field.causes import CAUSES
from twins.field.checks import FieldError
from twins.field.layouts import site_of
from twins.field.media.frames import Frames
from twins.field.media.shading import Shaded
from twins.field.settings import MeshSetting
from twins.field.statistics.shades import fit_shade
from twins.field.statistics.store import shipped
from twins.field.variations import Variation

SHADE = CAUSES.index("link shaded")
METERS = 100
FLEET = plan((2, METERS), media=("multihop",))
SETTING = MeshSetting(area_class="suburban")


def site() -> int:
    table = shipped(SETTING, METERS)
    assert table is not None
    return int(site_of(FLEET.seed, np.array([0]), table.sites)[0])


def variation(node: int, db: float, hours: tuple[float, float] = (1.0, 2.0), fading: float = 0.0) -> Variation:
    begin, end = (3600 * hour for hour in hours)
    return Variation(name="x", kind="door", concentrator=0, node=node, begin=begin, end=end, db=db, fading_s=fading)


def busiest_relay() -> int:
    parent = Frames(FLEET.seed, SETTING, METERS, site())._net.tree.parent
    return int(np.argmax(np.bincount(parent[1:][parent[1:] > 0], minlength=METERS + 1)))


@pytest.fixture(scope="module")
def shaded() -> Shaded:
    return fit_shade(SETTING, METERS, site(), variation(busiest_relay(), 30.0), rounds=24)


def causes(field: AreaField, slots: range) -> np.ndarray:
    whole = FieldOfAreas(FLEET, [field])
    return np.array([whole.reading(np.arange(FLEET.meters), FIRST_SLOT + slot).cause for slot in slots])


def test_those_behind_a_shaded_node_lose_messages_while_it_lasts(shaded: Shaded) -> None:
    quiet, shady = (causes(AreaField(mesh=SETTING, shaded=those), range(48)) for those in ((), (shaded,)))
    lost = shady == SHADE
    assert lost.any() and not (quiet == SHADE).any()
    assert (shady[~lost] == quiet[~lost]).all()
    slots, meters = np.nonzero(lost)
    assert set(slots.tolist()) <= {1, 2, 3}  # readings of slots that end, or are under way, between 1 h and 2 h
    assert {shaded.group[meter] for meter in meters} == {1}  # those behind it: 30 dB at a relay's links to its children
    assert (meters < METERS).all()  # the other concentrator knows nothing of it


def test_requests_suffer_as_well(shaded: Shaded) -> None:
    whole = FieldOfAreas(FLEET, [AreaField(mesh=SETTING, shaded=(shaded,))])
    begin = FIRST_SLOT * 1800.0
    at = [whole.exchange(np.arange(FLEET.meters), 1, begin + hour * 3600) for hour in (0.5, 1.5)]
    assert [bool((found.cause == SHADE).any()) for found in at] == [False, True]


def test_statistics_lose_what_level_a_loses_behind_the_shade(shaded: Shaded) -> None:
    behind = np.array(shaded.group) == 1
    always = Variation(name="x", kind="door", concentrator=0, node=shaded.variation.node, begin=0.0, end=1e9, db=30.0)
    frames = Frames(FLEET.seed + 7, SETTING, METERS, site(), variations=(always,))
    one = np.mean([(frames.round(slot).cause[behind] != 0).mean() for slot in range(1, 25)])
    field = AreaField(
        mesh=SETTING, shaded=(Shaded(variation=always, group=shaded.group, db=shaded.db, hazard=shaded.hazard),)
    )
    other = (causes(field, range(48))[:, np.flatnonzero(behind)] != 0).mean()
    assert other == pytest.approx(one, abs=0.1)


def test_drift_is_fitted_at_several_losses_and_more_loss_loses_more() -> None:
    found = fit_shade(SETTING, METERS, site(), variation(busiest_relay(), 12.0, fading=60.0), rounds=4)
    assert found.db == (0.0, 6.0, 12.0, 18.0, 24.0, 36.0)
    assert all(np.diff(row).min() >= 0 for row in found.hazard)
    assert found.hazard[1][-1] > found.hazard[1][0] == 0


def test_a_shaded_concentrator_shades_all_its_meters_by_depth() -> None:
    found = fit_shade(SETTING, METERS, site(), variation(0, 60.0), rounds=2)
    assert min(found.group) >= -1 and max(found.group) == len(found.hazard) - 1
    assert found.hazard[0][1] > 1  # nobody is heard through 60 dB
    assert np.isfinite(found.hazard).all()


def test_a_node_that_does_not_exist_and_impossible_hazards_are_refused() -> None:
    with pytest.raises(FieldError, match="no node 101"):
        fit_shade(SETTING, METERS, site(), variation(METERS + 1, 7.0), rounds=1)
    with pytest.raises(FieldError, match="hazard"):
        Shaded(variation=variation(1, 7.0), group=(0,), db=(0.0, 7.0), hazard=((0.0,),))
