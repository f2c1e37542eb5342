"""An instrument's end of SCPI: connections, dispatch, error queue, IEEE 488.2 status. Sans-I/O, time handed in.

Rules of this file:

* A connection has its own input and its own replies; everything else belongs to the device, so connections see the
  same error queue and the same settings.
* Replies of one message go out together, ``;`` between them, when the slowest of them is ready. A message that comes in
  before that throws them away: -410, the query was interrupted.
* -1xx ends a message, other errors do not. Where ``coupled``, settings take effect at the end of their message.
* While busy (resetting) the device hears nothing.
* Commands are carried out one after the other, so ``*OPC?`` is 1 at once and ``*WAI`` waits for nothing.
* On a byte stream nobody can read without having asked, so -420 and -430 never arise here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from protocols.scpi.errors import ErrorQueue, ScpiError
from protocols.scpi.message import Unit, units
from protocols.scpi.tree import Tree
from protocols.scpi.values import nr1, number

OPERATION_COMPLETE: Final = 0x01
_EVENT_OF_CLASS: Final = {1: 0x20, 2: 0x10, 3: 0x08, 4: 0x04}  # command, execution, device and query errors
_ERRORS_WAIT, _QUESTIONABLE, _EVENT_SUMMARY = 0x04, 0x08, 0x20
_INPUT_MOST = 65_536


@dataclass(slots=True)
class Call:
    """One unit on its way to its handler; a handler that takes time adds it to ``delay_s``."""

    arguments: tuple[str, ...]
    numbers: tuple[int, ...]
    now: float
    delay_s: float = 0.0

    def one(self) -> str:
        """The only argument; raises :class:`ScpiError` -109 or -108."""
        return self.exactly(1)[0]

    def exactly(self, count: int) -> tuple[str, ...]:
        """This many arguments; raises :class:`ScpiError` -109 or -108."""
        if len(self.arguments) != count:
            raise ScpiError(-109 if len(self.arguments) < count else -108)
        return self.arguments


Handler = Callable[[Call], str | None]


@dataclass(frozen=True, slots=True)
class Command:
    """What stands behind a header: as a command, as a query; None where there is no such.

    ``in_local``: the command is taken although the panel has control.
    """

    set: Handler | None = None
    query: Handler | None = None
    in_local: bool = False


@dataclass(frozen=True, slots=True)
class Manners:
    """How an instrument speaks: longest message, whether settings of a message are coupled, size of its error queue."""

    line_most: int = _INPUT_MOST
    coupled: bool = False
    errors: int = 16


class Device:
    """A device with these headers; front ends derive from it and give :meth:`commit`, :meth:`reset` a meaning."""

    def __init__(self, identity: str, commands: Iterable[tuple[str, Command]], manners: Manners) -> None:
        self.identity = identity
        self.errors = ErrorQueue(manners.errors)
        self.manners = manners
        self.busy_until = float("-inf")
        self.local = False
        self.questionable = 0
        self._event_status = self._event_enable = self._service_enable = 0
        self._tree = Tree([*self._common(), *commands])

    def _common(self) -> list[tuple[str, Command]]:
        return [
            ("*IDN", Command(query=lambda call: self.identity)),
            ("*CLS", Command(set=self._clear_status)),
            ("*ESE", Command(self._set_event_enable, lambda call: nr1(self._event_enable))),
            ("*ESR", Command(query=self._take_event_status)),
            ("*OPC", Command(self._note_completion, lambda call: "1")),
            ("*RST", Command(set=self._reset)),
            ("*SRE", Command(self._set_service_enable, lambda call: nr1(self._service_enable))),
            ("*STB", Command(query=lambda call: nr1(self.status_byte))),
            ("*TST", Command(query=lambda call: "0")),
            ("*WAI", Command(set=lambda call: None)),
            ("SYSTem:ERRor[:NEXT]", Command(query=lambda call: self.errors.take())),
        ]

    @property
    def status_byte(self) -> int:
        """The status byte of IEEE 488.2."""
        byte = _ERRORS_WAIT if self.errors else 0
        byte |= _QUESTIONABLE if self.questionable else 0
        return byte | (_EVENT_SUMMARY if self._event_status & self._event_enable else 0)

    def commit(self, now: float) -> None:
        """Let settings take effect; raises :class:`ScpiError` when they do not go together, and keeps the old ones."""

    def reset(self, now: float) -> None:
        """Do what ``*RST`` does; may raise :class:`ScpiError`, and may set ``busy_until``."""

    def connection(self) -> Connection:
        """A new connection."""
        return Connection(self)

    def fail(self, error: ScpiError) -> None:
        """Note an error in the queue and in the event status."""
        self.errors.add(error)
        self._event_status |= _EVENT_OF_CLASS.get(-error.code // 100, 0x08)

    def handle(self, message: str, now: float) -> tuple[str | None, float]:
        """Carry out one message: the replies of its queries, or None, and the seconds until they are ready."""
        replies: list[str] = []
        delay = 0.0
        try:
            for unit in units(message):
                reply, took = self._unit(unit, now)
                delay += took
                if reply is not None:
                    replies.append(reply)
        except ScpiError as error:
            self.fail(error)
        if self.manners.coupled:
            self._commit(now)
        return (";".join(replies) if replies else None), delay

    def _unit(self, unit: Unit, now: float) -> tuple[str | None, float]:
        """Carry out one unit; command errors (-1xx) pass through, because they end the message."""
        command, numbers = self._tree.find(("*" + unit.path[0],) if unit.common else unit.path)
        handler = command.query if unit.query else command.set
        if handler is None:
            raise ScpiError(-113, unit.header)
        call = Call(unit.arguments, numbers, now)
        try:
            if self.local and not (unit.query or unit.common or command.in_local):
                raise ScpiError(-201, unit.header)
            reply = handler(call)
        except ScpiError as error:
            if -200 < error.code <= -100:
                raise
            self.fail(error)
            return None, call.delay_s
        if not unit.query and not self.manners.coupled:
            self._commit(now)
        return (reply if unit.query else None), call.delay_s

    def _commit(self, now: float) -> None:
        try:
            self.commit(now)
        except ScpiError as error:
            self.fail(error)

    def _clear_status(self, call: Call) -> None:
        self.errors.clear()
        self._event_status = 0

    def _reset(self, call: Call) -> None:
        self.reset(call.now)

    def _set_event_enable(self, call: Call) -> None:
        self._event_enable = round(number(call.one())) & 0xFF

    def _set_service_enable(self, call: Call) -> None:
        self._service_enable = round(number(call.one())) & 0xFF

    def _take_event_status(self, call: Call) -> str:
        status, self._event_status = self._event_status, 0
        return nr1(status)

    def _note_completion(self, call: Call) -> None:
        self._event_status |= OPERATION_COMPLETE


class Connection:
    """One connection to a device: bytes in, replies out when they are due. It is never ``lost`` by itself."""

    lost = False

    def __init__(self, device: Device) -> None:
        self._device = device
        self._input = bytearray()
        self._ready: list[tuple[float, bytes]] = []

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; carry out every message that a line feed ends."""
        if now < self._device.busy_until:
            return
        self._input += data
        *lines, rest = self._input.split(b"\n")
        self._input = rest
        if len(self._input) > self._device.manners.line_most:
            self._input.clear()
            self._device.fail(ScpiError(-363))
        for line in lines:
            self._message(bytes(line), now)

    def _message(self, line: bytes, now: float) -> None:
        if any(at > now for at, _ in self._ready):
            self._ready = [(at, reply) for at, reply in self._ready if at <= now]
            self._device.fail(ScpiError(-410))
        if len(line) > self._device.manners.line_most:
            self._device.fail(ScpiError(-363))
            return
        reply, delay = self._device.handle(line.decode("latin-1").strip(), now)
        if reply is not None:
            self._ready.append((now + delay, reply.encode("latin-1") + b"\n"))

    def take(self, now: float) -> bytes:
        """The replies that are due, and forget them."""
        due = [reply for at, reply in self._ready if at <= now]
        self._ready = [(at, reply) for at, reply in self._ready if at > now]
        return b"".join(due)

    def due(self) -> float | None:
        """When the next reply is ready; None when there is none."""
        return min((at for at, _ in self._ready), default=None)
