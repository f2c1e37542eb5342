"""A whole ``bench run`` as a user starts it, with hands on its processes and ears on its bus."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from bench.record.columns import Columns

ROOT = Path(__file__).parents[2]
VILLAGE = ROOT / "topologies" / "village.yaml"
PATIENCE = 120.0


def topology(folder: Path, *, slots: int = 8, name: str = "village", extra: str = "", **swaps: str) -> Path:
    """The village with fewer slots and other changes, written into a folder."""
    text = VILLAGE.read_text(encoding="utf-8").replace("name: village\ndescription", f"name: {name}\ndescription")
    for old, new in swaps.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(f"{text}\ncampaigns:\n  collection:\n    slots: {slots}\n{extra}", encoding="utf-8")
    return path


class BenchRun:
    """One ``bench run … --json``; as a context manager it leaves nothing behind."""

    def __init__(self, topology: Path, results: Path, *more: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "bench.cli.main", "run", str(topology), "--json", "--results", str(results)]
        self._results = results
        self._process = subprocess.Popen(
            [*command, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | (env or {}),
        )
        self._family: list[psutil.Process] = []
        self._listener: paho.Client | None = None
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()

    def __enter__(self) -> BenchRun:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._listener:
            self._listener.loop_stop()
            self._listener.disconnect()
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def folder(self) -> Path:
        """The run folder, once it is there."""
        return self._until(lambda: next(iter(self._results.glob("2*")), None), "a run folder")

    def pid(self, name: str) -> int:
        """Process id of one of the run's processes."""
        return int(self._until(lambda: self._pids().get(name), f"a process {name}"))

    def port(self) -> int:
        """Where the run's broker listens."""
        spec = self.folder / "processes" / "head-end.spec.json"
        return int(self._until(lambda: json.loads(spec.read_bytes())["bus"]["port"], "the head-end's spec"))

    def listen(self, *filters: str) -> paho.Client:
        """An outside client on the run's bus; what it hears goes to ``messages``."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="outside")
        subscribed: queue.Queue[int] = queue.Queue()
        client.on_connect = lambda c, *_: c.subscribe([(f, 0) for f in filters])
        client.on_subscribe = lambda c, data, mid, reasons, properties: subscribed.put(mid)
        client.on_message = lambda c, data, message: self.messages.put(message)
        client.connect("127.0.0.1", self.port())
        client.loop_start()
        subscribed.get(timeout=PATIENCE)
        self._listener = client
        return client

    def wait_for_tick(self, number: int) -> paho.Client:
        """Wait until the head-end has completed a tick of virtual time; returns the outside client that heard it."""
        client = self.listen("ami/_/tick")
        while json.loads(self.messages.get(timeout=PATIENCE).payload)["number"] < number:
            pass
        return client

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def kill_9(self, name: str) -> None:
        """Kill one of the run's processes outright."""
        os.kill(self.pid(name), signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the conductor itself, after noting its family."""
        self._family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(number)

    def finish(self) -> tuple[int, dict[str, Any], str]:
        """Exit code, the JSON object on standard output (empty when there is none), standard error."""
        out, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, json.loads(out) if out else {}, err

    def survivors(self) -> list[psutil.Process]:
        """Processes of the run that live on although it has ended."""
        _, alive = psutil.wait_procs(self._family, timeout=10)
        return alive

    def columns(self) -> Columns:
        """The run's stored columns."""
        return Columns(self.folder)

    def _pids(self) -> dict[str, int]:
        path = self.folder / "processes" / "processes.json"
        return json.loads(path.read_bytes()) if path.exists() else {}

    def _until(self, look: Any, what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if (found := look()) is not None:
                    return found
            except (OSError, ValueError):
                pass
            assert self._process.poll() is None, f"the run ended before there was {what}: {self._process.communicate()}"
            time.sleep(0.02)
        raise AssertionError(f"there is no {what}")


def values(outcome: dict[str, Any]) -> dict[str, float | None]:
    """Measurement values of a run's JSON object, by name."""
    return {m["name"]: m["value"] for m in outcome["measurements"]}
