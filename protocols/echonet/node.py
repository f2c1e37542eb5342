"""The responder: a node with its objects, bytes in, frames out (``meter-protocols`` §1.1, §1.2).

Rules of this file:

* A request is answered with the same TID and with source and destination swapped, one frame an object; instance 00
  means every object of the class.
* Every property of a request is tried in its order. When one is refused the whole answer is the *SNA* of the service:
  what was set stands with PDC 0, a refused set echoes what was asked, what was read stands with its value, a refused
  read with PDC 0. A SetI that went well is not answered.
* A service that the object does not accept is refused in the same form, and nothing is set.
* Silence for what is not ours to answer: other headers, the free format, broken frames, unknown services, services
  without properties, objects that we do not have. Answering the last with an SNA is a fault option.
* An answer is no longer than ``max_frame`` or the request, whichever is more: reads that no longer fit are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.frame import (
    HEMS,
    NODE_PROFILE,
    REQUESTS,
    Eoj,
    Esv,
    Frame,
    FreeFormat,
    Property,
    parse,
)
from protocols.echonet.lists import MAX_CLASSES, MAX_INSTANCES
from protocols.echonet.notify import ConfirmedNotifications
from protocols.echonet.objects import NodeObject
from protocols.echonet.route_b import MAX_FRAME_BYTES, REPEATS, Repeats
from protocols.echonet.transport import Address, Outgoing
from protocols.errors import ProtocolError

_INSTANCE_LIST_NOTIFICATION = 0xD5
_HEADER_BYTES = 13  # EHD1 to ESV and both property counts


class _Tried(NamedTuple):
    answer: Property
    served: bool


class Node:
    """A node: its profile object, and the devices that it shows.

    ``repeats`` says how confirmed notifications are repeated. ``answer_unknown_objects`` is the fault of answering for
    objects that do not exist. Raises :class:`UnknownPropertyError` for objects that cannot stand in one node.
    """

    def __init__(
        self,
        profile: NodeObject,
        devices: Sequence[NodeObject],
        *,
        max_frame: int = MAX_FRAME_BYTES,
        repeats: Repeats = REPEATS,
        answer_unknown_objects: bool = False,
    ) -> None:
        _check(profile, devices)
        profile = replace(profile, fixed={**_instance_lists(profile, devices), **profile.fixed})
        self._objects = {item.eoj: item for item in (profile, *devices)}
        self._max_frame = max_frame
        self._answer_unknown_objects = answer_unknown_objects
        self._confirmed = ConfirmedNotifications(repeats)
        self._tid = 0

    @property
    def given_up(self) -> int:
        """Confirmed notifications that nobody ever confirmed."""
        return self._confirmed.given_up

    def receive(self, data: bytes, sender: Address, *, multicast: bool = False) -> list[Outgoing]:
        """Take one datagram; at most one answer an object.

        ``sender`` names the peer without a port (:mod:`protocols.echonet.transport`); ``multicast`` tells that the
        datagram came to the group.
        """
        try:
            frame = parse(data)
        except ProtocolError:
            return []
        if isinstance(frame, FreeFormat) or not (frame.properties or frame.gets):
            return []
        if frame.esv is Esv.INFC_RES:
            self._confirmed.confirm(frame, sender)
            return []
        answers: Iterable[Frame | None] = ()
        if frame.esv in REQUESTS:
            answers = self._serve(frame)
        elif frame.esv is Esv.INFC and not multicast:
            answers = (frame.confirmation(item.eoj) for item in self._addressed(frame.deoj))
        return [_to_receiver(answer, sender) for answer in answers if answer is not None]

    def announce(self) -> list[Outgoing]:
        """The instance list to everybody: on start, and right after joining a B-route."""
        return self.inform(NODE_PROFILE, [_INSTANCE_LIST_NOTIFICATION], deoj=NODE_PROFILE)

    def inform(self, eoj: Eoj, epcs: Iterable[int], to: Address | None = None, deoj: Eoj = HEMS) -> list[Outgoing]:
        """Tell these values without being asked (INF), to one peer, or to everybody when ``to`` is None."""
        frame = Frame(self._next_tid(), eoj, deoj, Esv.INF, self._values(eoj, epcs))
        return [Outgoing(frame.to_bytes(), to)]

    def inform_confirmed(
        self, eoj: Eoj, epcs: Iterable[int], to: Address, now: float, deoj: Eoj = HEMS
    ) -> list[Outgoing]:
        """Tell these values and ask for a confirmation (INFC); :meth:`due` repeats it until that comes."""
        frame = Frame(self._next_tid(), eoj, deoj, Esv.INFC, self._values(eoj, epcs))
        return [self._confirmed.send(frame, to, now)]

    def changed(self, eoj: Eoj, epc: int) -> list[Outgoing]:
        """Announce that a value changed, if the object's announcement map has the property; else nothing."""
        return self.inform(eoj, [epc]) if epc in self._object(eoj).table.inf_map else []

    def due(self, now: float) -> list[Outgoing]:
        """Repeats of confirmed notifications whose time has come."""
        return self._confirmed.due(now)

    def next_due(self) -> float | None:
        """When :meth:`due` has something to do next; None while nothing waits."""
        return self._confirmed.next_due()

    def _object(self, eoj: Eoj) -> NodeObject:
        try:
            return self._objects[eoj]
        except KeyError:
            raise UnknownPropertyError(f"no object {eoj} in this node") from None

    def _addressed(self, deoj: Eoj) -> list[NodeObject]:
        if deoj.instance == 0:
            return [item for item in self._objects.values() if item.eoj.class_code == deoj.class_code]
        return [self._objects[deoj]] if deoj in self._objects else []

    def _serve(self, request: Frame) -> list[Frame | None]:
        addressed = self._addressed(request.deoj)
        if not addressed and self._answer_unknown_objects:
            return [_refusal(request, request.deoj)]
        return [self._answer(item, request) for item in addressed]

    def _answer(self, item: NodeObject, request: Frame) -> Frame | None:
        if not item.accepts(request.esv):
            return _refusal(request, item.eoj)
        set_tried = [_try_set(item, asked) for asked in request.sets]
        room = self._max_frame - _HEADER_BYTES - sum(2 + len(tried.answer.edt) for tried in set_tried)
        get_tried = _try_gets(item, request.reads, request.esv, room)
        served = all(tried.served for tried in (*set_tried, *get_tried))
        esv = REQUESTS[request.esv].ok if served else REQUESTS[request.esv].refused
        return _reply(request, item.eoj, esv, [tried.answer for tried in set_tried], [t.answer for t in get_tried])

    def _values(self, eoj: Eoj, epcs: Iterable[int]) -> tuple[Property, ...]:
        item = self._object(eoj)
        found = [(epc, item.value(epc)) for epc in epcs]
        missing = [f"{epc:02X}" for epc, edt in found if edt is None]
        if missing or not found:
            raise UnknownPropertyError(f"object {eoj} has no value to tell: {' '.join(missing) or '(none named)'}")
        return tuple(Property(epc, edt or b"") for epc, edt in found)

    def _next_tid(self) -> int:
        self._tid = self._tid % 0xFFFF + 1
        return self._tid


