"""Confirmed notifications (INFC): kept until the peer answers INFC_Res, repeated a stated number of times.

A repeat is the same frame with the same TID, so that the peer can tell it from a new notification. Time is handed in,
in seconds of any steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.echonet.frame import Eoj, Frame
from protocols.echonet.route_b import REPEATS, Repeats
from protocols.echonet.transport import Address, Outgoing


@dataclass(slots=True)
class _Pending:
    data: bytes
    sends_left: int
    next_send: float


class ConfirmedNotifications:
    """INFC frames on their way; ``given_up`` counts those that nobody confirmed."""

    def __init__(self, repeats: Repeats = REPEATS) -> None:
        self._repeats = repeats
        self._pending: dict[tuple[Address, int, Eoj], _Pending] = {}
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._pending)

    def send(self, frame: Frame, to: Address, now: float) -> Outgoing:
        """Send for the first time."""
        data = frame.to_bytes()
        pending = _Pending(data, self._repeats.sends - 1, now + self._repeats.period)
        self._pending[to, frame.tid, frame.seoj] = pending
        return Outgoing(data, to)

    def confirm(self, answer: Frame, sender: Address) -> bool:
        """Take an INFC_Res; False when it belongs to nothing that is pending."""
        return self._pending.pop((sender, answer.tid, answer.deoj), None) is not None

    def due(self, now: float) -> list[Outgoing]:
        """The repeats whose time has come; what has been sent often enough is given up one period after its last."""
        outgoing: list[Outgoing] = []
        for key, pending in list(self._pending.items()):
            if now < pending.next_send:
                continue
            if pending.sends_left == 0:
                del self._pending[key]
                self.given_up += 1
                continue
            pending.sends_left -= 1
            pending.next_send = now + self._repeats.period
            outgoing.append(Outgoing(pending.data, key[0]))
        return outgoing

    def next_due(self) -> float | None:
        """When :meth:`due` has something to do next."""
        return min((pending.next_send for pending in self._pending.values()), default=None)
