"""What ansible has done, once for all tests: it needs many seconds for a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.provision.run import Job, Outcome, Play
from tests.bench.provision.lab import need_ansible, run, tree, write_topology
from tests.brokers import free_port
from tests.once import once


@dataclass
class Installed:
    """A root that was provisioned: a check first, then twice for real."""

    root: Path
    port: int
    check: Outcome
    first: Outcome
    second: Outcome
    before_check: Mapping[str, object]
    after_check: Mapping[str, object]


@dataclass
class Collected:
    """A folder of the controller after collecting twice."""

    kept: Path
    first: Outcome
    second: Outcome


def _install(folder: Path) -> Installed:
    port, root = free_port(), folder / "root"
    topology = write_topology(folder, f"{{ broker: external, url: 'mqtts://127.0.0.1:{port}' }}")
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "hostname").write_text("rack-1\n")
    var = ("night_at=01:30", "broker_lab_ca=true", "broker_gateways=")

    def once(check: bool = False) -> Outcome:
        return run(topology, Job(check=check, root=root, var=var), folder / "log" / "ansible.log")

    before = tree(root)
    checked = once(check=True)
    after = tree(root)
    return Installed(root, port, checked, once(), once(), before, after)


def _collect(folder: Path) -> Collected:
    root, kept = folder / "root", folder / "kept"
    results = root / "var/lib/meter-bench/results"
    for name, state in (("20261121-0100-night-aa", "finished"), ("20261122-0100-night-bb", "running")):
        (results / name / "readings").mkdir(parents=True)
        (results / name / "run.json").write_text(json.dumps({"run_id": name, "state": state}, indent=2))
        (results / name / "readings" / "part-0.parquet").write_bytes(b"columns")
    (results / ".rack").mkdir()
    (results / ".rack/audit.jsonl").write_text('{"at": 1}\n')
    old = kept / "localhost/runs/old.tar.gz"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    topology, job = write_topology(folder), Job(play=Play.COLLECT, root=root, var=(f"collect_to={kept}",))
    return Collected(kept, run(topology, job, folder / "log"), run(topology, job, folder / "log"))


def _lack_certificates(folder: Path) -> Outcome:
    topology = write_topology(folder, "{ broker: external, url: 'mqtts://broker.example' }")
    return run(topology, Job(check=True, root=folder / "root", tags=("broker",)), folder / "log")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    need_ansible()
    return once(tmp_path_factory, "installed", _install)


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    need_ansible()
    return once(tmp_path_factory, "collected", _collect)


@pytest.fixture(scope="session")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    need_ansible()
    return once(tmp_path_factory, "refused", _lack_certificates)
