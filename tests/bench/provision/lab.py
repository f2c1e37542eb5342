"""A small lab on loopback to be provisioned: its topology, and what is found below a scratch root."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.provision.program import want_ansible
from bench.provision.run import Job, Outcome, provision
from bench.rack.inventory import read_inventory

_TOPOLOGY = """\
name: lab
clock: {{ mode: wall, start: 2026-01-15T00:00 }}
bus: {bus}
areas:
  - {{ name: lab, utility: tepco, medium: cellular, concentrators: 1, meters_per_concentrator: 3 }}
rack:
  instruments:
    - {{ id: relay-1, driver: relay-modbus, address: "127.2.7.51:5020", channels: 8 }}
  places:
    - id: lv-1
      meter: TWN000000000000
      wiring: {{ relay: {{ instrument: relay-1, channel: 1 }} }}
      stick: {stick_1}
    - id: lv-2
      meter: TWN000000000001
      wiring: {{ relay: {{ instrument: relay-1, channel: 2 }} }}
      stick: {stick_2}
"""


def write_topology(
    folder: Path,
    bus: str = "{ broker: embedded }",
    stick_1: str = "{ address: /dev/meter-stick-1, usb_serial: AQ00B1CD }",
    stick_2: str = '{ address: /dev/meter-stick-2, usb_path: "pci-0000:00:14.0-usb-0:3:1.0" }',
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "lab.yaml"
    file.write_text(_TOPOLOGY.format(bus=bus, stick_1=stick_1, stick_2=stick_2), encoding="utf-8")
    return file


def run(topology: Path, job: Job, log: Path) -> Outcome:
    return provision(read_inventory(topology), job, log, lambda task: None)


def need_ansible() -> None:
    try:
        want_ansible()
    except InputError as error:
        pytest.skip(str(error))


def tree(root: Path) -> dict[str, tuple[int, float, str]]:
    """Everything below a root: mode, time of change, SHA-256 of files."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime, content)
    return found
