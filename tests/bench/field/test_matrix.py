"""The attenuator matrix from the link table, over the wires: emulated attenuators, sticks and meters, a gateway."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli.field import app
from bench.errors import InputError
from bench.field.attenuators import Wanted, wanted_links
from bench.field.live import with_live
from bench.field.matrix import SetLink, check_link, chosen, set_link, set_links, table
from bench.field.player import Player
from bench.measure import judge, load_limits
from bench.rack.client import RackClient
from bench.rack.emulator_client import EmulatorClient
from bench.rack.inventory import inventory_of
from bench.rack.messages import Power, Source
from bench.stage import Aborted
from bench.topology.load import load_topology
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.serving import client, lease, serving
from tests.bench.rack.virtual import eventually
from twins.field.areas import AreaField
from twins.field.variations import Variation

LOOSE = """
defects:
  - { kind: hidden-error, meters: [TWN000000000002], antenna_db: 10 }
"""
POWERED = ("lv-1", "lv-2", "lv-3", "next-1", "next-2")


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    path = topology(tmp_path_factory.mktemp("matrix"), 60.0, LOOSE)
    with Emulation(path) as emulated, serving(path, emulated.folder):
        yield emulated


@pytest.fixture(scope="module")
def asking(rack: Emulation) -> Iterator[RackClient]:
    with client(rack.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def token(rack: Emulation, asking: RackClient) -> str:
    """All places leased, and those with sticks powered."""
    held = lease(asking, *rack.inventory.places, ttl=600.0)
    for place in POWERED:
        asking.ask(Power(place, held, "on"))
    for place in ("lv-1", "next-1"):
        asking.ask(Source(place, held, "on"))
    return held


@pytest.fixture(scope="module")
def links(rack: Emulation) -> Mapping[str, Wanted]:
    return wanted_links(load_topology(rack.path).topology, rack.inventory)


@pytest.fixture(scope="module")
def found(rack: Emulation, asking: RackClient, token: str, links: Mapping[str, Wanted]) -> dict[str, SetLink]:
    done = set_links(asking, token, rack.inventory, chosen(rack.inventory, links, ()), threading.Event())
    return {each.place: each for each in done}


def truth(rack: Emulation) -> dict[str, Any]:
    return EmulatorClient(rack.folder).truth()


def residual_verdict(link: SetLink) -> str:
    (measured,) = judge(
        {"link_residual": load_limits("field-sweep")["link_residual"]}, {"link_residual": link.residual_db}
    )
    return str(measured.verdict)


@pytest.mark.requirement("U9", "B2")
def test_a_stick_hears_what_the_link_table_says_but_for_what_steps_and_range_left(
    found: dict[str, SetLink], rack: Emulation
) -> None:
    for place in ("lv-1", "lv-2", "next-1", "next-2"):
        link = found[place]
        assert link.heard_dbm is not None and link.left_db is not None and link.why == ""
        assert link.heard_dbm == pytest.approx(link.level_dbm + link.left_db, abs=1.0)
        assert residual_verdict(link) == "pass"
        assert truth(rack)["meters"][place]["dbm"] == pytest.approx(link.level_dbm + link.left_db, abs=0.35)
    assert abs(found["lv-1"].left_db or 0) <= 0.125 and abs(found["next-1"].left_db or 0) <= 0.5
    assert found["next-2"].set_db == 0 and found["next-2"].left_db == pytest.approx(-14.6)  # cables take more
    assert found["gas-1"].set_db == 4.0 and found["gas-1"].heard_dbm is None  # it has no stick


@pytest.mark.requirement("U9")
def test_a_loose_antenna_is_found_by_the_residual(found: dict[str, SetLink]) -> None:
    assert found["lv-3"].residual_db == pytest.approx(-10.0, abs=1.0)
    assert residual_verdict(found["lv-3"]) == "fail"
    assert "lv-3" in {row[0] for row in table(list(found.values())).rows}


def test_where_no_loss_is_described_the_stick_tells_it(
    rack: Emulation, asking: RackClient, token: str, links: Mapping[str, Wanted], found: dict[str, SetLink]
) -> None:
    unknown = {name: msgspec.structs.replace(link, described_dbm=None) for name, link in links.items()}
    told = set_link(asking, token, unknown["lv-2"], stick=True, rest=time.sleep)
    assert told.at_zero_dbm == pytest.approx(-35.0, abs=0.6)
    assert told.residual_db == pytest.approx(0.0, abs=1.0)
    assert "describe it" in set_link(asking, token, unknown["gas-1"], stick=False, rest=time.sleep).why
    assert "its stick will tell" in check_link(unknown["lv-2"], asking).why


def test_nobody_looks_for_a_meter_any_more_once_the_run_is_aborted(
    rack: Emulation, asking: RackClient, token: str, links: Mapping[str, Wanted], found: dict[str, SetLink]
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Aborted):
        set_links(asking, token, rack.inventory, chosen(rack.inventory, links, ()), stop)


@pytest.mark.requirement("U9")
def test_the_attenuator_plays_the_loss_that_the_twins_links_have(
    rack: Emulation, asking: RackClient, token: str, links: Mapping[str, Wanted], found: dict[str, SetLink]
) -> None:
    link, base = links["lv-1"], found["lv-1"].set_db
    assert base is not None
    shut = Variation(name="shut", kind="door", concentrator=link.number, node=link.node, begin=60.0, end=120.0, db=7.0)
    people = Variation(
        name="people", kind="fading", concentrator=link.number, node=0, begin=200.0, end=1e6, db=4.0, fading_s=60.0
    )
    fields = [AreaField(variations=(shut, people) if number == link.area else ()) for number in range(4)]
    player = Player(links, list(found.values()), fields, 1, 0.0)

    def play(now: float, real: float) -> None:
        player.look(asking, token, now, real)

    play(0.0, 0.0)
    assert not player.played  # nothing changes by a step
    play(60.0, 1.0)
    eventually(lambda: truth(rack)["attenuators"]["attenuator-1"][0] == pytest.approx(base + 7.0, abs=0.35))
    play(120.0, 1.0 + 1e-6)  # sooner than an attenuator settles
    assert len(player.played) == 1
    for second in range(120, 500, 10):
        play(float(second), float(second))
    assert player.played[1].db == base
    fades = [each for each in player.played if each.place == "lv-1" and each.seconds >= 200]
    assert len({each.db for each in fades}) > 3
    assert all(abs(each.db - base - each.extra_db) <= 0.125 + 0.01 for each in fades)
    assert {each.place for each in player.played} == {"lv-1", "lv-2", "lv-3"}  # all talk to that concentrator


def test_the_concentrators_of_sticks_go_frame_by_frame(rack: Emulation) -> None:
    loaded = load_topology(rack.path).topology
    fields = with_live(loaded.field_plan(), loaded.fleet_plan(), rack.inventory, {(0, 0): [(1, 0, -70.0)]})
    assert [[live.concentrator for live in field.live] for field in fields] == [[0], [0], [], []]
    assert fields[0].live[0].levels == ((1, 0, -70.0),)


def command(rack: Emulation, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["attenuate", str(rack.path), "--folder", str(rack.folder), *words])
    return done.exit_code, done.stdout, str(done.exception or "")


def test_the_command_sets_and_tells(rack: Emulation, token: str, found: dict[str, SetLink]) -> None:
    code, out, _ = command(rack, "--token", token, "--place", "lv-1", "--json")
    (link,) = json.loads(out)["links"]
    assert code == 0 and link["set_db"] == found["lv-1"].set_db and abs(link["residual_db"]) < 1
    code, out, _ = command(rack, "--token", token)
    assert code == 0 and re.search(r"next-2 .* -14\.6 ", out)


def test_a_check_sets_nothing_and_needs_no_lease(rack: Emulation, token: str, found: dict[str, SetLink]) -> None:
    before = truth(rack)["attenuators"]
    code, out, _ = command(rack, "--check", "--json")
    told = json.loads(out)
    assert code == 0 and told["set"] is False
    assert {each["place"]: each["set_db"] for each in told["links"]} == {name: x.set_db for name, x in found.items()}
    assert truth(rack)["attenuators"] == before
    code, out, _ = command(rack, "--check", "--folder", str(rack.folder / "nowhere"), "--json")
    assert all("no gateway" in each["why"] and each["wanted_db"] is not None for each in json.loads(out)["links"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no token: lease the places first"),
        (("--token", "9-nobody"), "there is no lease of this token"),
        (("--token", "TOKEN", "--place", "lv-4"), "lv-4 has no attenuator"),
        (("--token", "TOKEN", "--place", "attic"), "there is no place attic"),
    ],
)
def test_refusals_say_what_is_missing(rack: Emulation, token: str, words: tuple[str, ...], told: str) -> None:
    code, _, error = command(rack, *(token if word == "TOKEN" else word for word in words))
    assert code != 0 and told in error


def test_a_place_outside_of_every_mesh_has_nothing_to_set(tmp_path: Path) -> None:
    path = topology(tmp_path)
    text = path.read_text("utf-8").replace("relay: { instrument: relay-1, channel: 7 }", "attenuator: ATT")
    path.write_text(text.replace("ATT", "{ instrument: attenuator-2, channel: 8 }"), "utf-8")
    loaded: Any = load_topology(path)
    inventory = inventory_of(loaded)
    with pytest.raises(InputError, match="TWN000000000006 has no link in a mesh"):
        chosen(inventory, wanted_links(loaded.topology, inventory), ["hv-1"])
    assert np.isfinite([each.level_dbm for each in wanted_links(loaded.topology, inventory).values()]).all()
