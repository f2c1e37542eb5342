"""Emulated racks and meters' addresses that cannot be: each fault is told with its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from bench.rack.inventory import read_inventory
from bench.topology import TopologyError, load_topology

SOUND = """\
name: rack
clock: { mode: scaled, scale: 60, start: 2026-01-15T00:00 }
areas:
  - { name: lab, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 2 }
  - { name: high, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 1, meter_class: HV }
rack:
  emulation: { temperature_c: 30 }
  instruments:
    - { id: source-1, driver: keysight-68xx, address: "TCPIP::127.0.0.1::5025::SOCKET" }
    - { id: relay-1, driver: relay-modbus, address: "127.0.0.1:502", channels: 8 }
  places:
    - id: lv-1
      meter: TWN000000000000
      readers: ["dlms://127.2.1.1", "modbus://127.2.1.1:5020?map=kw8m", "echonet://127.2.1.1"]
      stick: { address: sticks/lv-1, dialect: BP35A1 }
      wiring: { source: { instrument: source-1, phases: [1, 2] }, relay: { instrument: relay-1, channel: 1 } }
    - id: hv-1
      meter: TWN000000000002
      meter_class: HV
      readers: ["dlms://127.2.1.2", "echonet://127.2.1.2"]
      wiring: { source: { instrument: source-1, phases: [1, 2, 3] } }
defects:
  - { kind: hidden-error, meters: [TWN000000000000], gain_percent: 1.5, forgets: true }
