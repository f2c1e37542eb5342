"""The gateway: the one process that owns the instruments of a rack, and answers for them on the bus.

The main thread beats for the dead-man process and looks for leases whose time is over; requests and ends of leases run
in threads of their own, so that neither waits for an instrument.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import msgspec

from bench.errors import BenchFault
from bench.rack import dead_man
from bench.rack import messages as ask
from bench.rack.audit import Audit
from bench.rack.credentials import endpoints_of_place
from bench.rack.desk import Desk
from bench.rack.doctor import examine
from bench.rack.errors import LeaseDeniedError, SafeStateError
from bench.rack.instruments import Instruments
from bench.rack.inventory import Inventory
from bench.rack.journal import Journal, JournalError
from bench.rack.keeper import Keeper
from bench.rack.leases import Lease
from bench.rack.messages import Envelope, Reply, Request
from bench.rack.readings import Readings, over_line
from bench.rack.sequencer import SafeReport
from hil_drivers.bridge import PlcBridge
from protocols.errors import MeterBenchError, ProtocolError
from protocols.topics import TopicTree
from twins.bus.address import BusAddress
from twins.bus.control import ControlLink

log = logging.getLogger(__name__)

_WORKERS = 16
_ENVELOPE = msgspec.json.Decoder(Envelope)
_MAY_LAST = (ask.Play, ask.Power, ask.ReadMeter, ask.Radio)
_READY_WITHIN = 30.0  # s: a dead-man process that acts has to finish first


class Watcher:
    """The dead-man process as the gateway sees it."""

    def __init__(self, inventory: Inventory, folder: Path) -> None:
        command = [sys.executable, "-m", "bench.rack.dead_man", str(inventory.file.resolve()), str(folder.resolve())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
        )
        assert self._process.stdin is not None
        self._beats = self._process.stdin
        os.set_blocking(self._beats.fileno(), False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ready(self) -> None:
        """Wait until it watches, beating meanwhile. Raises BenchFault when it does not come to that."""
        assert self._process.stdout is not None
        told = threading.Event()
        words: list[bytes] = []
        stdout = self._process.stdout

        def read() -> None:
            words.append(stdout.readline())
            told.set()

        threading.Thread(target=read, daemon=True).start()
        if not told.wait(_READY_WITHIN) or words != [b"ready\n"]:
            self.end()
            raise BenchFault("the dead-man process does not come up; without it the rack is not served")

    def beat(self) -> int | None:
        """One beat; the exit status when it has ended."""
        status = self._process.poll()
        if status is None:
            try:
                os.write(self._beats.fileno(), dead_man.BEAT)
            except (BlockingIOError, BrokenPipeError):
                return self._process.poll()
        return status

    def end(self) -> None:
        """Tell it to end without acting."""
        if self._process.poll() is None:
            try:
                os.write(self._beats.fileno(), dead_man.LAST_WORD)
            except OSError:
                log.warning("the dead-man process did not hear the last word")
        self._beats.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class Gateway:
    """One rack on the bus; ``folder`` keeps its journal and its audit log. ``each_round`` is called at every beat."""

    def __init__(
        self,
        inventory: Inventory,
        folder: Path,
        address: BusAddress,
        stop: threading.Event,
        each_round: Callable[[], None],
    ) -> None:
        self._inventory, self._folder, self._stop, self._each_round = inventory, folder, stop, each_round
        self._audit = Audit(folder / "audit.jsonl", time.time)
        self._journal = Journal(folder / "leases.jsonl")
        self._instruments = Instruments(inventory)
        self.desk = Desk(inventory, self._journal, self._audit, self._instruments.opened, time.time)
        self._readings = Readings(functools.partial(endpoints_of_place, inventory))
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="request")
        self._ending: set[int] = set()
        self._kept: dict[str, set[str]] = {}  # tokens of the leases that hang on a client's beats, by client
        self._tree = TopicTree(address.root)
        self._link = ControlLink(address, f"rack-{inventory.name}-{os.getpid()}")
        self._link.handle(self._tree.rack_ask(inventory.name), self._on_ask)
        self._watcher: Watcher | None = None

    def run(self, on_ready: Callable[[int], None]) -> None:
        """Serve until told to stop, then reach the safe state; leases outlast it. ``on_ready(pid of the dead-man)``."""
        try:
            self._watch()
            self._audit.line("gateway", "start", pid=os.getpid(), rack=self._inventory.name)
            with self._beating():
                self.desk.recover()
                self._link.open()
            assert self._watcher is not None
            on_ready(self._watcher.pid)
            Keeper(self.desk, self._instruments.opened, self._stop, self._lost).start()
            while not self._stop.wait(dead_man.EVERY):
                self._round()
        finally:
            self._close()

    def _watch(self) -> None:
        self._watcher = Watcher(self._inventory, self._folder)
        self._watcher.ready()

    def _round(self) -> None:
        assert self._watcher is not None
        status = self._watcher.beat()
        if status is not None:
            self._replace_watcher(status)
        for lease in self.desk.overdue():
            self._end_aside(lease, "expired", doubt=lease.armed)
        self._each_round()

    def _replace_watcher(self, status: int) -> None:
        """The dead-man has ended: it was killed, or it acted because this process hung. What ran then is over."""
        self._audit.line("gateway", "dead-man lost", status=status)
        if status in (dead_man.ACTED, dead_man.FAILED):
            for lease in self.desk.running():
                self._end_aside(lease, "the dead-man process acted", doubt=True)
        assert self._watcher is not None
        self._watcher.end()
        self._watch()

    def _lost(self, lease: Lease, why: str) -> None:
        self._end_aside(lease, why, doubt=True)

    def _end_aside(self, lease: Lease, why: str, *, doubt: bool) -> None:
        if lease.number not in self._ending:
            self._ending.add(lease.number)
            threading.Thread(target=self._end, args=(lease, why, doubt), name=f"end-{lease.number}").start()

    def _end(self, lease: Lease, why: str, doubt: bool) -> None:
        try:
            self.desk.end(lease, why, doubt=doubt)
        except JournalError as error:
            log.error("lease %d is ending, and its places are not free: %s", lease.number, error)

    def _close(self) -> None:
        try:
            with self._beating():
                self.desk.shut_down()
                self._link.close()
                self._workers.shutdown(wait=False, cancel_futures=True)
                for lease in self.desk.running():
                    try:
                        self.desk.disarm("gateway", lease)
                    except JournalError as error:  # it is safe and cannot be written down; so must the others be
                        log.error("%s", error)
                self._audit.line("gateway", "stop", pid=os.getpid())
        finally:
            self._readings.close()
            self._instruments.close()
            if self._watcher is not None:
                self._watcher.end()
            self._journal.close()
            self._audit.close()

    @contextlib.contextmanager
    def _beating(self) -> Iterator[None]:
        """Beat from a thread while the main one is at something longer that ends by itself."""
        done = threading.Event()

        def beat() -> None:
            while self._watcher is not None and not done.wait(dead_man.EVERY):
                self._watcher.beat()

        thread = threading.Thread(target=beat, name="beat")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _on_ask(self, topic: str, payload: bytes) -> None:
        try:
            envelope = _ENVELOPE.decode(payload)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"no request: {error}") from None
        if isinstance(envelope.request, ask.Gone):
            self._gone(envelope)
            return
        if isinstance(envelope.request, ask.Beat):  # noted here, where requests come in order
            self._kept.setdefault(envelope.client, set()).add(envelope.request.token)
        if isinstance(envelope.request, _MAY_LAST):  # no worker for others waits for it
            threading.Thread(target=self._answer, args=(envelope,), name="long request", daemon=True).start()
        else:
            self._workers.submit(self._answer, envelope)

    def _gone(self, envelope: Envelope) -> None:
        """A client has died: what hung on its beats ends at once. The others' leases outlive who took them."""
        for token in self._kept.pop(envelope.client, ()):
            with contextlib.suppress(LeaseDeniedError):  # it is over already
                lease = self.desk.check(token)
                self._end_aside(lease, f"the connection of {envelope.owner} is lost", doubt=lease.armed)

    def _answer(self, envelope: Envelope) -> None:
        try:
            reply = Reply(envelope.id, self._do(envelope.owner, envelope.request))
        except MeterBenchError as error:
            reply = Reply(envelope.id, error=str(error) or type(error).__name__, exit_code=error.exit_code)
        except Exception as error:  # a client waits for an answer, whatever went wrong here
            log.exception("%s of %s", type(envelope.request).__name__, envelope.owner)
            reply = Reply(envelope.id, error=f"{type(error).__name__}: {error}", exit_code=BenchFault.exit_code)
        self._link.publish(self._tree.rack_reply(self._inventory.name, envelope.client), reply)

    def _do(self, owner: str, request: Request) -> Any:
        desk = self.desk
        match request:
            case ask.Places(place):
                return [desk.place(name) for name in self._inventory.places] if place is None else desk.place(place)
            case ask.Who():
                return desk.leases()
            case ask.Acquire(places, tags, count, ttl):
                return desk.acquire(owner, places, tags, count, ttl)
            case ask.Extend(token, ttl):
                return desk.extend(owner, token, ttl)
            case ask.Beat(token):
                return desk.beat(token)
            case ask.Gone():
                return None  # heard before this, and nobody waits for an answer
            case ask.Release():
                return self._release(owner, request)
            case ask.Safe():
                return self._safe(owner, request)
            case ask.SetHealth(place, health, reason):
                desk.ledger.set_health(owner, place, health, reason)
                return desk.place(place)
            case ask.Measure(place):
                return desk.measure(place)
            case ask.Doctor():
                return [asdict(finding) for finding in examine(self._inventory, self._instruments.opened)]
            case ask.Power(place, token, action):
                return desk.operate(owner, token, place, "power", lambda rig: rig.power(request), action=action)
            case ask.Source(place, token, action):
                return desk.operate(owner, token, place, "source", lambda rig: rig.source(request), action=action)
            case ask.Load(place, token, amps):
                return desk.operate(owner, token, place, "load", lambda rig: rig.load(request), amps=amps)
            case ask.Attenuate(place, check=True):
                return desk.looking(place).attenuate(request)
            case ask.Attenuate(place, token, db):
                return desk.operate(owner, token, place, "attenuate", lambda rig: rig.attenuate(request), db=db)
            case ask.Play():
                return desk.play(owner, request)
            case ask.Integrate(place, token, action):
                return desk.operate(owner, token, place, "integrate", lambda rig: rig.integrate(request), action=action)
            case ask.Radio(place, token, action, count):
                return desk.under(
                    owner, token, place, "radio", lambda: self._radio(place, action, count), action=action
                )
            case ask.ReadMeter():
                return self._readings.read(request)

    def _radio(self, place: str, action: str, count: int) -> dict[str, Any]:
        """The stick of a place, or where there is none the bridge over its power line."""
        described = self._inventory.place(place)
        if described.stick is None and described.wiring.bridge is not None:
            bridge = cast(PlcBridge, self._instruments.opened(described.wiring.bridge.instrument))
            return over_line(bridge, action, count)
        return self._readings.radio(place, action, count)

    def _release(self, owner: str, request: ask.Release) -> dict[str, Any]:
        if request.kick is None:
            lease, why = self.desk.check(request.token), f"released by {owner}"
        else:
            held = self.desk.of_place(request.kick)
            if held is None:
                raise LeaseDeniedError(f"nobody holds {request.kick}")
            lease, why = held, f"broken by {owner}"
        report = self.desk.end(lease, why)
        return {"lease": lease.number, "places": lease.places, "safe": not report.failures, "failures": str(report)}

    def _safe(self, owner: str, request: ask.Safe) -> dict[str, Any]:
        """Safety asks nobody: who has the token keeps the lease, any other ends it."""
        if request.place is None:
            for lease in self.desk.living():
                self.desk.end(lease, f"safe state asked for by {owner}")
            return _proved(self.desk.make_all_safe(owner))
        touched = self.desk.touching(request.place)
        for lease in touched:
            if lease.token == request.token:
                return _proved(self.desk.disarm(owner, lease))
        for lease in touched:
            self.desk.end(lease, f"safe state asked for by {owner}")
        return _proved(self.desk.make_safe(owner, (request.place,)))


def _proved(report: SafeReport) -> dict[str, Any]:
    if report.failures:
        raise SafeStateError(f"the safe state is not proved: {report}")
    return {"safe": True, "steps": [asdict(step) for step in report.steps]}
