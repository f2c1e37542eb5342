"""The safe state: load off, source off, seen to be off by a second instrument, relays open; attenuators at maximum.

A *stage* begins when the one before it is through, or has had its time; the steps of a stage go side by side, each in a
thread of its own, so that an instrument that does not answer costs one step's time and nothing else. An error never
stops what follows: relays open also when the source says nothing, because they are the second way to cut the supply.
Where no analyser is wired, the source's own meter has to do: its driver looks at it before it says that it is off.
The order is of rack-instruments §8. Running it again does no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.rack.errors import SafeStateError
from bench.rack.inventory import Inventory
from hil_drivers.analyser import Analyser
from hil_drivers.attenuator import Attenuator
from hil_drivers.registry import Instrument, Kind
from hil_drivers.relay import Relay
from hil_drivers.source import AcSource, Watchdog

Open = Callable[[str], Instrument]
"""Gives the open instrument of an id, or raises."""

_POLL = 0.05  # s between looks at a voltage that falls


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was taken: which, with what, how long it took (s), and what went wrong (empty: nothing)."""

    name: str
    instrument: str
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class SafeReport:
    """What was done to reach the safe state."""

    steps: tuple[Step, ...]

    @property
    def failures(self) -> tuple[Step, ...]:
        """The steps that failed; without any the safe state is reached and proved."""
        return tuple(step for step in self.steps if step.error)

    def __str__(self) -> str:
        return "; ".join(f"{step.name} ({step.instrument}): {step.error}" for step in self.failures) or "reached"


@dataclass(frozen=True, slots=True)
class _Plan:
    name: str
    instrument: str
    act: Callable[[Any], None]


def make_safe(
    inventory: Inventory, opened: Open, places: Iterable[str] | None = None, seconds: float | None = None
) -> SafeReport:
    """Bring all that is wired to these places (None: the whole rack) into its safe state; never raises.

    A step may take so many ``seconds``, else what the topology says.
    """
    each = inventory.rack.safe_state.step_seconds if seconds is None else seconds
    taken: list[Step] = []
    for stage in _stages(inventory, places, each):
        taken.extend(_side_by_side(stage, opened, each))
    return SafeReport(tuple(taken))


def _stages(inventory: Inventory, places: Iterable[str] | None, seconds: float) -> list[list[_Plan]]:
    chosen = list(inventory.places if places is None else places)
    limit = inventory.rack.safe_state.volts_below
    loads, sources, relays, attenuators = (
        _reached(inventory, kind, chosen, everything=places is None)
        for kind in (Kind.LOAD, Kind.SOURCE, Kind.RELAY, Kind.ATTENUATOR)
    )
    return [
        [_Plan("load off", name, _safe) for name in loads],
        [
            *(_Plan("source off", name, _source_off) for name in sources),
            *(_Plan("attenuate", name, _fully_attenuated(channels)) for name, channels in attenuators.items()),
        ],
        [
            _Plan("voltage gone", name, _voltage_gone(elements, limit, 0.8 * seconds))
            for name, elements in _elements(inventory, chosen).items()
        ],
        [_Plan("relays open", name, _opened(channels)) for name, channels in relays.items()],
    ]


def _reached(inventory: Inventory, kind: Kind, places: list[str], *, everything: bool) -> dict[str, list[int]]:
    """Instruments of a kind with the channels that are meant; no channels means all of it."""
    if everything:
        return {name: [] for name, each in inventory.instruments.items() if each.kind is kind}
    return inventory.wired(places, kind)


def _elements(inventory: Inventory, places: list[str]) -> dict[str, set[int]]:
    """Analysers with their elements that see the voltage of these places."""
    found: dict[str, set[int]] = {}
    for place in places:
        wiring = inventory.place(place).wiring
        if wiring.analyser is not None and wiring.source is not None:
            found.setdefault(wiring.analyser.instrument, set()).update(wiring.analyser.elements)
    return found


def _safe(instrument: Any) -> None:
    instrument.safe()


def _source_off(source: AcSource) -> None:
    source.safe()
    if source.is_on():
        raise SafeStateError("its output reads back as on")
    if isinstance(source, Watchdog):
        source.disarm_watchdog()  # or it would trip for nothing, once nobody speaks to it any more


def _fully_attenuated(channels: list[int]) -> Callable[[Any], None]:
    def act(attenuator: Attenuator) -> None:
        if not channels:
            attenuator.safe()
        for channel in channels or range(1, attenuator.channels + 1):
            if channels:
                attenuator.set(channel, attenuator.max_db)
            if (db := attenuator.get(channel)) < attenuator.max_db:
                raise SafeStateError(f"channel {channel} reads back {db:g} dB, not {attenuator.max_db:g} dB")

    return act


def _voltage_gone(elements: set[int], limit: float, patience: float) -> Callable[[Any], None]:
    def act(analyser: Analyser) -> None:
        # What it shows may be older than what was done, so the voltage has to be gone for longer than an update takes.
        long_enough = min(1.5 * analyser.capabilities.update_s, patience / 2)
        deadline, seen_at = time.monotonic() + patience, time.monotonic()
        while time.monotonic() - seen_at < long_enough:
            volts = analyser.reading().volts
            seen = [volts[element - 1] for element in sorted(elements)]
            if not all(value < limit for value in seen):  # so too when one is no number
                seen_at = time.monotonic()
            if seen_at > deadline:
                told = ", ".join(f"{value:.1f} V" for value in seen)
                raise SafeStateError(f"it still sees {told}, and the limit is {limit:g} V")
            time.sleep(_POLL)

    return act


def _opened(channels: list[int]) -> Callable[[Any], None]:
    def act(relay: Relay) -> None:
        if not channels:
            relay.safe()
        for channel in channels or range(1, relay.channels + 1):
            if channels:
                relay.set(channel, False)
            if relay.get(channel):
                raise SafeStateError(f"channel {channel} reads back as closed")

    return act


class _Running:
    """A step in its thread. The thread is a daemon: one that never ends must not keep the process."""

    def __init__(self, plan: _Plan, opened: Open) -> None:
        self._plan, self._opened = plan, opened
        self._began = time.monotonic()
        self._took: float | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._run, name=f"safe-{plan.instrument}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._plan.act(self._opened(self._plan.instrument))
        except Exception as error:  # whatever it is, the other steps have to go on and this one has to be told
            self._error = str(error) or type(error).__name__
        self._took = time.monotonic() - self._began

    def step(self, until: float) -> Step:
        """Wait until then at most, and tell how it went."""
        self._thread.join(max(0.0, until - time.monotonic()))
        seconds = time.monotonic() - self._began if self._took is None else self._took
        error = f"no answer within {seconds:.1f} s" if self._took is None else self._error
        return Step(self._plan.name, self._plan.instrument, round(seconds, 3), error)


def _side_by_side(stage: list[_Plan], opened: Open, seconds: float) -> list[Step]:
    until = time.monotonic() + seconds
    running = [_Running(plan, opened) for plan in stage]
    return [each.step(until) for each in running]
