"""The node of one twin: a node profile and one low-voltage meter object.

A meter of the current generation follows release F, one of the next generation release R: that is our own mapping
(``meter-protocols`` §1.6 says what the releases have). Beyond the required properties a twin has what the captured
meter had (§6): serial number, time and date, coefficient, and history 2 with its selector; also a product code.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from protocols.echonet.classes import LV_METER, NODE_PROFILE, DeviceTable, Options, object_class, resolve
from protocols.echonet.frame import LV_METER as LV_METER_EOJ
from protocols.echonet.frame import NODE_PROFILE as NODE_PROFILE_EOJ
from protocols.echonet.node import Node
from protocols.echonet.objects import NodeObject
from protocols.echonet.route_b import HALF_HOUR
from protocols.echonet.transport import Address, Outgoing
from twins.echonet.lv_meter import LvMeter
from twins.meter.clock import Clocks
from twins.meter.identity import Identity, route_b_number
from twins.meter.view import MeterView
from twins.shard.spec import DefectKind

RELEASES = {"current": "F", "next": "R"}
"""Release of the device specification by the generation of the meter."""

_METER_OPTIONS = frozenset({0x8C, 0x8D, 0x97, 0x98, 0xD3, 0xEC, 0xED})
_PROFILE_OPTIONS = frozenset({0x8C, 0x8D})
_UNIQUE_ID_FORM = b"\xfe"  # EPC 83: a number that the maker gives, behind its code


class TwinNode:
    """One twin on ECHONET Lite, sans-I/O. ``master`` is the master key of its fleet (for the B-route id)."""

    def __init__(self, view: MeterView, clocks: Clocks, master: bytes, defects: Collection[DefectKind] = ()) -> None:
        self.view = view
        self.eoj = LV_METER_EOJ
        self.release = RELEASES[view.generation]
        self.number = route_b_number(master, view.index)
        self._meter = LvMeter(view, clocks, self.number, defects)
        self._table = table_of(self.release, view.has_generator)
        profile = NodeObject(NODE_PROFILE_EOJ, _profile_table(), _ProfileValues(view.identity))
        self._node = Node(profile, [NodeObject(self.eoj, self._table, self._meter)])

    def receive(self, data: bytes, sender: Address, now: float, *, multicast: bool = False) -> list[Outgoing]:
        """Take one datagram at a true instant: the answers, and what a change has to be announced."""
        self._meter.now = now
        outgoing = self._node.receive(data, sender, multicast=multicast)
        for epc in self._meter.take_changes():
            outgoing += self._node.changed(self.eoj, epc)
        return outgoing

    def announce(self) -> list[Outgoing]:
        """The instance list to everybody."""
        return self._node.announce()

    def tell_half_hour(self, now: float, to: Address | None = None, steady: float = 0.0) -> list[Outgoing]:
        """EA and, with export, EB of the newest half-hour: INF to everybody, or INFC to one controller.

        ``steady`` is the time that :meth:`due` counts in, in seconds.
        """
        self._meter.now = now
        epcs = [epc for epc in HALF_HOUR.properties if epc in self._table.get_map]
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
def table_of(release: str, reverse: bool) -> DeviceTable:
    """Property table of a twin of a release; ``reverse`` when it measures export."""
    conditions = frozenset({"japan", "reverse"} if reverse else {"japan"})
    options = Options(get=_METER_OPTIONS, set=frozenset({0xED}), conditions=conditions)
    return resolve(object_class(LV_METER), release, options)


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
