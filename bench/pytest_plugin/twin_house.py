"""The twins of a session: served once, on free loopback addresses, in a process of their own that is watched.

A twin loses its supply when that process is killed, and gets it back with the next: what a real meter forgets then, it
forgets too, and what it must remember lies in its memory's folder. Half-hours are told to one controller (INFC), whose
address the endpoints name; whoever wants to hear them is there.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, get_args

import psutil

from bench.errors import BenchFault
from bench.keys import master_key
from bench.serving.watch import ServingProcess, endpoint_of
from bench.topology.defects import index_of
from protocols.dlms.wrapper import PORT as DLMS_PORT
from protocols.echonet.transport import PORT as ECHONET_PORT
from twins.clock import ClockSpec
from twins.echonet.addresses import loopback_addresses
from twins.plan import FleetPlan
from twins.serving.endpoint import Endpoint
from twins.serving.spec import Protocols, ServeSpec
from twins.shard.spec import DefectPlan

DIALECTS: Final = ("BP35A1", "BP35C2")
"""Two sticks in each home, so that two controllers can be there."""

_MODBUS_PORT: Final = 5020
_PATIENCE: Final = 60.0  # real s until the process is back
_NOTICED: Final = 0.3  # real s until the end of a process is known here
_NETS: Final = range(128, 228)  # of 127.x.0.0/16: none that the other commands take by themselves


class TwinHouse:
    """Serves the twins with these ids. ``note`` is told what happened that should not have."""

    def __init__(
        self,
        plan: FleetPlan,
        clock: ClockSpec,
        defects: tuple[DefectPlan, ...],
        meters: Sequence[str],
        work: Path,
        note: Callable[[str], None],
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        indices = tuple(index for meter in meters if (index := index_of(meter)) is not None)
        *addresses, controller = _free_addresses(len(indices) + 1)
        self._spec = ServeSpec(
            plan=plan,
            clock=clock,
            meters=indices,
            addresses=tuple(addresses),
            master_key=master_key(plan.seed),
            defects=defects,
            protocols=get_args(Protocols),
            memory=str(work / "memory"),
            terminals=str(work / "lines"),
            echonet_port=ECHONET_PORT,
            dlms_port=DLMS_PORT,
            modbus_port=_MODBUS_PORT,
            dialects=DIALECTS,
            sticks=len(indices),
            lines=len(indices),
            notify=controller,
        )
        self._work, self._note = work, note
        self._serving = ServingProcess(self._spec, work)
        self._endpoints: Mapping[str, list[Endpoint]] = {}
        self._lock = threading.Condition()
        self._up, self._wanted, self._fault = False, False, ""
        self.falls = 0
        self._start()
        self._watcher = threading.Thread(target=self._watch, name="twins", daemon=True)
        self._watcher.start()

    def endpoints(self, meter: str) -> list[Endpoint]:
        """Where a twin answers."""
        return self._endpoints[meter]

    def check(self, *, doubtful: bool = False) -> str | None:
        """What is wrong with the serving, if anything is, once it has had time to come back.

        When a test has failed it is ``doubtful``: a process that was killed a moment ago may not be known to be so yet.
        """
        with self._lock:
            if doubtful:
                self._lock.wait_for(lambda: not self._up, _NOTICED)
            self._lock.wait_for(lambda: self._up or bool(self._fault), _PATIENCE)
            return self._fault or (None if self._up else "the twins do not come back")

    def lose_supply(self) -> None:
        """Cut the supply of all twins, and wait until it is back. Raises BenchFault when it does not come back."""
        with self._lock:
            pid = self._serving.pid
            self._wanted, self._up = True, False
            if pid is not None and psutil.pid_exists(pid):
                psutil.Process(pid).kill()
        if (wrong := self.check()) is not None:
            raise BenchFault(wrong)

    def close(self) -> None:
        """End the serving."""
        self._serving.close()
        self._watcher.join(_PATIENCE)

    def _start(self) -> None:
        lines = list(self._serving.start())
        found: dict[str, list[Endpoint]] = {}
        for endpoint in map(endpoint_of, lines[:-1]):
            found.setdefault(endpoint.meter, []).append(endpoint)
        with self._lock:
            self._endpoints, self._up = found or self._endpoints, bool(lines)
            self._lock.notify_all()

    def _watch(self) -> None:
        try:
            while (how := self._serving.wait()) is not None:
                with self._lock:
                    self._up, wanted, self._wanted = False, self._wanted, False
                    self.falls += not wanted
                    self._lock.notify_all()
                if wanted:  # one that was told to end does not count as one that does not stay up
                    self._serving.close()
                    self._serving = ServingProcess(self._spec, self._work)
                else:
                    self._note(f"the process that serves the twins {how}; started again")
                self._start()
        except Exception as error:  # whoever waits for the twins must hear it
            with self._lock:
                self._fault = f"the twins are not served any more: {error}"
                self._lock.notify_all()


def _free_addresses(count: int) -> list[str]:
    """Addresses at which nobody answers on our ports; the search begins at one of this process's own."""
    for turn in range(len(_NETS)):
        net = _NETS[(os.getpid() + turn) % len(_NETS)]
        found = loopback_addresses(count, f"127.{net}.{os.getpid() // len(_NETS) % 256}.1")
        if all(map(_is_free, found)):
            return found
    raise BenchFault("no free loopback addresses for twins: end other sessions")


def _is_free(address: str) -> bool:
    ports = ((socket.SOCK_DGRAM, ECHONET_PORT), (socket.SOCK_STREAM, DLMS_PORT), (socket.SOCK_STREAM, _MODBUS_PORT))
    for kind, port in ports:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
