"""Faults by name. Those of the wire work on any front end; those of an instrument are its own affair.

==================== ======== ====================================================================================
fault                of the   what a client meets
==================== ======== ====================================================================================
silence              wire     nothing is heard, nothing is answered; the connection stands
late-answer          wire     answers come ``seconds`` late
half-answer          wire     the first half of an answer, without its end
garbage              wire     an answer of bytes that mean nothing, ended as an answer is
lost-socket          wire     the connection is cut when something is sent
stuck-relay          device   the output or channel stays as it is, whatever is said
tripped-protection   device   a protection has tripped: the output is off and does not come on
panel-took-local     device   somebody pressed LOCAL at the panel: settings are refused
wrong-identity       device   another instrument answers at this address
refuses-setting      device   an attenuator answers 0, "failed", to each setting
clamps-setting       device   an attenuator answers 2, "too large", to each setting, and goes to its maximum
unknown-command      device   an attenuator's firmware knows only the questions who it is
telnet-negotiation   device   option bytes of telnet stand before and inside of answers
error-text           device   HTTP status 200 with a text that is no answer
device-failure       device   Modbus exception 4 to each request
device-busy          device   Modbus exception 6 to each request
pending-outlet       device   an outlet takes each command and never gets round to it
==================== ======== ====================================================================================
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from protocols.errors import MeterBenchError


class RackError(MeterBenchError):
    """The virtual rack is described wrongly, or asked for what it does not have."""

    exit_code = 2


class Fault(StrEnum):
    """The faults; values are their names in topologies."""

    SILENCE = "silence"
    LATE_ANSWER = "late-answer"
    HALF_ANSWER = "half-answer"
    GARBAGE = "garbage"
    LOST_SOCKET = "lost-socket"
    STUCK_RELAY = "stuck-relay"
    TRIPPED_PROTECTION = "tripped-protection"
    PANEL_TOOK_LOCAL = "panel-took-local"
    WRONG_IDENTITY = "wrong-identity"
    REFUSES_SETTING = "refuses-setting"
    CLAMPS_SETTING = "clamps-setting"
    UNKNOWN_COMMAND = "unknown-command"
    TELNET_NEGOTIATION = "telnet-negotiation"
    ERROR_TEXT = "error-text"
    DEVICE_FAILURE = "device-failure"
    DEVICE_BUSY = "device-busy"
    PENDING_OUTLET = "pending-outlet"


WIRE_FAULTS: Final = frozenset({Fault.SILENCE, Fault.LATE_ANSWER, Fault.HALF_ANSWER, Fault.GARBAGE, Fault.LOST_SOCKET})

_GARBAGE = b"\x15\x00\xf3\x1b#\xa7"
_ENDS = b"\r\n"


class Conversation(Protocol):
    """One connection to a front end: bytes in, bytes out when they are due."""

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that a client sent."""

    def take(self, now: float) -> bytes:
        """The bytes that are due for the client, and forget them."""

    def due(self) -> float | None:
        """When the next bytes are ready without anything being received before; None when nothing waits."""

    @property
    def lost(self) -> bool:
        """Whether the wire is to be cut."""


class FrontEnd(Protocol):
    """One instrument; its conversations share its state."""

    def connect(self, now: float) -> Conversation:
        """A client has connected."""

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the instrument itself; raises :class:`RackError` for one it cannot have."""


class Faulty:
    """A front end that faults can be put on; without any it is the front end itself."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self.late_s = 0.0
        self._left: dict[Fault, float] = {}
        self._afflicted: set[Fault] = set()

    def inject(self, fault: Fault, now: float, *, times: int | None = None, seconds: float = 1.0) -> None:
        """Begin a fault: of the wire for so many ``times`` it shows (None: until cleared), ``seconds`` of lateness."""
        if fault not in WIRE_FAULTS:
            self._front_end.afflict(fault, True, now)
            self._afflicted.add(fault)
            return
        self._left[fault] = float("inf") if times is None else times
        self.late_s = seconds

    def clear(self, fault: Fault, now: float) -> None:
        """End a fault."""
        if fault not in WIRE_FAULTS:
            self._front_end.afflict(fault, False, now)
            self._afflicted.discard(fault)
        self._left.pop(fault, None)

    def clear_all(self, now: float) -> None:
        """End all faults that were begun here."""
        for fault in [*self._left, *self._afflicted]:
            self.clear(fault, now)

    def strikes(self, fault: Fault) -> bool:
        """Whether a fault of the wire shows this time; counts the time."""
        left = self._left.get(fault, 0)
        if left <= 0:
            return False
        self._left[fault] = left - 1
        return True

    def connect(self, now: float) -> FaultyConversation:
        """A client has connected."""
        return FaultyConversation(self, self._front_end.connect(now))

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the instrument itself."""
        self._front_end.afflict(fault, present, now)


class FaultyConversation:
    """A conversation with the faults of its front end's wire."""

    def __init__(self, faulty: Faulty, inner: Conversation) -> None:
        self._faulty, self._inner = faulty, inner
        self._late: list[tuple[float, bytes]] = []
        self._cut = False

    @property
    def lost(self) -> bool:
        """Whether the wire is to be cut."""
        return self._cut or self._inner.lost

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes, unless nobody hears them."""
        if self._faulty.strikes(Fault.LOST_SOCKET):
            self._cut = True
        elif not self._faulty.strikes(Fault.SILENCE):
            self._inner.receive(data, now)

    def take(self, now: float) -> bytes:
        """The bytes that are due, as the faults have left them."""
        answer = self._inner.take(now)
        if answer and self._faulty.strikes(Fault.LATE_ANSWER):
            self._late.append((now + self._faulty.late_s, answer))
            answer = b""
        if answer and self._faulty.strikes(Fault.HALF_ANSWER):
            answer = answer.rstrip(_ENDS)
            answer = answer[: (len(answer) + 1) // 2]
        if answer and self._faulty.strikes(Fault.GARBAGE):
            answer = _GARBAGE + answer[len(answer.rstrip(_ENDS)) :]
        if answer:
            self._late.append((now, answer))
        due = next((late for late in self._late if late[0] <= now), None)  # one at a time: it may be a datagram
        if due is None:
            return b""
        self._late.remove(due)
        return due[1]

    def due(self) -> float | None:
        """When the next bytes are ready."""
        own = [at for at, _ in self._late]
        inner = self._inner.due()
        return min(own if inner is None else [*own, inner], default=None)
