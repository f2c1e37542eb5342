"""The doctor: does each instrument answer, is it the one, and can it do what the topology asks of it?

An instrument that has been restarted is sound, and the connection to it is dead all the same: a lost link is tried once
anew before it counts.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from bench.rack.fitness import Found
from bench.rack.inventory import Inventory
from bench.rack.sequencer import Open
from hil_drivers.errors import IdentityError, InstrumentError, LinkError
from hil_drivers.registry import Instrument, Kind
from hil_drivers.relay import Relay
from hil_drivers.source import AcSource
from protocols.errors import MeterBenchError

T = TypeVar("T")

_PATIENCE = 10.0
"""Real seconds that one instrument may take."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor found of an instrument: who it says that it is, and what is wrong, each with its line."""

    instrument: str
    driver: str
    identity: str
    problems: tuple[str, ...]


def examine(inventory: Inventory, opened: Open) -> list[Finding]:
    """Look at all instruments side by side; in the order of the topology."""
    found: dict[str, Finding] = {}

    def look(name: str) -> None:
        found[name] = _look(inventory, name, opened)

    threads = [threading.Thread(target=look, args=(name,), daemon=True) for name in inventory.instruments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    return [found.get(name) or _silent(inventory, name) for name in inventory.instruments]


def _silent(inventory: Inventory, name: str) -> Finding:
    where = inventory.line("instruments", name, "address")
    address = inventory.instruments[name].address
    problem = f"{where}: {name} at {address} does not answer within {_PATIENCE:g} s"
    return Finding(name, inventory.instruments[name].driver, "", (problem,))


def _look(inventory: Inventory, name: str, opened: Open) -> Finding:
    described = inventory.instruments[name]
    try:
        if described.kind is Kind.BRIDGE and (dead := _without_supply(inventory, name, opened)):
            return Finding(name, described.driver, f"not asked: {dead} has no supply, a dead line carries nothing", ())
        instrument = opened(name)
        identity = _identity(instrument, described.identity)
        problems = tuple(_shortcomings(inventory, name, instrument))
    except IdentityError as error:
        told = str(error)
        if not told.startswith(f"{inventory.file}:"):  # it is the driver that says so, who knows of no file
            told = f"{inventory.line('instruments', name, 'address')}: {name}: {told}"
        return Finding(name, described.driver, "", (told,))
    except Exception as error:  # a fault of a driver is a finding too, and the others are looked at all the same
        where = inventory.line("instruments", name, "address")
        what = str(error) if isinstance(error, MeterBenchError) else f"{type(error).__name__}: {error}"
        return Finding(name, described.driver, "", (f"{where}: {name} at {described.address}: {what}",))
    return Finding(name, described.driver, identity, problems)


def _identity(instrument: Instrument, words: str | None) -> str:
    try:
        return str(_anew(instrument.identity))
    except InstrumentError as error:
        if words is not None:
            raise
        return f"cannot say ({error})"


def _anew(ask: Callable[[], T]) -> T:
    """An answer; over a new link, which drivers make by themselves, where the one that there was is lost."""
    try:
        return ask()
    except LinkError:
        return ask()


def _without_supply(inventory: Inventory, bridge: str, opened: Open) -> str | None:
    """The place behind a bridge, where its source is off or its relay open; None where it has supply, or may have."""
    for place in inventory.places.values():
        wiring = place.wiring
        if wiring.bridge is None or wiring.bridge.instrument != bridge:
            continue
        try:
            if wiring.source is not None:
                source = cast(AcSource, opened(wiring.source.instrument))
                if not _anew(source.is_on):
                    return place.id
            if wiring.relay is not None:
                relay = cast(Relay, opened(wiring.relay.instrument))
                return None if _anew(functools.partial(relay.get, wiring.relay.channel)) else place.id
        except (MeterBenchError, OSError):  # that instrument has a finding of its own
            return None
    return None


def _shortcomings(inventory: Inventory, name: str, instrument: Any) -> Iterator[str]:
    """What the topology asks for and the instrument cannot do."""
    described: Any = inventory.instruments[name]
    if described.kind in (Kind.RELAY, Kind.ATTENUATOR) and instrument.channels < described.channels:
        where = inventory.line("instruments", name, "channels")
        yield f"{where}: {name} has {instrument.channels} channels, not {described.channels}"
    if described.kind is Kind.SOURCE:
        own = instrument.capabilities.envelope
        for place in inventory.places.values():
            tap = place.wiring.source
            if tap is None or tap.instrument != name:
                continue
            where, rated = inventory.line("places", place.id, "ratings"), place.ratings
            if rated.volts > own.volts_max:
                yield f"{where}: {name} gives at most {own.volts_max:g} V, {place.id} is rated {rated.volts:g} V"
            if not own.hertz_min <= rated.hertz <= own.hertz_max:
                can = f"{own.hertz_min:g} to {own.hertz_max:g} Hz"
                yield f"{where}: {name} gives {can}, {place.id} is rated {rated.hertz} Hz"


def look_at(name: str, opened: Open) -> tuple[Found, str]:
    """What an instrument's answer says of the places that it is wired to."""
    try:
        _anew(opened(name).identity)
    except IdentityError as error:
        return "stranger", str(error)
    except InstrumentError:
        pass  # it answers, and cannot say who it is
    except (MeterBenchError, OSError) as error:
        return "silent", f"{name} does not answer: {error}"
    return "answered", "all its instruments answer"
