"""The whole way of a reading, as fast as it goes: twins, cipher, broker, head-end, verification, Parquet.

The processes are those of any run; only the field loses nothing and virtual time moves a slot at a time, so that what
is measured is the bench and not the field. In the same invocation, through the same broker process, messages of equal
size and number on equally many topics are relayed without any of that (:mod:`bench.perf.relay`), once before and once
after, because machines change their speed: the ratio to the mean of the two says how far the bench is from what its
broker can carry, whatever the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from bench.broker.choose import free_port
from bench.errors import BenchFault
from bench.perf.relay import measure_relay
from bench.progress import Silent
from bench.runner import run_campaign
from bench.topology.load import LoadedTopology
from bench.topology.model import Topology
from protocols.dlms.readings import READING_BYTES
from protocols.slots import SLOT_SECONDS
from twins.bus.address import BusAddress
from twins.bus.bulk import BulkLink

_METERS_PER_CONCENTRATOR = 250
_MOST_TWINS = 1_000_000  # a reading each and a topic each: with few topics a broker is twice as fast
_BROKER_PATIENCE = 15.0


def measure_pipeline(readings: int) -> dict[str, Any]:
    """Carry at least ``readings`` readings from twins to Parquet; rates, processor time by stage, and the plain relay.

    Raises BenchFault when a reading is missing in the end, because then the rate says nothing.
    """
    concentrators = max(1, min(_MOST_TWINS, readings) // _METERS_PER_CONCENTRATOR)
    twins = concentrators * _METERS_PER_CONCENTRATOR
    slots = -(-readings // twins)
    port = free_port()
    broker = subprocess.Popen([sys.executable, "-m", "bench.broker.embedded", str(port)], stdin=subprocess.PIPE)
    try:
        _await(port)
        relays = [measure_relay(port, twins * slots, twins, READING_BYTES)]
        cpu_before = _cpu(broker.pid)
        summary = _run(port, concentrators, slots)
        broker_cpu = _cpu(broker.pid) - cpu_before
        relays.append(measure_relay(port, twins * slots, twins, READING_BYTES))
    finally:
        broker.terminate()
        broker.wait()
        if broker.stdin:
            broker.stdin.close()
    if summary["stored"] != summary["due"]:
        raise BenchFault(f"{summary['stored']:,} of {summary['due']:,} readings were stored")
    count = summary["stored"]
    relay = sum(result["messages_per_second"] for result in relays) / len(relays)
    cpu = summary["cpu_seconds"] | {"broker": broker_cpu}
    return {
        "readings": count,
        "twins": twins,
        "slots": slots,
        "shards": summary["shards"],
        "seconds": summary["collection_seconds"],
        "readings_per_second": summary["readings_per_second"],
        "cpu_us_per_reading": {stage: round(seconds / count * 1e6, 3) for stage, seconds in cpu.items()},
        "relay_messages_per_second": round(relay, 1),
        "relay_runs": [round(result["messages_per_second"], 1) for result in relays],
        "relay_lost": int(sum(result["lost"] for result in relays)),
        "ratio_to_relay": round(summary["readings_per_second"] / relay, 3),
        "message_bytes": READING_BYTES,
        "broker": "embedded",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _run(port: int, concentrators: int, slots: int) -> dict[str, Any]:
    topology = Topology.model_validate(
        {
            "name": "perf-pipeline",
            "clock": {"mode": "virtual", "start": "2026-01-15T00:00", "tick": SLOT_SECONDS},
            "bus": {"broker": "external", "url": f"mqtt://127.0.0.1:{port}", "window": 65_536},
            "areas": [
                {
                    "name": "perf",
                    "utility": "tepco",
                    "medium": "direct",
                    "concentrators": concentrators,
                    "meters_per_concentrator": _METERS_PER_CONCENTRATOR,
                    "load_mix": {"household": 1.0},
                    "pv_share": 0.2,
                }
            ],
            "head_end": {"recollection": {"first_after": SLOT_SECONDS, "interval": SLOT_SECONDS, "audit": 0.0}},
            "campaigns": {"collection": {"slots": slots}},
        }
    )
    with tempfile.TemporaryDirectory(prefix="meter-bench-perf-") as folder:
        loaded = LoadedTopology(topology=topology, path=Path("perf-pipeline"), sha256="", text="")
        _, record = run_campaign(
            loaded, "collection", Path(folder), "bench perf pipeline", lambda clock: Silent(), threading.Event()
        )
    if record.verdict == "error":
        raise BenchFault("; ".join(event.what for event in record.events))
    return record.summary


def _await(port: int) -> None:
    deadline = time.monotonic() + _BROKER_PATIENCE
    link = BulkLink(BusAddress(port=port), "perf-probe")
    link.open(lambda: time.monotonic() > deadline)
    link.close()


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
