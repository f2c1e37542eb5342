"""The meter under test, whatever it is: a contract by each of its protocols, its supply, and the time that passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from bench.errors import InputError
from bench.meters.directory import PROTOCOLS
from bench.meters.readers import reader_of, richest
from bench.pytest_plugin.targets import Target
from hil_drivers.errors import LinkError
from hil_drivers.meter import Meter
from hil_drivers.meters.route_b import RouteBMeter
from protocols.errors import MeterBenchError
from twins.clock import ScaledClock
from twins.serving.endpoint import Endpoint

_LOOK: Final = 0.1
_COMES_UP: Final = 60.0
"""Real seconds that a meter has to answer after its supply is there; on scaled time it needs less."""


class Specimen:
    """The fixture ``meter``.

    ``endpoints`` tells where it answers (another one after the twins were started again), ``cut`` cuts its supply and
    restores it. ``patience`` is the longest wait for simulated time, in real seconds.
    """

    def __init__(
        self,
        target: Target,
        endpoints: Callable[[], list[Endpoint]],
        clock: ScaledClock,
        scale: float,
        patience: float,
        cut: Callable[[], None],
    ) -> None:
        self.target, self.id = target, target.meter
        self._endpoints, self._clock, self._scale, self._patience, self._cut = endpoints, clock, scale, patience, cut
        self._readers: dict[tuple[Any, ...], Meter] = {}
        self._apart: list[Meter] = []

    def __str__(self) -> str:
        return f"{self.id} ({self.target.id})"

    def has(self, *features: str) -> bool:
        """Whether it has these features; ``a|b`` is either."""
        return self.target.lacks(features) is None

    @property
    def scale(self) -> float:
        """How many times as fast as real time its time passes."""
        return self._scale

    @property
    def reader(self) -> Meter:
        """The reader that can do most."""
        protocol = PROTOCOLS[richest(self._endpoints()).protocol]
        return self.via(protocol)

    def via(self, protocol: str, **details: str) -> Meter:
        """The reader by a protocol (dlms, echonet, wi-sun, modbus, optical …), the same each time it is asked for.

        ``details`` go before what is known of the endpoint: ``map="kw8m"``. Raises InputError for one that it has not.
        """
        key = (protocol, *sorted(details.items()))
        if key not in self._readers:
            self._readers[key] = reader_of(self.endpoint(protocol, details.get("dialect")), details)
        return self._readers[key]

    def another(self, protocol: str, timeout: float | None = None, **details: str) -> Meter:
        """A reader of its own, with details of its own (a wrong password): closed at the end of the test."""
        made = reader_of(self.endpoint(protocol, details.get("dialect")), details, timeout)
        self._apart.append(made)
        return made

    def stick(self, dialect: str | None = None, **details: str) -> RouteBMeter:
        """A reader over a stick in the home, which has ``radio`` besides; of this dialect, else the first."""
        given = details if dialect is None else {**details, "dialect": dialect}
        found = self.another("wi-sun", None, **given)
        assert isinstance(found, RouteBMeter)  # that is what this protocol leads to
        return found

    def endpoint(self, protocol: str, dialect: str | None = None) -> Endpoint:
        """Where it answers by a protocol. Raises InputError."""
        for each in self._endpoints():
            if PROTOCOLS.get(each.protocol) == protocol and dialect in (None, each.about.get("dialect")):
                return each
        raise InputError(f"{self} does not answer by {protocol}")

    def now(self) -> float:
        """True time there, by the bench's clock (Unix s)."""
        return float(self._clock.now())

    def wait(self, seconds: float, why: str = "") -> None:
        """Let so much of the meter's time pass; skip the test where that takes longer than ``--bench-patience``."""
        self.affords(seconds, why)
        time.sleep(max(0.0, seconds / self._scale))

    def affords(self, seconds: float, why: str = "") -> None:
        """Skip the test where so much of the meter's time takes longer than ``--bench-patience``."""
        real = seconds / self._scale
        if real > self._patience:
            what = f"takes {real:.0f} s{f' ({why})' if why else ''}, --bench-patience allows {self._patience:g} s"
            pytest.skip(what)

    def until(self, met: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, for at most so much of the meter's time (and at least a few looks)."""
        deadline = time.monotonic() + min(self._patience, max(2.0, seconds / self._scale))
        while not met():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        return True

    def comes_up(self) -> None:
        """Wait until it answers; raises LinkError when it does not."""
        deadline = time.monotonic() + _COMES_UP
        while True:
            try:
                reader = self.another(PROTOCOLS[richest(self._endpoints()).protocol], timeout=5.0)
                reader.identity()
                return
            except LinkError as error:
                if time.monotonic() > deadline:
                    raise LinkError(f"{self} does not come up within {_COMES_UP:g} s: {error}") from error
                time.sleep(_LOOK)

    def power_cycle(self) -> None:
        """Cut its supply, restore it, and wait until it answers. Its readers have to connect anew."""
        self.close()
        self._cut()
        self.comes_up()

    def close(self) -> None:
        """Let go of all connections."""
        for reader in (*self._readers.values(), *self._apart):
            try:
                reader.close()
            except MeterBenchError:
                continue
        self._readers.clear()
        self._apart.clear()
