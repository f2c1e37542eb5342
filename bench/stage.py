"""The processes of one run around its bus: broker, whoever speaks on it, and how all of them end."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.broker.choose import Broker
from bench.engine.local import MAX_RESTARTS, LocalEngine
from bench.errors import BenchFault
from protocols.topics import TopicTree
from twins.bus.address import BusAddress
from twins.bus.control import ControlLink

_BROKER_PATIENCE = {"ours": 15.0, "external": 3.0}  # real s that a broker has to accept connections
_NAP = 0.02
_LOOK = 0.1

SPECS = "*.spec.json"
"""Files that tell processes what to do, in the folder of a stage."""


class Aborted(Exception):  # noqa: N818 - not an error: the user's wish
    """The user wants the run to end now."""


class Stage:
    """Broker and processes of a run; a context in which they live. Raises what :meth:`__enter__` says.

    ``work`` is where their logs, journals and specs lie; the specs hold keys and do not outlast the stage.
    """

    def __init__(self, run: str, broker: Broker, work: Path, engine: LocalEngine, abort: threading.Event) -> None:
        self.run, self.work, self.engine = run, work, engine
        self.control = ControlLink(broker.address, f"{run}-conductor")
        self.tree = TopicTree(broker.address.root)
        self._broker, self._abort = broker, abort

    @property
    def bus(self) -> BusAddress:
        """Where the bus is."""
        return self._broker.address

    def __enter__(self) -> Self:
        """Start the broker, if it is ours, and wait for it. Raises BenchFault when it does not come up, Aborted."""
        try:
            if self._broker.command:
                self.engine.start("broker", self._broker.command(self.work))
            self._await_broker()
        except BaseException:
            self.engine.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.stop()
        self.control.close()
        for spec in self.work.glob(SPECS):
            spec.unlink()  # a run folder is mailed around; keys do not belong in it

    def start(self, name: str, module: str, spec: msgspec.Struct, restarts: int = MAX_RESTARTS) -> None:
        """Start ``python -m module SPEC`` under a name, with this spec in a file that nobody else may read.

        It is started again so often when it ends by itself.
        """
        path = self.work / f"{name}.spec.json"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(spec))
        self.engine.start(name, (sys.executable, "-m", module, str(path.resolve())), restarts)

    def journal(self, name: str) -> str:
        """Where the journal of a process lies."""
        return str((self.work / f"{name}.journal").resolve())

    def look(self) -> None:
        """Restart what has ended; raises Aborted when the user wants it, BenchFault when a process does not stay up."""
        if self._abort.is_set():
            raise Aborted
        self.engine.watch()

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the run is aborted."""
        self._abort.wait(seconds)

    def attend(self, work: Callable[[threading.Event], None]) -> None:
        """Do some work in a thread of its own, so that the processes are looked after meanwhile.

        It is handed an event that is set when it shall end early. Raises what it raised, or what :meth:`look` does.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(work, stop)
            try:
                while not wait((done,), _LOOK).done:
                    self.look()
            finally:
                stop.set()
        done.result()

    def _await_broker(self) -> None:
        address = self.bus
        deadline = time.monotonic() + _BROKER_PATIENCE["ours" if self._broker.command else "external"]
        while True:
            if self._abort.is_set():
                raise Aborted
            try:
                socket.create_connection((address.host, address.port), timeout=1.0).close()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise BenchFault(f"no broker at {address}: {error}") from error
                self.engine.watch()
                self._abort.wait(_NAP)
            else:
                return
