"""One small rack and one gateway for all tests that leave them as they were: a gateway takes seconds to come up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rack.client import RackClient
from bench.rack.messages import Measure, Places, Safe, SetHealth
from tests.bench.rack.serving import Gateway, client, serving
from tests.bench.rack.virtual import VirtualRack, eventually, virtual_rack


@pytest.fixture(scope="session")
def rack() -> Iterator[VirtualRack]:
    with virtual_rack() as running:
        yield running


@pytest.fixture(scope="session")
def topology(rack: VirtualRack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rack.describe(tmp_path_factory.mktemp("topology"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For a gateway of a test's own."""
    return tmp_path / "rack"


@pytest.fixture(scope="session")
def shared(topology: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(topology, tmp_path_factory.mktemp("rack")) as running:
        yield running


@pytest.fixture
def gateway(rack: VirtualRack, shared: Gateway) -> Iterator[Gateway]:
    """A gateway that serves many tests; each finds it with nothing leased, all places well, an empty audit log."""
    with client(shared.folder, "cleaner") as cleaner:
        for each in cleaner.ask(Places()):  # connections that another test has cut are given up
            cleaner.ask(Measure(each["place"]))
    (shared.folder / "audit.jsonl").write_bytes(b"")
    yield shared
    with client(shared.folder, "cleaner") as cleaner:
        cleaner.ask(Safe())
        for each in cleaner.ask(Places()):
            cleaner.ask(SetHealth(each["place"], "unknown", "never looked at"))
    eventually(rack.is_safe)


@pytest.fixture
def ann(gateway: Gateway) -> Iterator[RackClient]:
    with client(gateway.folder, "ann") as opened:
        yield opened
