"""The node of one twin: a node profile and one meter object, of the class that its kind of meter has."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from protocols.echonet.classes import NODE_PROFILE, DeviceTable, Options, object_class, resolve
from protocols.echonet.frame import NODE_PROFILE as NODE_PROFILE_EOJ
from protocols.echonet.node import Node
from protocols.echonet.objects import NodeObject
from protocols.echonet.route_b import REPEATS, Repeats, half_hour_notification
from protocols.echonet.transport import Address, Outgoing
from twins.echonet.kinds import kind_of, table_of
from twins.meter.clock import Clocks
from twins.meter.identity import Identity, route_b
from twins.meter.view import MeterView

_PROFILE_OPTIONS = frozenset({0x8C, 0x8D})
_NO_REPEATS = Repeats(sends=1, period=REPEATS.period)
_UNIQUE_ID_FORM = b"\xfe"  # EPC 83: a number that the maker gives, behind its code


class TwinNode:
    """One twin on ECHONET Lite, sans-I/O. ``master`` is the master key of its fleet (for the B-route id).

    ``runs`` tells whether the meter is alive at an instant: while it is not, nothing is answered and nothing told.
    ``defects`` are planted faults by name: those of :mod:`twins.echonet.registers`, ``wrong-sign``, and here
    ``no-infc-repeat``.
    """

    def __init__(
        self,
        view: MeterView,
        clocks: Clocks,
        master: bytes,
        defects: Collection[str] = (),
        runs: Callable[[float], bool] = lambda now: True,
    ) -> None:
        self.view, self.runs = view, runs
        kind = kind_of(view)
        self.eoj, self.release = kind.eoj, kind.release
        self.credentials = route_b(master, view.index)
        self.number = bytes.fromhex(self.credentials.id)
        self._meter = kind.make(view, clocks, self.number, defects)
        self._table = table_of(kind, view.has_generator)
        profile = NodeObject(NODE_PROFILE_EOJ, _profile_table(), _ProfileValues(view.identity))
        repeats = _NO_REPEATS if "no-infc-repeat" in defects else REPEATS
        self._node = Node(profile, [NodeObject(self.eoj, self._table, self._meter)], repeats=repeats)

    def receive(self, data: bytes, sender: Address, now: float, *, multicast: bool = False) -> list[Outgoing]:
        """Take one datagram at a true instant: the answers, and what a change has to be announced."""
        if not self.runs(now):
            return []
        self._meter.now = now
        outgoing = self._node.receive(data, sender, multicast=multicast)
        for epc in self._meter.take_changes():
            outgoing += self._node.changed(self.eoj, epc)
        return outgoing

    def announce(self) -> list[Outgoing]:
        """The instance list to everybody."""
        return self._node.announce()

    def tell_half_hour(self, now: float, to: Address | None = None, steady: float = 0.0) -> list[Outgoing]:
        """The registers of the newest half-hour: INF to everybody, or INFC to one controller.

        Which properties that are is the class's matter; gas and water meters tell nothing. ``steady`` is the time that
        :meth:`due` counts in, in seconds.
        """
        if not self.runs(now):
            return []
        self._meter.now = now
        rule = half_hour_notification(self.eoj.class_code)
        epcs = [epc for epc in rule.properties if epc in self._table.get_map] if rule else []
        if not epcs:
            return []
        if to is None:
            return self._node.inform(self.eoj, epcs)
        return self._node.inform_confirmed(self.eoj, epcs, to, steady)

    def due(self, steady: float) -> list[Outgoing]:
        """Repeats of half-hours that the controller did not confirm."""
        return self._node.due(steady)

    @property
    def given_up(self) -> int:
        """Half-hours that the controller never confirmed."""
        return self._node.given_up


@cache
def _profile_table() -> DeviceTable:
    profile = object_class(NODE_PROFILE)
    return resolve(profile, profile.release, Options(get=_PROFILE_OPTIONS))


class _ProfileValues:
    """Provider of the node profile: who the meter is, in the words of its node."""

    def __init__(self, who: Identity) -> None:
        serial, product = who.serial.encode(), who.product.encode()
        self._values = {
            0x80: b"\x30",
            0x83: _UNIQUE_ID_FORM + who.maker + serial.rjust(13, b"\0"),
            0x8A: who.maker,
            0x8C: product.ljust(12, b"\0"),
            0x8D: serial,
        }

    def get(self, epc: int) -> bytes | None:
        """The property's data."""
        return self._values.get(epc)

    def set(self, epc: int, edt: bytes) -> bool:
        """Nothing of the node can be set."""
        return False
