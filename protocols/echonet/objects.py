"""One object of a node: its table in front, a provider of values behind.

An object refuses what its table does not have, data that is not well formed, and what its provider refuses. Property
maps and versions follow from the table and never reach the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocols.echonet.classes import DeviceTable
from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.frame import NODE_PROFILE, Eoj, Esv, Property
from protocols.echonet.route_b import accepted_services
from protocols.echonet.values import StandardVersion
from protocols.errors import ProtocolError

ECHONET_LITE_VERSION = bytes.fromhex("010E0100")
"""EPC 82 of the node profile: version 1.14, specified message format."""

MAX_INSTANCE = 0x7F

_VERSION = 0x82
_MAPS: dict[int, Callable[[DeviceTable], frozenset[int]]] = {
    0x9D: lambda table: table.inf_map,
    0x9E: lambda table: table.set_map,
    0x9F: lambda table: table.get_map,
}


class Provider(Protocol):
    """The values behind one object.

    A selector and the histories that follow it (0x0288: E5 with E2 and E4, ED with EC, EF with EE; the tables' column
    ``selector``) are atomic: a get after a set must see that selection, whoever set it. One meter has one selection, so
    two controllers disturb each other (``meter-protocols`` §8 trap 11). Keeping it is the provider's matter.
    """

    def get(self, epc: int) -> bytes | None:
        """The property's data now, 1 to 255 bytes; None refuses."""

    def set(self, epc: int, edt: bytes) -> bool:
        """Take new data, already known to be well formed; False refuses."""


@dataclass(frozen=True, slots=True)
class NodeObject:
    """One object: which it is, what it has, and who knows its values.

    ``revision`` is the second half of EPC 82; ``services`` are the requests it accepts, None meaning those of its class
    (:func:`~protocols.echonet.route_b.accepted_services`); ``fixed`` are values that hold instead of the provider's.
    """

    eoj: Eoj
    table: DeviceTable
    provider: Provider
    revision: int = 0
    services: frozenset[Esv] | None = None
    fixed: Mapping[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.eoj.class_code != self.table.object_class.class_code or not 1 <= self.eoj.instance <= MAX_INSTANCE:
            raise UnknownPropertyError(f"{self.eoj} is no object of the class {self.table.object_class.title}")

    def accepts(self, esv: Esv) -> bool:
        """Whether the object serves requests of this kind at all."""
        services = accepted_services(self.eoj.class_code) if self.services is None else self.services
        return esv in services

    def offers(self, epc: int, esv: Esv) -> bool:
        """Whether Get or INF_REQ may read this property; what is only announced answers INF_REQ alone."""
        return epc in self.table.get_map or (esv is Esv.INF_REQ and epc in self.table.inf_map)

    def value(self, epc: int) -> bytes | None:
        """The property's data now; None when the object or its provider has none, or more than a property can carry."""
        if epc not in self.table.rules:
            return None
        edt = self.fixed.get(epc)
        if edt is None:
            edt = self._from_table(epc) or self.provider.get(epc)
        return edt if edt and len(edt) <= 0xFF else None

    def set(self, asked: Property) -> bool:
        """Set the property; False when the table, the data type or the provider refuses."""
        if asked.epc not in self.table.set_map:
            return False
        try:
            self.table.rule(asked.epc).codec.decode(asked.edt)
        except ProtocolError:
            return False
        return self.provider.set(asked.epc, asked.edt)

    def _from_table(self, epc: int) -> bytes | None:
        if epc in _MAPS:
            return self.table.rule(epc).codec.encode(_MAPS[epc](self.table))
        if epc != _VERSION:
            return None
        if self.eoj.class_code == NODE_PROFILE.class_code:
            return ECHONET_LITE_VERSION
        return self.table.rule(epc).codec.encode(StandardVersion(self.table.release, self.revision))
