"""What both PANA roles have in common: their own request in flight, the last answer, the sent and lost packets."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from protocols.errors import ProtocolError
from protocols.wisun.pana import Association, Avp, AvpCode, Flag, Packet, Retransmission, Type
from protocols.wisun.psk import BenchDerivation, PskDerivation
from protocols.wisun.radio import Credentials

NONCE_BYTES = 16


class PanaState(Enum):
    """Where a session stands, for either role."""

    CLOSED = auto()
    INITIATING = auto()
    STARTING = auto()
    AUTHENTICATING = auto()
    COMPLETING = auto()
    OPEN = auto()
    TERMINATING = auto()


class Failure(Enum):
    """Why an authentication ended badly."""

    REJECTED = auto()
    NO_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Established:
    """The session stands for ``lifetime`` seconds; ``again`` after a re-authentication."""

    lifetime: int
    again: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The authentication failed; there is no session."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Expired:
    """The lifetime is over; there is no session."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """The session was ended; ``by_peer`` if the other side asked for it, ``timed_out`` if it did not answer."""

    by_peer: bool
    timed_out: bool = False


PanaEvent: TypeAlias = Established | Failed | Expired | Terminated


class Role(ABC):
    """One side of one session. Packets out are taken by :meth:`output`, outcomes by :meth:`events`."""

    def __init__(
        self,
        credentials: Credentials,
        derivation: PskDerivation | None,
        retransmission: Retransmission | None,
        random: Callable[[int], bytes],
    ) -> None:
        derivation = derivation or BenchDerivation()
        self._psk = derivation.key(credentials)
        self._id_s = derivation.server_identity(credentials.route_b_id)
        self._id_p = derivation.peer_identity(credentials.route_b_id)
        self._first_request = self._first_answer = self._nonce = b""
        self._again = False
        self.state = PanaState.CLOSED
        self.dropped = 0
        self._retransmission = retransmission or Retransmission()
        self._random = random
        self._out: list[bytes] = []
        self._events: list[PanaEvent] = []
        self._session = 0
        self._sequence = 0
        self._request: Packet | None = None
        self._request_raw = b""
        self._sent = 0
        self._retry_at: float | None = None
        self._expires_at: float | None = None
        self._last_answer: tuple[int, int, bytes] | None = None
        self._association: Association | None = None

    def output(self) -> list[bytes]:
        """Take the packets to send, oldest first."""
        taken, self._out = self._out, []
        return taken

    def events(self) -> list[PanaEvent]:
        """Take what has happened."""
        taken, self._events = self._events, []
        return taken

    @property
    def deadline(self) -> float | None:
        """When :meth:`poll` must be called at the latest."""
        return min((t for t in (self._retry_at, self._expires_at) if t is not None), default=None)

    def receive(self, raw: bytes, now: float) -> None:
        """A packet from the other side. One that is none, or not for this session, counts as dropped."""
        try:
            packet = Packet.from_bytes(raw)
            if not self._repeated(packet):
                self._handle(packet, raw, now)
        except ProtocolError:
            self.dropped += 1

    def poll(self, now: float) -> None:
        """Retransmit, give up, expire: what has come due."""
        if self._retry_at is not None and now >= self._retry_at:
            if self._sent < self._retransmission.attempts:
                self._transmit(now)
            else:
                self._stop_request()
                self._gave_up()
        if self._expires_at is not None and now >= self._expires_at:
            stood = self.state is PanaState.OPEN
            self._close()
            self._events.append(Expired() if stood else Failed(Failure.NO_ANSWER))

    def _repeated(self, packet: Packet) -> bool:
        """Whether a request is the last one again, for our answer was lost; raises ProtocolError for an older one."""
        if not packet.is_request or self._last_answer is None:
            return False
        session, sequence, answer = self._last_answer
        if packet.session != session:
            return False
        if packet.sequence == sequence:
            self._out.append(answer)
            return True
        if packet.sequence != (sequence + 1) & 0xFFFFFFFF:
            raise ProtocolError("PANA request out of sequence")
        return False

    @abstractmethod
    def _handle(self, packet: Packet, raw: bytes, now: float) -> None:
        """A packet that is no repetition; raises ProtocolError and changes nothing when it is not accepted."""

    def _gave_up(self) -> None:
        """The last retransmission was not answered."""
        ending = self.state is PanaState.TERMINATING
        self._close()
        self._events.append(Terminated(False, timed_out=True) if ending else Failed(Failure.NO_ANSWER))

    def _close(self) -> None:
        self.state = PanaState.CLOSED
        self._stop_request()
        self._expires_at = self._association = None

    def _ask(self, packet: Packet, now: float) -> bytes:
        """Send a request and keep sending it until it is answered."""
        self._request, self._request_raw, self._sent = packet, packet.to_bytes(), 0
        self._transmit(now)
        return self._request_raw

    def _transmit(self, now: float) -> None:
        self._sent += 1
        self._retry_at = now + self._retransmission.wait(self._sent)
        self._out.append(self._request_raw)

    def _stop_request(self) -> None:
        self._request, self._retry_at = None, None

    def _match(self, packet: Packet) -> None:
        """Raises ProtocolError when this is not the answer to our request in flight."""
        asked = self._request
        if asked is None or packet.is_request:
            raise ProtocolError("PANA answer to nothing")
        if (packet.type, packet.session, packet.sequence) != (asked.type, asked.session, asked.sequence):
            raise ProtocolError("PANA answer to another request")

    def _answered(self, packet: Packet) -> None:
        """Our request is answered and not sent any more; raises as :meth:`_match`."""
        self._match(packet)
        self._stop_request()

    def _answer(self, request: Packet, flags: Flag, *avps: Avp) -> bytes:
        """Answer a request; the answer is kept, for the request may come again."""
        packet = self._signed(Packet(flags, request.type, request.session, request.sequence, avps))
        raw = packet.to_bytes()
        self._last_answer = (request.session, request.sequence, raw)
        self._out.append(raw)
        return raw

    def _signed(self, packet: Packet) -> Packet:
        return packet if self._association is None else self._association.sign(packet)

    def _check(self, packet: Packet) -> None:
        """Once there is a security association, every packet must carry AUTH (RFC 5191, 5.3)."""
        if self._association is not None:
            self._association.verify(packet)

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def _answer_common(self, packet: Packet) -> bool:
        """Termination and ping, which either side may ask for while the session is open; whether it was one."""
        if packet.session != self._session or not packet.is_request:
            return False
        if packet.type is Type.TERMINATION and self.state in (PanaState.OPEN, PanaState.TERMINATING):
            self._check(packet)
            packet.get(AvpCode.TERMINATION_CAUSE)
            self._answer(packet, Flag(0))
            self._close()
            self._events.append(Terminated(by_peer=True))
            return True
        if packet.type is Type.NOTIFICATION and packet.flags & Flag.PING and self.state is PanaState.OPEN:
            self._check(packet)
            self._answer(packet, Flag.PING)
            return True
        return False

    def terminate(self, cause: int, now: float) -> None:
        """Ask for the end of an open session; ends with Terminated."""
        if self.state is PanaState.OPEN:
            self.state = PanaState.TERMINATING
            avps = (Avp.number(AvpCode.TERMINATION_CAUSE, cause),)
            request = Packet(Flag.REQUEST, Type.TERMINATION, self._session, self._next_sequence(), avps)
            self._ask(self._signed(request), now)

    def _termination_answered(self, packet: Packet) -> None:
        self._check(packet)
        self._answered(packet)
        self._close()
        self._events.append(Terminated(by_peer=False))


default_random = secrets.token_bytes
