"""What stands on the rack, out of its topology: places, instruments, what is wired to what, and the line of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.topology.load import LoadedTopology, load_topology
from bench.topology.model import Bus
from bench.topology.rack import Instrument, Place, Rack
from bench.topology.yamltree import Node, locate, read_yaml
from hil_drivers.registry import Kind

_EXCLUSIVE = (Kind.RELAY, Kind.ATTENUATOR)
"""Kinds whose channels serve one place each; the others are claimed whole."""


@dataclass(frozen=True)
class Inventory:
    """A rack and where each part of it is described."""

    name: str
    seed: int
    rack: Rack
    bus: Bus
    places: Mapping[str, Place]
    instruments: Mapping[str, Instrument]
    file: Path
    root: Node

    def place(self, name: str) -> Place:
        """A place by its name; raises InputError with those that there are."""
        if name not in self.places:
            raise InputError(f"there is no place {name}; there are {', '.join(self.places)}")
        return self.places[name]

    def line(self, key: str, name: str, *path: str) -> str:
        """``file:line:column`` where an instrument or a place (``key``: instruments, places) says ``path``."""
        position = list(getattr(self, key)).index(name)
        mark = locate(self.root, ("rack", key, position, *path)).mark
        return f"{self.file}:{mark.line}:{mark.column}"

    def claims(self, place: str) -> frozenset[str]:
        """What a lease of this place holds besides it: whole instruments, and channels as ``relay-1:3``."""
        return frozenset(
            f"{name}:{channel}" if kind in _EXCLUSIVE else name for kind, name, channel in taps(self.place(place))
        )

    def speaking(self, place: str) -> list[str]:
        """Instruments of a place that answer with and without supply; at a bridge it is the meter that answers."""
        return [name for kind, name, _channel in taps(self.place(place)) if kind is not Kind.BRIDGE]

    def wired(self, places: Iterable[str], kind: Kind) -> dict[str, list[int]]:
        """Instruments of a kind that are wired to any of these places, with the channels that are (0: no channels)."""
        found: dict[str, list[int]] = {}
        for place in places:
            for of, name, channel in taps(self.place(place)):
                if of is kind:
                    found.setdefault(name, []).append(channel)
        return found


def taps(place: Place) -> list[tuple[Kind, str, int]]:
    """What is wired to a place: kind, instrument, and channel where it has channels, else 0."""
    found = []
    for kind in Kind:
        tap = getattr(place.wiring, kind.value)
        if tap is not None:
            found.append((kind, tap.instrument, getattr(tap, "channel", 0)))
    return found


def read_inventory(path: Path) -> Inventory:
    """The rack of a topology file; raises TopologyError for a faulty one, InputError for one without a rack."""
    return inventory_of(load_topology(path))


def inventory_of(loaded: LoadedTopology) -> Inventory:
    """The rack of a topology that is loaded; raises InputError when it has none."""
    rack = loaded.topology.rack
    root = read_yaml(loaded.text).root
    if rack is None or root is None:
        raise InputError(f"{loaded.path}: describes no rack; add the section rack (docs/rack.md)")
    return Inventory(
        name=loaded.topology.name,
        seed=loaded.topology.seed,
        rack=rack,
        bus=loaded.topology.bus,
        places={place.id: place for place in rack.places},
        instruments={instrument.id: instrument for instrument in rack.instruments},
        file=loaded.path,
        root=root,
    )