"""


class Broken(NamedTuple):
    """What is changed in the sound one, the text at the place that must be told, its path, what must be said."""

    old: str
    new: str
    at: str
    path: str
    words: str


READERS = "rack.places[0].readers"
BROKEN = [
    Broken("dlms://127.2.1.1", "ftp://127.2.1.1", '"ftp', f"{READERS}[0]", "no protocol ftp; there are dlms, "),
    Broken("dlms://127.2.1.1", "wisun:/dev/stick", '"wisun', f"{READERS}[0]", "describe it as the stick of the place"),
    Broken("dlms://127.2.1.1", "echonet://127.2.1.9", '"echonet', f"{READERS}[2]", "a second reader by echonet"),
    Broken("echonet://127.2.1.2", "echonet://127.2.1.1", '"echonet', "rack.places[1].readers[1]", "lv-1 is read"),
    Broken(
        "echonet://127.2.1.2", "modbus://127.2.1.2", '"modbus', "rack.places[1].readers[1]", "HV meter does not speak"
    ),
    Broken("echonet://127.2.1.2", "echonet://127.2.1.2:3611", '"echo', "rack.places[1].readers[1]", "share one port"),
    Broken("dlms://127.2.1.1", "optical:/dev/ttyUSB1", '"opt', f"{READERS}[0]", "not a place for an emulated line"),
    Broken(
        'readers: ["dlms://127.2.1.1", "modbus://127.2.1.1:5020?map=kw8m"',
        'readers: ["optical:/run/line", "modbus-rtu:/run/line"',
        '"modbus-rtu',
        f"{READERS}[1]",
        "is the line of lv-1 by optical",
    ),
    Broken(
        "echonet://127.2.1.2", "modbus-rtu:/run/line", '"mod', "rack.places[1].readers[1]", "HV meter does not speak"
    ),
    Broken("dlms://127.2.1.1", "dlms://192.168.10.4", '"dlms', f"{READERS}[0]", "is not on this machine"),
    Broken("127.0.0.1:502", "192.168.10.4:502", '"192', "rack.instruments[1].address", "remove emulation"),
    Broken(
        "sticks/lv-1", "/dev/stick-1", "/dev", "rack.places[0].stick.address", "is not a place for an emulated stick"
    ),
    Broken(
        "BP35A1", "BP35A9", "BP35A9", "rack.places[0].stick.dialect", "there is no dialect BP35A9; give one of BP35A1"
    ),
    Broken("BP35A1", "auto", "auto", "rack.places[0].stick.dialect", "has to know what it speaks"),
    Broken("phases: [1, 2, 3]", "phases: [1, 2]", "[1, 2]", "rack.places[1].wiring.source.phases", "give it 3"),
    Broken("phases: [1, 2]", "phases: [1, 2, 3]", "[1", "rack.places[0].wiring.source.phases", "give it 1 or 2"),
    Broken("meter: TWN000000000002", "meter: TWN000000000009", "TWN", "rack.places[1].meter", "has no TWN000000000009"),
    Broken("meter: TWN000000000002", "meter: OKI000000000002", "OKI", "rack.places[1].meter", "its meters are twins"),
    Broken(
        "meter: TWN000000000002", "meter: TWN000000000001", "TWN", "rack.places[1].meter", "in an area of LV meters"
    ),
    Broken("temperature_c: 30", "temperature_c: 300", "300", "rack.emulation.temperature_c", "is too large"),
    Broken(
        "[TWN000000000000], gain", "[TWN000000000001], gain", "TWN", "defects[0].meters[0]", "no emulated electricity"
    ),
    Broken("[TWN000000000000], gain", "2, gain", "2,", "defects[0].meters", "name the meters, such as"),
    Broken("gain_percent: 1.5, forgets: true", "gain_percent: 90", "90", "defects[0].gain_percent", "is too large"),
    Broken(", gain_percent: 1.5, forgets: true", "", "{ kind", "defects[0]", "no error is given"),
    Broken("  emulation: { temperature_c: 30 }\n", "", "TWN", "defects[0].meters[0]", "a rack with emulation"),
    Broken("temperature_c: 30 }", "temperature_c: 30 }\n  keys: keys.jsonl", "keys.", "rack.keys", "there is no file"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.path}-{broken.new[:20]}")
def test_a_fault_is_told_with_its_place(broken: Broken, tmp_path: Path) -> None:
    assert broken.old in SOUND
    path = tmp_path / "rack.yaml"
    text = SOUND.replace(broken.old, broken.new, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TopologyError) as refused:
        load_topology(path)
    problem = refused.value.problems[0]
    assert problem.path == broken.path, str(problem)
    assert text.splitlines()[problem.line - 1][problem.column - 1 :].startswith(broken.at), str(problem)
    assert broken.words in f"{problem.what}; {problem.right}"


def test_a_sound_one_is_taken_and_its_errors_reach_the_plans(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    path.write_text(SOUND, encoding="utf-8")
    inventory = read_inventory(path)
    assert inventory.rack.emulation is not None and inventory.rack.emulation.temperature_c == 30
    (plan,) = load_topology(path).topology.defect_plans()
    assert (plan.kind, plan.meters, plan.errors) == ("hidden-error", (0,), {"gain_percent": 1.5, "forgets": True})


def test_a_real_rack_needs_no_twins(tmp_path: Path) -> None:
    text = SOUND[: SOUND.index("defects:")].replace("  emulation: { temperature_c: 30 }\n", "  keys: keys.jsonl\n")
    text = text.replace("mode: scaled, scale: 60", "mode: wall").replace("TWN000000000002", "OKI000000000002")
    (tmp_path / "keys.jsonl").touch()
    path = tmp_path / "rack.yaml"
    path.write_text(text.replace("127.2.1.", "192.168.10."), encoding="utf-8")
    assert [len(place.readers) for place in read_inventory(path).places.values()] == [3, 2]


def test_instruments_that_are_real_name_every_clock_that_they_cannot_follow_once(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    real = SOUND.replace("  emulation: { temperature_c: 30 }\n", "").replace("127.0.0.1", "192.168.10.4")
    begun = "campaigns:\n  metrology:\n    clock: { mode: scaled, scale: 3600, start: 2026-01-15T00:00 }\nrack:"
    path.write_text(real.replace("rack:", begun, 1), encoding="utf-8")
    with pytest.raises(TopologyError) as refused:
        load_topology(path)
    (problem,) = refused.value.problems
    assert "is not on this machine, so it lives in real time, as 1 more do" in problem.what
    assert "set clock.mode and campaigns.metrology.clock.mode to wall" in problem.right
