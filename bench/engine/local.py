"""The local engine: child processes of this one, watched and restarted.

A child that ends by itself is started again with the same command; what it must remember is in its journal. Children
are in sessions of their own, so that a Ctrl-C at the terminal reaches only the conductor, and hold one end of a pipe,
so that they end with it even when it is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from bench.errors import BenchFault

MAX_RESTARTS = 5  # a process that ends more often in one run has a fault that restarting does not mend
GRACE = 15.0  # real s that a process has to end in order before it is killed: a full part of columns takes 1 s
_LAST_BYTES = 4096  # of a log, to find its last line in


class Child:
    """One process of the run, through all its restarts, of which it may have ``most``."""

    def __init__(self, name: str, command: tuple[str, ...], log: Path, most: int) -> None:
        self.name = name
        self.command = command
        self.restarts, self.most = 0, most
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, from the start on; the last one's when it has ended."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; its output goes to its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def ended(self) -> int | None:
        """The exit status once it has ended, None while it runs."""
        return self._process.poll() if self._process else None

    def terminate(self) -> None:
        """Ask it to end in order."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float) -> None:
        """Wait for its end; kill it when it takes longer than ``timeout`` s."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def last_words(self) -> str:
        """The last line of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class LocalEngine:
    """Starts, watches, restarts and ends the processes of one run on this machine.

    Logs and the list of processes go to ``work``; ``on_event`` is told of every restart. At the end each process has
    ``grace`` real seconds to end in order.
    """

    def __init__(self, work: Path, on_event: Callable[[str], None], grace: float = GRACE) -> None:
        self._work = work
        self._on_event = on_event
        self._grace = grace
        self._children: list[Child] = []

    def start(self, name: str, command: tuple[str, ...], restarts: int = MAX_RESTARTS) -> None:
        """Start a process under a name; it may be restarted so often, 0 where what it was cannot be brought back."""
        child = Child(name, command, self._work / f"{name}.log", restarts)
        child.start()
        self._children.append(child)
        self._list()

    def watch(self) -> None:
        """Restart what has ended. Raises BenchFault when a process does not stay up."""
        for child in self._children:
            status = child.ended()
            if status is None:
                continue
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            if child.restarts >= child.most:
                often = f"for the {child.restarts + 1}th time" if child.restarts else "and cannot be started again"
                raise BenchFault(f"{child.name} {how} {often}: {child.last_words()}")
            child.wait(0)
            child.restarts += 1
            child.start()
            self._list()
            self._on_event(f"{child.name} {how}; started again")

    def stop(self) -> None:
        """End all processes, last started first, so that readers outlive writers and the broker goes last."""
        for child in reversed(self._children):
            child.terminate()
            child.wait(self._grace)
        self._children.clear()
        self._list()

    def cpu_seconds(self, name: str) -> float:
        """Processor time of a process since its (last) start; 0 for one that is not ours or not there."""
        pid = self.pids.get(name)
        try:
            times = psutil.Process(pid).cpu_times() if pid else None
        except psutil.Error:
            return 0.0
        return float(times.user + times.system) if times else 0.0

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.name: child.pid for child in self._children if child.pid is not None}

    @property
    def restarts(self) -> int:
        """Restarts of all processes so far."""
        return sum(child.restarts for child in self._children)

    def _list(self) -> None:
        """Keep the list of living processes beside the run, for whoever has to look from outside."""
        temporary = self._work / "processes.json.new"
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self.pids)))
        temporary.replace(self._work / "processes.json")
