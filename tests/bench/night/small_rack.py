"""A small emulated rack for nights that a test can wait for: three homes on one source, one on another."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from bench.night.conclude import Conclusion, conclude
from bench.night.folder import NightFolder
from bench.night.history import History
from bench.night.nightly import Nightly, Wish
from bench.topology.load import load_topology
from tests.bench.rack.emulated import NET

ROOT = Path(__file__).parents[3]
SEED = 20260115
SHARED, ALONE = ("lv-1", "lv-2", "lv-3"), "lv-4"

_HEAD = f"""\
name: lab
seed: {SEED}
clock: {{ mode: wall, start: 2026-01-15T00:00 }}
areas:
  - {{ name: lab, utility: tepco, medium: cellular, concentrators: 1, meters_per_concentrator: 4 }}
rack:
  emulation: {{ temperature_c: 23 }}
  instruments:
    - id: source-1
      driver: keysight-68xx
      address: TCPIP::{NET}.201::5025::SOCKET
      limits: {{ volts_max: 130, amps_max: 10 }}
    - id: source-2
      driver: kikusui-pcr
      address: TCPIP::{NET}.202::5025::SOCKET
      limits: {{ volts_max: 130, amps_max: 10 }}
    - {{ id: load-1, driver: chroma-638xx, address: "TCPIP::{NET}.203::2101::SOCKET", limits: {{ amps_max: 10 }} }}
    - {{ id: attenuator-1, driver: mini-circuits-telnet, address: "{NET}.204:2323", channels: 4 }}
    - {{ id: relay-1, driver: relay-modbus, address: "{NET}.205:5020", channels: 8 }}
  places:
"""
_PLACE = """\
    - id: {name}
      meter: TWN{index:012d}
      readers: ["dlms://{net}.{host}:4059"]
      wiring:
        source: {{ instrument: {source}{phases} }}
        relay: {{ instrument: relay-1, channel: {channel} }}
"""
_LOAD = "        load: { instrument: load-1 }\n"
_ATTENUATOR = "        attenuator: { instrument: attenuator-1, channel: 1 }\n"


def small_rack(folder: Path, defects: str = "", scale: float | None = None) -> Path:
    """The topology as a file, its clock at a pace where one is given.

    ``attenuator-1`` is wired to ``lv-1`` alone, relay and source are shared.
    """
    text = _HEAD if scale is None else _HEAD.replace("mode: wall,", f"mode: scaled, scale: {scale:g},")
    for index, name in enumerate((*SHARED, ALONE)):
        alone = name == ALONE
        text += _PLACE.format(
            name=name,
            index=index,
            net=NET,
            host=211 + index,
            source="source-2" if alone else "source-1",
            phases="" if alone else ", phases: [1, 2]",
            channel=index + 1,
        )
        text += "" if alone else _LOAD
        text += _ATTENUATOR if index == 0 else ""
    path = folder / "lab.yaml"
    path.write_text(text + (f"defects:\n{defects}" if defects else ""), encoding="utf-8")
    return path


def nightly(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """``bench nightly`` on the rack's file in this folder, results in ``r``; what it prints is in ``out.json``."""
    line = [sys.executable, "-m", "bench.cli.main", "nightly", str(folder / "lab.yaml"), "--json"]
    line += ["--results", str(folder / "r"), "--quarantine", str(folder / "none.yaml"), *arguments]
    with (folder / "out.json").open("wb") as out, (folder / "err.log").open("ab") as err:
        return subprocess.Popen(
            line, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=ROOT, env=os.environ | environment
        )


def a_night(folder: Path, places: Sequence[str], *only: str | Path) -> tuple[NightFolder, Conclusion]:
    """A whole night at these places within this process, which costs less than a command: its folder, and its end."""
    said: list[str] = []
    none = folder / "none.yaml"
    wish = Wish(
        results=folder / "r",
        command="bench nightly lab.yaml",
        quarantine=none,
        only=tuple(map(str, only)),
        places=tuple(places),
        kinds=frozenset({"rack"}),
        fresh=True,
    )
    night, ended = Nightly(load_topology(folder / "lab.yaml"), wish, said.append, threading.Event()).run()
    assert ended, said
    return night, conclude(night, History(folder / "r" / "history.jsonl"), none)