def _try_set(item: NodeObject, asked: Property) -> _Tried:
    return _Tried(Property(asked.epc), True) if item.set(asked) else _Tried(asked, False)


def _try_gets(item: NodeObject, gets: Sequence[Property], esv: Esv, room: int) -> list[_Tried]:
    room -= 2 * len(gets)
    tried: list[_Tried] = []
    for asked in gets:
        edt = item.value(asked.epc) if item.offers(asked.epc, esv) else None
        if edt is None or len(edt) > room:
            tried.append(_Tried(Property(asked.epc), False))
        else:
            room -= len(edt)
            tried.append(_Tried(Property(asked.epc, edt), True))
    return tried


def _refusal(request: Frame, seoj: Eoj) -> Frame | None:
    """The answer that refuses everything."""
    reads = [Property(item.epc) for item in request.reads]
    return _reply(request, seoj, REQUESTS[request.esv].refused, request.sets, reads)


def _reply(
    request: Frame, seoj: Eoj, esv: Esv | None, sets: Sequence[Property], gets: Sequence[Property]
) -> Frame | None:
    if esv is None:
        return None
    if request.esv is Esv.SET_GET:
        return Frame(request.tid, seoj, request.seoj, esv, tuple(sets), tuple(gets))
    return Frame(request.tid, seoj, request.seoj, esv, (*sets, *gets))


def _to_receiver(answer: Frame, sender: Address) -> Outgoing:
    """An INF is for everybody, also when it was asked for; all else is for who asked."""
    return Outgoing(answer.to_bytes(), None if answer.esv is Esv.INF else sender)


def _check(profile: NodeObject, devices: Sequence[NodeObject]) -> None:
    if profile.eoj != NODE_PROFILE:
        raise UnknownPropertyError(f"{profile.eoj} is no node profile")
    eojs = {item.eoj for item in devices}
    if len(eojs) < len(devices) or NODE_PROFILE in eojs or len(eojs) > MAX_INSTANCES:
        raise UnknownPropertyError(f"no node of {len(devices)} devices: at most {MAX_INSTANCES}, each only once")
    if len({eoj.class_code for eoj in eojs}) > MAX_CLASSES:
        raise UnknownPropertyError(f"a node has at most {MAX_CLASSES} classes")


def _instance_lists(profile: NodeObject, devices: Sequence[NodeObject]) -> dict[int, bytes]:
    """The properties of the profile that tell which objects there are; only the class count includes the profile."""
    eojs = [item.eoj for item in devices]
    classes = list(dict.fromkeys(eoj.class_code for eoj in eojs))
    values = {0xD3: len(eojs), 0xD4: len(classes) + 1, 0xD5: eojs, 0xD6: eojs, 0xD7: classes}
    return {epc: profile.table.rule(epc).codec.encode(value) for epc, value in values.items()}
