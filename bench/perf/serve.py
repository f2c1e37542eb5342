"""How many requests a second the twins of ``bench serve`` answer, and how long each takes.

A serving process as ``bench serve`` starts it, and one plain client in this process: it keeps one request in flight to
every twin, as a controller must (``meter-protocols`` §1.7), so the wait of a request is that of all twins at once. What
is asked is what controllers ask: mostly power and currents, then registers and half-hours, now and then a day's
history. Twins that nobody asks are read at the end, and compared with the same twins computed here.
"""

from __future__ import annotations

import os
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from bench.errors import BenchFault, InputError
from bench.perf.fleet import plan_of
from bench.serving.watch import ServingProcess
from protocols.echonet.frame import HEMS, LV_METER, Esv, Frame, Property
from protocols.slots import SLOT_SECONDS, slot_of
from twins.chosen import ChosenTwins
from twins.clock import ClockSpec
from twins.echonet.addresses import loopback_addresses
from twins.plan import FleetPlan
from twins.serving.spec import ServeSpec

WARM_UP = 2.0
"""Real seconds that are not counted: in the first of them, every twin is computed for the first time."""

_WITNESSES = 50
_MIX = ((0xE7, 0xE8),) * 14 + ((0xE0, 0xEA, 0xD7, 0xE1),) * 5 + ((0xE2,),)
_LOST_AFTER = 5.0  # real s
_NOON = 24 * SLOT_SECONDS // 2
_KEY = bytes(range(16))  # nothing here is a secret of anybody


def measure_serve(twins: int, fleet: int, seconds: float) -> dict[str, Any]:
    """Ask ``twins`` of ``fleet`` for ``seconds``; the figures. Raises :class:`BenchFault` for a wrong answer."""
    if twins + _WITNESSES > fleet:
        raise InputError(f"{twins} twins and {_WITNESSES} witnesses are more than a fleet of {fleet}")
    step = fleet // (twins + _WITNESSES)
    indices = tuple(range(0, step * (twins + _WITNESSES), step))
    plan = plan_of(fleet)
    port, addresses = _free_port(), loopback_addresses(len(indices), f"127.{100 + os.getpid() % 100}.0.1")
    clock = ClockSpec(mode="scaled", start=float(plan.first_slot * SLOT_SECONDS + _NOON), scale=1.0, origin=time.time())
    with tempfile.TemporaryDirectory(prefix="meter-bench-perf-") as folder:
        work = Path(folder)
        serving = ServingProcess(_spec(plan, clock, indices, addresses, port, work), work)
        try:
            for _ in serving.start():
                pass
            result = _Load(addresses[:twins], port).run(seconds, serving)
            untouched = _check_witnesses(plan, indices[twins:], addresses[twins:], port, clock)
        finally:
            serving.stop()
            serving.close()
    return {"twins": twins, "fleet": fleet, "witnesses": untouched, **result}


def _spec(
    plan: FleetPlan, clock: ClockSpec, indices: tuple[int, ...], addresses: list[str], port: int, work: Path
) -> ServeSpec:
    return ServeSpec(
        plan=plan,
        clock=clock,
        meters=indices,
        addresses=tuple(addresses),
        master_key=_KEY,
        defects=(),
        protocols=("echonet-lite",),
        memory=str(work / "memory"),
        terminals=str(work / "sticks"),
        echonet_port=port,
        dlms_port=port,
        modbus_port=port,
        dialects=(),
        sticks=0,
    )


class _Load:
    """One request in flight to every twin."""

    def __init__(self, addresses: list[str], port: int) -> None:
        self._peers = [(address, port) for address in addresses]
        self._place = {address: place for place, address in enumerate(addresses)}
        self._socket = _client(port)
        self._sent = [0.0] * len(addresses)
        self._tid = [0] * len(addresses)
        self._mix: Iterator[tuple[int, ...]] = cycle(_MIX)
        self._answers: list[tuple[float, float]] = []  # when, and how long it took
        self.lost = 0

    def run(self, seconds: float, serving: ServingProcess) -> dict[str, Any]:
        """The figures of ``seconds`` after the warm-up."""
        process, began = psutil.Process(serving.pid), time.perf_counter()
        counted_from, end = began + WARM_UP, began + WARM_UP + seconds
        cpu = 0.0
        with self._socket, selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            for place in range(len(self._peers)):
                self._ask(place)
            looked = began
            while (now := time.perf_counter()) < end:
                selector.select(0.1)
                self._take()
                if not cpu and now >= counted_from:
                    cpu = sum(process.cpu_times()[:2])
                if now - looked > 1:
                    looked = now
                    self._ask_again(now)
            cpu = sum(process.cpu_times()[:2]) - cpu
        waits = sorted(took for when, took in self._answers if when >= counted_from)
        if not waits:
            raise BenchFault("the twins answered nothing")
        return {
            "seconds": seconds,
            "requests": len(waits),
            "requests_per_second": round(len(waits) / seconds, 1),
            "first_second_requests": sum(when < began + 1 for when, _ in self._answers),
            "p50_ms": round(statistics.median(waits) * 1000, 2),
            "p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 2),
            "lost": self.lost,
            "in_flight": len(self._peers),
            "cpu_us_per_request": round(cpu / len(waits) * 1e6, 1),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        }

    def _ask(self, place: int) -> None:
        self._tid[place] = (self._tid[place] + 1) & 0xFFFF
        self._sent[place] = time.perf_counter()
        self._socket.sendto(_get(self._tid[place], next(self._mix)), self._peers[place])

    def _take(self) -> None:
        while True:
            try:
                data, (address, _) = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            place = self._place[address]
            if int.from_bytes(data[2:4], "big") != self._tid[place] or data[10] not in (Esv.GET_RES, Esv.GET_SNA):
                continue  # an announcement, or an answer that was given up
            if data[10] != Esv.GET_RES:
                raise BenchFault(f"{address} refused what every meter of its class answers")
            now = time.perf_counter()
            self._answers.append((now, now - self._sent[place]))
            self._ask(place)

    def _ask_again(self, now: float) -> None:
        for place, sent in enumerate(self._sent):
            if now - sent > _LOST_AFTER:
                self.lost += 1
                self._ask(place)


def _get(tid: int, epcs: tuple[int, ...]) -> bytes:
    return Frame(tid, HEMS, LV_METER, Esv.GET, tuple(map(Property, epcs))).to_bytes()


def _check_witnesses(
    plan: FleetPlan, indices: tuple[int, ...], addresses: list[str], port: int, clock: ClockSpec
) -> int:
    """Read the twins that nobody asked, and compare them with the same twins computed here; how many there are."""
    twins = ChosenTwins(plan, indices)
    now = clock.start + time.time() - clock.origin
    twins.advance_to(slot_of(now))
    with _client(port) as own:
        own.settimeout(_LOST_AFTER)
        for view, address in zip(twins.views, addresses, strict=True):
            own.sendto(_get(1, (0xEA,)), (address, port))
            sender, data = "", b""
            while sender != address:  # answers of the load may still be coming
                data, (sender, _) = own.recvfrom(2048)
            answer = Frame.from_bytes(data)
            register = int.from_bytes(answer.properties[0].edt[7:], "big")
            if register != view.counts(view.half_hour(now)[1].import_wh):
                raise BenchFault(f"{address} shows {register}, and it was never touched")
    return len(indices)


def _client(port: int) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    own.bind(("127.0.0.1", port))
    own.setblocking(False)
    return own


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])
