"""A PLC bridge that only forwards: datagrams to the meter behind it and its answers back, over a power line.

What passes arrives late, or not at all (:mod:`twins.rack.world.power_line`). Both modems live on the meter's own line:
without voltage there nothing passes. What the meter says to everybody does not pass either: how bridges treat
multicast is not known.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from protocols.echonet.frame import FreeFormat, Property, parse
from protocols.errors import ProtocolError
from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.world.power_line import PowerLine

Answering: TypeAlias = Callable[[bytes, float], list[bytes]]
"""What a meter answers to a datagram at an instant."""

Supplied: TypeAlias = Callable[[float], bool]
"""Whether there is voltage on the meter's line at an instant."""

_OTHER_MAKER = b"\xff\xff\xfe"


def nobody(data: bytes, now: float) -> list[bytes]:
    """What is answered where no meter is."""
    return []


class PlcBridge:
    """One bridge; ``meter`` is set to what is behind it, ``supplied`` to what feeds that."""

    def __init__(self, name: str, line: PowerLine) -> None:
        self.line = line
        self.meter: Answering = nobody
        self.supplied: Supplied = lambda now: True
        self._name = name
        self._another = False

    def connect(self, now: float) -> Conversation:
        """Somebody sends for the first time."""
        return _Forwarding(self)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Another node may lie behind it; raises :class:`RackError` for other faults."""
        if fault is not Fault.WRONG_IDENTITY:
            raise RackError(f"{self._name}: a PLC bridge cannot have the fault {fault}")
        self._another = present

    def answers(self, data: bytes, now: float) -> list[bytes]:
        """What comes from behind the bridge."""
        answers = self.meter(data, now)
        return [_disguised(answer) for answer in answers] if self._another else answers

    def carry(self, now: float) -> float | None:
        """When a datagram that is sent now arrives at the other end; None: never."""
        delay = self.line.carry(now) if self.supplied(now) else None
        return None if delay is None else now + delay


class _Forwarding:
    """One client's datagrams, on their way there and back."""

    lost = False

    def __init__(self, bridge: PlcBridge) -> None:
        self._bridge = bridge
        self._count = itertools.count()
        self._under_way: list[tuple[float, int, bool, bytes]] = []  # when, order, whether to the meter, what

    def receive(self, data: bytes, now: float) -> None:
        """Take one datagram for the meter."""
        self._send(data, now, to_meter=True)

    def take(self, now: float) -> bytes:
        """The next datagram that has come back, empty when there is none."""
        while self._under_way and self._under_way[0][0] <= now:
            at, _, to_meter, data = heapq.heappop(self._under_way)
            if not to_meter:
                return data
            for answer in self._bridge.answers(data, now):
                self._send(answer, at, to_meter=False)
        return b""

    def due(self) -> float | None:
        """When the next one arrives at either end."""
        return self._under_way[0][0] if self._under_way else None

    def _send(self, data: bytes, now: float, *, to_meter: bool) -> None:
        arrives = self._bridge.carry(now)
        if arrives is not None:
            heapq.heappush(self._under_way, (arrives, next(self._count), to_meter, data))


def _disguised(data: bytes) -> bytes:
    """An answer as another node would give it: of another maker, with another number."""
    try:
        frame = parse(data)
    except ProtocolError:
        return data
    if isinstance(frame, FreeFormat):
        return data
    return replace(frame, properties=tuple(map(_of_another, frame.properties))).to_bytes()


def _of_another(item: Property) -> Property:
    match item.epc:
        case _ if not item.edt:
            return item
        case 0x8A:
            return replace(item, edt=_OTHER_MAKER)
        case 0x83:
            return replace(item, edt=item.edt[:1] + _OTHER_MAKER + item.edt[:3:-1])
        case _:
            return item
