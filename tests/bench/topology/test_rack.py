"""Racks that cannot be: each fault is told with its line and column, what is wrong and how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from bench.rack.inventory import read_inventory
from bench.topology import TopologyError, load_topology

SOUND = """\
name: rack
clock: { mode: wall, start: 2026-01-15T00:00 }
areas: [{ name: lab, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 2 }]
rack:
  instruments:
    - { id: source-1, driver: kikusui-pcr, address: "TCPIP::127.0.0.1::5025::SOCKET", limits: { volts_max: 120 } }
    - { id: analyser-1, driver: yokogawa-wt, address: "TCPIP::127.0.0.1::10001::SOCKET" }
    - { id: relay-1, driver: relay-modbus, address: "127.0.0.1:502", channels: 8, settings: { unit: 1 } }
  places:
    - id: lv-1
      meter: TWN000000000000
      wiring: { source: { instrument: source-1 }, relay: { instrument: relay-1, channel: 1 } }
    - id: lv-2
      meter: TWN000000000001
      wiring: { source: { instrument: source-1 }, relay: { instrument: relay-1, channel: 2 } }
"""


class Broken(NamedTuple):
    """What is changed in the sound one, the text at the place that must be told, and what must be said of it."""

    old: str
    new: str
    at: str
    path: str
    words: str


BROKEN = [
    Broken(
        "driver: yokogawa-wt",
        "driver: yokogawa",
        "yokogawa,",
        "rack.instruments[1].driver",
        "'yokogawa' is not known here; give",
    ),
    Broken("id: analyser-1", "id: source-1", "source-1,", "rack.instruments[1].id", "is the id of an instrument above"),
    Broken(
        "127.0.0.1::10001",
        "127.0.0.1::5025",
        '"TCPIP',
        "rack.instruments[1].address",
        "is the address of an instrument above",
    ),
    Broken("unit: 1", "units: 1", "units:", "rack.instruments[2].settings.units", "known to relay-modbus: unit, "),
    Broken(
        "channels: 8",
        "channels: 0",
        "0,",
        "rack.instruments[2].channels",
        "0 is too small; give a whole number from 1 to 64",
    ),
    Broken(
        ", channels: 8",
        "",
        "{ id: relay-1",
        "rack.instruments[2].channels",
        "is missing; add channels: a whole number from 1 to 64",
    ),
    Broken(
        "channel: 2",
        "channel: 9",
        "9 }",
        "rack.places[1].wiring.relay.channel",
        "relay-1 has no channel 9; give 1 to 8",
    ),
    Broken(
        "channel: 2",
        "channel: 1",
        "1 }",
        "rack.places[1].wiring.relay.channel",
        "channel 1 of relay-1 is wired to lv-1; wire a channel to one place",
    ),
    Broken(
        "relay: { instrument: relay-1, channel: 2",
        "relay: { instrument: relay-2, channel: 2",
        "relay-2",
        "rack.places[1].wiring.relay.instrument",
        "there is no instrument relay-2; did you mean relay-1?",
    ),
    Broken(
        "relay: { instrument: relay-1, channel: 2",
        "load: { instrument: relay-1",
        "relay-1 }",
        "rack.places[1].wiring.load.instrument",
        "relay-1 is of the kind relay, not load; wire a load here",
    ),
    Broken(
        "meter: TWN000000000001",
        "meter: TWN000000000000",
        "TWN",
        "rack.places[1].meter",
        "is the meter of a place above",
    ),
    Broken("meter: TWN000000000001", "meter: 42", "42", "rack.places[1].meter", "42 is not text; give"),
    Broken("id: lv-2", "id: lv-1", "lv-1", "rack.places[1].id", "lv-1 is the id of a place above"),
    Broken(
        "volts_max: 120",
        "volts_max: 90",
        "id: lv-1",
        "rack.places[0].ratings.volts",
        "volts_max 90 V, the limit of source-1, forbids the rated 100 V of the meter",
    ),
    Broken(
        "volts_max: 120",
        "volts_max: -1",
        "-1",
        "rack.instruments[0].limits.volts_max",
        "-1 is too small; give a number above 0",
    ),
    Broken(
        "volts_max: 120",
        "hertz_min: 61, hertz_max: 60",
        "61",
        "rack.instruments[0].limits.hertz_min",
        "61 Hz lies above hertz_max, 60 Hz",
    ),
    Broken(
        "id: lv-2",
        "id: lv-2\n      limits: { hertz_max: 45 }",
        "45",
        "rack.places[1].limits.hertz_max",
        "hertz_max 45 Hz, the limit of the place, forbids the rated 50 Hz",
    ),
    Broken(
        "id: lv-2",
        "id: lv-2\n      ratings: { amps: 80 }",
        "80",
        "rack.places[1].ratings.amps",
        "80 A lies above amps_max, 60 A",
    ),
    Broken(
        "id: lv-2",
        "id: lv-2\n      tags: { 'a b': c }",
        "c }",
        "rack.places[1].tags.'a b'",
        "cannot be the name of a tag",
    ),
    Broken(
        "source: { instrument: source-1 }, relay: { instrument: relay-1, channel: 2",
        "source: { instrument: source-1, phases: [1, 1] }, relay: { instrument: relay-1, channel: 2",
        "[1, 1]",
        "rack.places[1].wiring.source.phases",
        "a phase is named twice",
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.new[:40])
def test_a_fault_is_told_with_its_place(broken: Broken, tmp_path: Path) -> None:
    assert broken.old in SOUND
    before, _, after = SOUND.rpartition(broken.old)
    path = tmp_path / "rack.yaml"
    text = before + broken.new + after
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TopologyError) as refused:
        load_topology(path)
    problem = refused.value.problems[0]
    assert problem.path == broken.path
    assert text.splitlines()[problem.line - 1][problem.column - 1 :].startswith(broken.at), str(problem)
    assert broken.words in f"{problem.what}; {problem.right}"


def test_real_instruments_force_the_wall_clock(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    text = SOUND.replace("mode: wall", "mode: scaled, scale: 60")
    path.write_text(text, encoding="utf-8")
    load_topology(path)  # on loopback, where only emulated ones can be
    path.write_text(text.replace('"127.0.0.1:502"', '"relays.lab.example:502"'), encoding="utf-8")
    with pytest.raises(TopologyError, match=r"set clock\.mode to wall") as refused:
        load_topology(path)
    assert [(problem.line, problem.path) for problem in refused.value.problems] == [(8, "rack.instruments[2].address")]


def test_what_is_wired_to_a_place_is_claimed_with_it(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    path.write_text(SOUND, encoding="utf-8")
    inventory = read_inventory(path)
    assert inventory.claims("lv-2") == {"source-1", "relay-1:2"}
    assert inventory.line("places", "lv-2", "wiring", "relay") == f"{path}:15:58"
