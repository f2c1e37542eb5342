"""A served rack: ``bench rack serve`` as a process of its own, and clients of it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.rack.audit import read_audit
from bench.rack.client import RackClient, Served, find_gateway
from bench.rack.messages import Acquire, Attenuate, Places, Power, Source
from tests.bench.rack.virtual import VirtualRack, eventually

PATIENCE = 30.0


class Gateway:
    """One gateway process."""

    def __init__(self, topology: Path, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-c", "from bench.cli.rack import app; app()", "--folder", str(folder)]
        self.process = subprocess.Popen(
            [*command, "serve", str(topology), "--json"], stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the gateway did not come up"
        self.served = msgspec.json.decode(line, type=Served)
        self.dead_man = os.pidfd_open(self.served.dead_man)

    def kill(self) -> None:
        """SIGKILL, as an out-of-memory killer or a stumble over a cable would."""
        self.process.kill()
        self.process.wait()

    def dead_man_pid(self) -> int:
        """Who watches over it now."""
        children = psutil.Process(self.served.pid).children()
        return next(each.pid for each in children if "bench.rack.dead_man" in each.cmdline())

    def dead_man_ends(self) -> bool:
        """Wait for the end of the dead-man process."""
        return bool(select.select([self.dead_man], [], [], PATIENCE)[0])

    def audit(self, what: str) -> list[dict[str, Any]]:
        """Lines of the audit log about something."""
        return [line for line in self.lines() if line["what"] == what]

    def lines(self) -> list[dict[str, Any]]:
        """The whole audit log."""
        return read_audit(self.folder / "audit.jsonl")

    def close(self) -> None:
        """End it in order; neither it nor its dead-man may stay."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        with self.process:
            self.process.wait(PATIENCE)
        try:
            assert self.dead_man_ends()
        finally:
            os.close(self.dead_man)


@contextlib.contextmanager
def serving(topology: Path, folder: Path) -> Iterator[Gateway]:
    """A gateway, from being ready until the end of the block."""
    gateway = Gateway(topology, folder)
    try:
        yield gateway
    finally:
        gateway.close()


@contextlib.contextmanager
def client(folder: Path, name: str = "ann") -> Iterator[RackClient]:
    """A client of what is served from a folder."""
    with RackClient(find_gateway(folder), name) as opened:
        yield opened


def lease(user: RackClient, *places: str, ttl: float = 60.0) -> str:
    return str(user.ask(Acquire(places or ("lv-1",), ttl=ttl))["token"])


def energise(user: RackClient, token: str, rack: VirtualRack) -> None:
    user.ask(Power("lv-1", token, "on"))
    user.ask(Attenuate("lv-1", token, 20.0))
    user.ask(Source("lv-1", token, "on", volts=200.0))
    assert rack.volts() > 195
    eventually(lambda: rack.closed(1) and rack.db(1) < 30)  # contacts and attenuators take their time


def place(user: RackClient, name: str = "lv-1") -> dict[str, Any]:
    found: dict[str, Any] = user.ask(Places(name))
    return found
