"""The client side: requests out, answers matched by TID, notifications confirmed (``meter-protocols`` §1.1, §1.7).

A controller keeps no clock: time is handed in, in seconds of any steady clock. An answer belongs to a request when TID,
peer, both objects and service fit. A request to one object of one peer ends with its answer; one to all objects of a
class, or to the group, collects answers until its waiting time is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.echonet.errors import EncodeError
from protocols.echonet.frame import HEMS, REQUESTS, Eoj, Esv, Frame, FreeFormat, Property, parse
from protocols.echonet.route_b import response_wait
from protocols.echonet.transport import Address, Outgoing
from protocols.errors import ProtocolError

_TIDS = 0xFFFF  # 0 is left to notifications, as many meters use it there


@dataclass(frozen=True, slots=True)
class Request:
    """A request under way: what is sent to whom, and until when an answer counts. ``to`` None is the group."""

    frame: Frame
    to: Address | None
    deadline: float

    @property
    def outgoing(self) -> Outgoing:
        """What to send."""
        return Outgoing(self.frame.to_bytes(), self.to)

    @property
    def one_answer(self) -> bool:
        """Whether the first answer is the only one."""
        return self.to is not None and self.frame.deoj.instance != 0

    def answered_by(self, answer: Frame, sender: Address) -> bool:
        """Whether a frame with the right TID is an answer to this."""
        asked = self.frame
        return (
            self.to in (None, sender)
            and answer.esv in REQUESTS[asked.esv]
            and answer.deoj == asked.seoj
            and asked.deoj in (answer.seoj, Eoj(answer.seoj.class_code, 0))
        )


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: what was served, what was refused (EPCs), and whether it lists the properties as they were asked."""

    request: Request
    sender: Address
    frame: Frame
    served: tuple[Property, ...]
    refused: tuple[int, ...]
    as_asked: bool


@dataclass(frozen=True, slots=True)
class Notification:
    """Values that came unasked; ``confirmation`` is the INFC_Res to be sent when the sender wants one."""

    sender: Address
    frame: Frame
    confirmation: Outgoing | None

    @property
    def properties(self) -> tuple[Property, ...]:
        """The values."""
        return self.frame.properties


class Controller:
    """One controller object, 05FF01 unless told otherwise, with its requests under way."""

    def __init__(self, eoj: Eoj = HEMS, first_tid: int = 1) -> None:
        self._eoj = eoj
        self._next_tid = first_tid
        self._pending: dict[int, Request] = {}

    def get(self, to: Address | None, deoj: Eoj, epcs: Iterable[int], now: float) -> Request:
        """Read these properties."""
        return self._request(Esv.GET, to, deoj, tuple(map(Property, epcs)), (), now)

    def set(
        self, to: Address | None, deoj: Eoj, properties: Iterable[Property], now: float, *, confirmed: bool = True
    ) -> Request:
        """Set these properties; unconfirmed (SetI), only a refusal is answered and silence is consent."""
        return self._request(Esv.SET_C if confirmed else Esv.SET_I, to, deoj, tuple(properties), (), now)

    def set_get(
        self, to: Address | None, deoj: Eoj, properties: Iterable[Property], epcs: Iterable[int], now: float
    ) -> Request:
        """Set the first and then read the second: selection and history in one go."""
        return self._request(Esv.SET_GET, to, deoj, tuple(properties), tuple(map(Property, epcs)), now)

    def ask_to_inform(self, to: Address | None, deoj: Eoj, epcs: Iterable[int], now: float) -> Request:
        """Ask for a notification of these properties (INF_REQ)."""
        return self._request(Esv.INF_REQ, to, deoj, tuple(map(Property, epcs)), (), now)

    def receive(self, data: bytes, sender: Address) -> Response | Notification | None:
        """Take one datagram; None when it is nothing for us."""
        try:
            frame = parse(data)
        except ProtocolError:
            return None
        if isinstance(frame, FreeFormat):
            return None
        request = self._pending.get(frame.tid)
        if request is not None and request.answered_by(frame, sender):
            if request.one_answer:
                del self._pending[frame.tid]
            return _response(request, frame, sender)
        if frame.esv is Esv.INFC and frame.deoj in (self._eoj, Eoj(self._eoj.class_code, 0)):
            return Notification(sender, frame, Outgoing(frame.confirmation(self._eoj).to_bytes(), sender))
        return Notification(sender, frame, None) if frame.esv is Esv.INF else None

    def expired(self, now: float) -> list[Request]:
        """The requests whose waiting time is over; they are forgotten."""
        over = [request for request in self._pending.values() if request.deadline <= now]
        for request in over:
            del self._pending[request.frame.tid]
        return over

    def _request(
        self,
        esv: Esv,
        to: Address | None,
        deoj: Eoj,
        properties: tuple[Property, ...],
        gets: tuple[Property, ...],
        now: float,
    ) -> Request:
        frame = Frame(self._take_tid(), self._eoj, deoj, esv, properties, gets)
        frame.to_bytes()  # what cannot be sent must not wait for an answer
        wait = response_wait([item.epc for item in (*properties, *gets)])
        request = self._pending[frame.tid] = Request(frame, to, now + wait)
        return request

    def _take_tid(self) -> int:
        if len(self._pending) >= _TIDS:
            raise EncodeError("every TID is under way")
        while self._next_tid in self._pending or self._next_tid == 0:
            self._next_tid = (self._next_tid + 1) & _TIDS
        tid, self._next_tid = self._next_tid, (self._next_tid + 1) & _TIDS
        return tid


def _response(request: Request, frame: Frame, sender: Address) -> Response:
    """Sort an answer: what was set comes back empty, what was read comes back with data, all else was refused."""
    all_served = frame.esv is REQUESTS[request.frame.esv].ok
    served: list[Property] = []
    refused: list[int] = []
    for item in frame.sets:
        served.append(item) if all_served or not item.edt else refused.append(item.epc)
    for item in frame.reads:
        served.append(item) if all_served or item.edt else refused.append(item.epc)
    as_asked = _epcs(frame.properties) == _epcs(request.frame.properties) and _epcs(frame.gets) == _epcs(
        request.frame.gets
    )
    return Response(request, sender, frame, tuple(served), tuple(refused), as_asked)


def _epcs(properties: Iterable[Property]) -> list[int]:
    return [item.epc for item in properties]
