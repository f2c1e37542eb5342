"""PLC bridges in a topology: each fault is told with its line, column, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rack.inventory import read_inventory
from bench.topology import TopologyError
from tests.bench.topology.test_emulation import Broken

pytestmark = pytest.mark.requirement("U1", "B2")

SOUND = """\
name: rack
clock: { mode: wall, start: 2026-01-15T00:00 }
areas:
  - { name: lab, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 2 }
  - { name: high, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 1, meter_class: HV }
rack:
  emulation: { line_margin_db: 12.5 }
  instruments:
    - { id: relay-1, driver: relay-modbus, address: "127.0.0.1:502", channels: 8 }
    - { id: plc-1, driver: plc-transparent, address: "127.0.0.61:3610", settings: { timeout_s: 3 } }
  places:
    - id: lv-1
      meter: TWN000000000000
      readers: ["dlms://127.2.1.1", "echonet://127.0.0.61"]
      wiring: { bridge: { instrument: plc-1 } }
    - id: lv-2
      meter: TWN000000000001
      readers: ["dlms://127.2.1.2", "echonet://127.2.1.2"]
    - id: hv-1
      meter: TWN000000000002
      meter_class: HV
      readers: ["dlms://127.2.1.3", "echonet://127.2.1.3"]
"""
LV_2, HV_1 = '"echonet://127.2.1.2"]\n', '"echonet://127.2.1.3"]\n'
WIRED = "      wiring: { bridge: { instrument: plc-1 } }\n"
WHERE, SECOND = (f"rack.places[{number}].wiring.bridge.instrument" for number in (0, 1))
ADDRESS, SETTINGS = (f"rack.instruments[1].{key}" for key in ("address", "settings"))
BROKEN = [
    Broken("instrument: plc-1", "instrument: plc-2", "plc-2", WHERE, "no instrument plc-2"),
    Broken("instrument: plc-1", "instrument: relay-1", "relay-1", WHERE, "of the kind relay, not bridge"),
    Broken(
        "echonet://127.0.0.61", "echonet://127.0.0.62", "plc-1", WHERE, "no reader of lv-1 goes through plc-1; give it"
    ),
    Broken("127.0.0.61:3610", "127.0.0.61:3611", "plc-1", WHERE, "give it the reader echonet://127.0.0.61:3611"),
    Broken("127.0.0.61:3610", "127.0.0.61:", '"127', ADDRESS, "no address of a meter; give host:port"),
    Broken("127.0.0.61:3610", "192.168.10.61:3610", '"192', ADDRESS, "is not on this machine"),
    Broken(LV_2, LV_2 + WIRED, "plc-1", SECOND, "plc-1 leads to the meter of lv-1; give each meter a bridge"),
    Broken(
        "timeout_s: 3", "baud: 9600", "baud", f"{SETTINGS}.baud", "known to plc-transparent: maker, number, timeout_s"
    ),
    Broken("12.5", "-1", "-1", "rack.emulation.line_margin_db", "too small"),
]


def refused(text: str, tmp_path: Path) -> TopologyError:
    path = tmp_path / "rack.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TopologyError) as caught:
        read_inventory(path)
    return caught.value


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.path}-{broken.new[:20]}")
def test_a_fault_is_told_with_its_place(broken: Broken, tmp_path: Path) -> None:
    assert broken.old in SOUND
    text = SOUND.replace(broken.old, broken.new, 1)
    problems = {each.path: each for each in refused(text, tmp_path).problems}
    problem = problems[broken.path]
    assert broken.words in f"{problem.what}; {problem.right}"
    assert text.splitlines()[problem.line - 1][problem.column - 1 :].startswith(broken.at), str(problem)


def test_a_meter_of_high_voltage_has_no_power_line_to_talk_over(tmp_path: Path) -> None:
    text = SOUND.replace(WIRED, "").replace(HV_1, HV_1 + WIRED)
    assert "HV meters have no power line communication" in str(refused(text, tmp_path))


def test_a_sound_one_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    path.write_text(SOUND, encoding="utf-8")
    inventory = read_inventory(path)
    assert inventory.claims("lv-1") == {"plc-1"} and inventory.speaking("lv-1") == []
    assert inventory.rack.emulation is not None and inventory.rack.emulation.line_margin_db == 12.5


def test_a_real_one_may_be_on_ipv6(tmp_path: Path) -> None:
    text = SOUND.replace("  emulation: { line_margin_db: 12.5 }\n", "").replace("127.0.0.61:3610", "[fd00::61]:3610")
    path = tmp_path / "rack.yaml"
    path.write_text(text.replace("echonet://127.0.0.61", "echonet://[fd00::61]"), encoding="utf-8")
    assert read_inventory(path).places["lv-1"].wiring.bridge is not None
