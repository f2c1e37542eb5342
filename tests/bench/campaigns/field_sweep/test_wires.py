"""The campaign over the wires: emulated sticks, meters and attenuators, the gateway as a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bench.campaigns.field_sweep.results import Found, Twins, examine, measurements
from bench.campaigns.field_sweep.run import places_of, plan_of, sweep
from bench.campaigns.field_sweep.sweep import Sweep
from bench.errors import InputError
from bench.field.attenuators import wanted_links
from bench.topology.load import load_topology
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.serving import client, serving

DEAF = """
defects:
  - { kind: hidden-error, meters: [TWN000000000002], deaf_db: 6 }
"""
PLACES = ("lv-1", "lv-3")  # the second one is deaf


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    path = topology(tmp_path_factory.mktemp("sweep"), 60.0, DEAF)
    with Emulation(path) as emulated, serving(path, emulated.folder):
        yield emulated


@pytest.fixture(scope="module")
def swept(rack: Emulation) -> dict[str, tuple[Sweep, Found]]:
    plan, told = plan_of(60)._replace(settle=0.02, joins=60.0), list[str]()
    links = wanted_links(load_topology(rack.path).topology, rack.inventory)
    with client(rack.folder) as asking:
        sweeps = sweep(asking, rack.inventory, PLACES, links, plan, told.append, threading.Event())
    twins = Twins(plan.tries, 1)
    return {each.place: (each, examine(each, plan, twins)) for each in sweeps}


@pytest.mark.requirement("B2", "U1", "U9")
def test_a_healthy_radio_is_on_theory_and_twins_and_a_deaf_one_is_not(
    swept: dict[str, tuple[Sweep, Found]],
) -> None:
    healthy, deaf = (swept[place][1] for place in PLACES)
    assert healthy.fault == deaf.fault == ""
    verdicts = {(each.name, each.place): each.verdict for each in measurements([healthy, deaf])}
    for name in ("loss_shift", "twin_shift", "level_slope"):
        assert verdicts[name, "lv-1"] == "pass", healthy
    assert verdicts["loss_shift", "lv-3"] == verdicts["twin_shift", "lv-3"] == "fail", deaf
    assert deaf.loss_shift_db == pytest.approx(6.0, abs=1.0)
    assert verdicts["level_slope", "lv-3"] == "pass"  # it shows levels as it should


def test_the_attenuator_was_set_from_the_link_table(rack: Emulation, swept: dict[str, tuple[Sweep, Found]]) -> None:
    done, found = swept["lv-1"]
    assert done.link is not None and done.field_db is not None
    assert done.field_db % 0.25 == 0  # its steps
    assert found.field_rounding_db is not None and abs(found.field_rounding_db) <= 0.125 + 0.005
    assert found.link_residual_db == pytest.approx(0.0, abs=0.7)  # an error of 0.3 dB a setting, and the shown steps


def test_joins_succeed_where_the_radio_is_loud(swept: dict[str, tuple[Sweep, Found]]) -> None:
    assert [seconds is not None for db, seconds in swept["lv-1"][0].joins if db == 0] == [True]


def test_places_that_cannot_be_swept_are_refused(rack: Emulation) -> None:
    assert places_of(rack.inventory, ()) == ["lv-1", "lv-2", "lv-3", "next-1", "next-2"]
    with pytest.raises(InputError, match="lv-4 cannot be swept"):
        places_of(rack.inventory, ["lv-4"])
    with pytest.raises(InputError, match="there is no place nowhere"):
        places_of(rack.inventory, ["nowhere"])
