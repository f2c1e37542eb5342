"""``bench meter`` beside ``bench serve``, both as a user starts them: every protocol tells the same twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.meters.directory import endpoints_of
from bench.meters.readers import reader_of
from hil_drivers.meters.dlms import DlmsMeter
from protocols.slots import jst
from tests.e2e.bench_serve import PATIENCE, ROOT, BenchServe, require_port, village
from tests.e2e.test_serve_echonet import Twins
from twins.plan import meter_id

pytestmark = pytest.mark.slow

FIRST = f"127.80.{os.getpid() % 256}.1"
CHANGED = range(3)  # one for each test that changes its meter
READ = 9  # of the next generation, with a generator
PROTOCOLS = ("dlms", "echonet", "wi-sun", "modbus", "optical", "modbus-rtu")


class Bench:
    """``bench meter`` on the endpoints of one ``bench serve``."""

    def __init__(self, topology: Path, serve: BenchServe) -> None:
        self.endpoints = topology.with_suffix(".jsonl")
        self.serve = serve
        self.twins = Twins(topology, serve)

    def __call__(self, meter: str, *arguments: str, endpoints: Path | None = None) -> subprocess.CompletedProcess[str]:
        words = ["bench.cli.main", "meter", meter, *arguments, "--endpoints", str(endpoints or self.endpoints)]
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
        )

    def told(self, meter: str, *arguments: str, endpoints: Path | None = None) -> Any:
        """What a command says with ``--json``; it must go well."""
        done = self(meter, *arguments, "--json", endpoints=endpoints)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    require_port()
    topology = village(tmp_path_factory.mktemp("meter"))
    more = [word for name in ("dlms", "wi-sun", "modbus-tcp", "optical", "modbus-rtu") for word in ("--protocol", name)]
    more += [word for index in (*CHANGED, READ) for word in ("--meter", meter_id(index))]
    with BenchServe(topology, *more, first=FIRST) as serve:
        yield Bench(topology, serve)


@pytest.fixture
def meter(request: pytest.FixtureRequest) -> str:
    """A meter that no other test of this module changes."""
    changing = sorted(name for name in globals() if name.startswith("test_changes_"))
    return meter_id(CHANGED[changing.index(request.function.__name__)])


@pytest.mark.requirement("M2", "A7")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_tells_the_same_twin(bench: Bench, protocol: str) -> None:
    view = bench.twins.views[READ]
    shown, seconds = bench.twins.during(lambda: bench.told(meter_id(READ), "show", "--via", protocol))
    assert shown["identity"]["serial"] == view.identity.serial
    resolution = shown["registers"]["resolution_wh"]
    possible = {view.active(at).import_wh // resolution * resolution for at in seconds}
    assert shown["registers"]["import_wh"] in possible
    assert shown["instant"]["power_w"] in {view.power_w(at) for at in seconds}


@pytest.mark.parametrize(
    ("protocol", "period", "seconds"),
    [("dlms", "30m", 1800), ("dlms", "1m", 60), ("echonet", "30m", 1800), ("echonet", "1m", 60), ("wi-sun", "1m", 60)],
)
def test_rows_are_those_of_the_twin(bench: Bench, protocol: str, period: str, seconds: int) -> None:
    view = bench.twins.views[READ]
    end = bench.twins.during(lambda: None)[1][0] // seconds * seconds
    first = end - 5 * seconds
    span = ("--from", jst(first).isoformat(), "--to", jst(end).isoformat())
    rows = bench.told(meter_id(READ), "profile", "--period", period, "--via", protocol, *span)
    assert [(row["end"], row["import_wh"], row["export_wh"]) for row in rows] == [
        (row.end, *row.active) for row in view.record(seconds, first, end, end + 1)
    ]
    assert len(rows) == 6


@pytest.mark.requirement("A9", "A10")
def test_changes_of_the_switch_and_the_limit_are_seen_by_the_next_command(bench: Bench, meter: str) -> None:
    assert bench.told(meter, "control", "switch", "open")["state"]["state"] == "disconnected"
    assert bench.told(meter, "read", "power")["values"][0]["value"] == 0
    assert bench.told(meter, "control", "limit", "20")["state"]["normal_a"] == 20
    bookings = bench.told(meter, "control", "switch", "close", "--at", "+1s")["state"]["bookings"]
    assert [booking["action"] for booking in bookings][:1] == ["close"]
    with reader_at(bench, meter) as reader:
        while not reader.switch().closed:
            pass  # until the reserved second has come
    assert len(bench.told(meter, "events")) >= 4


@pytest.mark.requirement("A14")
def test_changes_of_the_firmware_survive_a_killed_shard_half_way(bench: Bench, meter: str, tmp_path: Path) -> None:
    image = tmp_path / "FW-9.1.bin"
    image.write_bytes(os.urandom(4000))
    with reader_at(bench, meter) as reader:
        reader.image_initiate(image.stem.encode(), 4000)
        size = reader.image().block_size
        for number in range(5):
            reader.image_block(number, image.read_bytes()[number * size : (number + 1) * size])
        bench.serve.kill_shard()
    assert bench.told(meter, "show", "--via", "dlms")["image"]["missing"] == -(-4000 // size) - 5
    state = bench.told(meter, "control", "image", str(image), "--resume")["state"]
    assert (state["state"], state["firmware"]) == ("activated", "FW-9.1")
    assert state["firmware_before"] != "FW-9.1"


def test_changes_of_the_key_leave_the_old_endpoint_behind(bench: Bench, meter: str, tmp_path: Path) -> None:
    kept = tmp_path / "renewed.jsonl"
    bench.told(meter, "control", "keys", "renew", "--out", str(kept))
    refused = bench(meter, "show", "--via", "dlms")
    assert (refused.returncode, "are these its keys" in refused.stderr) == (1, True)
    assert bench.told(meter, "control", "clock", "show", endpoints=kept)["state"]["resolution_s"] == 1


def test_the_file_of_endpoints_names_the_process_that_must_live(bench: Bench) -> None:
    ready = json.loads(bench.endpoints.read_bytes().splitlines()[-1])
    assert ready["pid"] == bench.serve.ready["pid"]
    os.kill(ready["pid"], 0)


def reader_at(bench: Bench, meter: str) -> DlmsMeter:
    (endpoint,) = (each for each in endpoints_of(meter, bench.endpoints) if each.protocol == "dlms")
    reader = reader_of(endpoint, {})
    assert isinstance(reader, DlmsMeter)
    return reader
