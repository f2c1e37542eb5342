"""The meter's side of PANA (PAA) with EAP-PSK inside, for one controller; sans-I/O.

PCI → PAR start → PAN → PAR (nonce, EAP-PSK 1) → PAN (nonce, 2) → PAR (3) → PAN (4) → PAR complete → PAN: the order
captured from a real meter (``reference/meter-protocols`` §2.2). A wrong password or id ends in a PAR complete with
Result-Code 1 and EAP-Failure; a peer that proves itself but is not admitted, in Result-Code 2 without a key (RFC 5191,
8.7). A meter that serves several controllers (B7) keeps one of these for each address.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import ProtocolError
from protocols.wisun.eap_psk import Progress, Server
from protocols.wisun.pana import (
    AUTH_HMAC_SHA2_256_128,
    PRF_HMAC_SHA2_256,
    Association,
    Avp,
    AvpCode,
    Flag,
    Packet,
    ResultCode,
    Retransmission,
    Type,
)
from protocols.wisun.pana_role import NONCE_BYTES, Established, Failed, Failure, PanaState, Role, default_random
from protocols.wisun.psk import PskDerivation
from protocols.wisun.radio import Credentials

SESSION_LIFETIME = 86_400
"""Seconds a real meter granted (§2.2)."""


class Paa(Role):
    """One session of a meter with one controller."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        derivation: PskDerivation | None = None,
        lifetime: int = SESSION_LIFETIME,
        retransmission: Retransmission | None = None,
        random: Callable[[int], bytes] = default_random,
        admit: Callable[[], bool] = lambda: True,
    ) -> None:
        """``admit`` is asked whether a controller that has proved itself may come in."""
        super().__init__(credentials, derivation, retransmission, random)
        self._lifetime, self._admit = lifetime, admit
        self._key_id = 0
        self._eap = self._new_eap()
        self._peer_nonce = b""
        self._refused = False

    def _new_eap(self) -> Server:
        return Server(self._psk, self._id_s, self._id_p, self._random)

    def reauthenticate(self, now: float) -> None:
        """Authenticate the open session again, on the meter's own account."""
        if self.state is PanaState.OPEN:
            self._begin_authentication(now, again=True)

    def _handle(self, packet: Packet, raw: bytes, now: float) -> None:
        if packet.type is Type.INITIATION:
            self._start(packet, now)
        elif packet.session != self._session or self.state is PanaState.CLOSED:
            raise ProtocolError("PANA packet of another session")
        elif self._answer_common(packet):
            return
        elif packet.is_request:
            self._notified(packet, now)
        elif packet.type is Type.TERMINATION and self.state is PanaState.TERMINATING:
            self._termination_answered(packet)
        else:
            _ON_ANSWER.get(self.state, Paa._unexpected)(self, packet, raw, now)

    def _unexpected(self, packet: Packet, raw: bytes, now: float) -> None:
        raise ProtocolError(f"PANA answer while {self.state.name}")

    def _start(self, packet: Packet, now: float) -> None:
        """A controller knocks; that it had a session is forgotten, as its stick may have been reset.

        Knocking again before it has answered changes nothing: the request in flight is repeated anyway. A controller
        that knocks after it has answered gave up in between.
        """
        if packet.session or packet.sequence or packet.is_request:
            raise ProtocolError("PANA initiation with a session")
        if self.state is PanaState.STARTING:
            return
        self._close()
        self._last_answer = None
        self._session = int.from_bytes(self._random(4), "big")
        self._sequence = int.from_bytes(self._random(4), "big")
        self.state = PanaState.STARTING
        algorithms = (
            Avp.number(AvpCode.PRF, PRF_HMAC_SHA2_256),
            Avp.number(AvpCode.INTEGRITY, AUTH_HMAC_SHA2_256_128),
        )
        start = Packet(Flag.REQUEST | Flag.START, Type.AUTH, self._session, self._sequence, algorithms)
        self._first_request = self._ask(start, now)

    def _request_auth(self, flags: Flag, avps: tuple[Avp, ...], now: float) -> None:
        packet = Packet(Flag.REQUEST | flags, Type.AUTH, self._session, self._next_sequence(), avps)
        self._ask(self._signed(packet), now)

    def _started(self, packet: Packet, raw: bytes, now: float) -> None:
        agreed = packet.numbers(AvpCode.PRF) == {PRF_HMAC_SHA2_256}
        agreed &= packet.numbers(AvpCode.INTEGRITY) == {AUTH_HMAC_SHA2_256_128}
        if not packet.flags & Flag.START or not agreed:
            raise ProtocolError("PANA: no agreement on algorithms")
        self._answered(packet)
        self._first_answer = raw
        self._begin_authentication(now, again=False)

    def _begin_authentication(self, now: float, *, again: bool) -> None:
        self._again, self._refused = again, False
        self._eap = self._new_eap()
        self._nonce, self._peer_nonce = self._random(NONCE_BYTES), b""
        self.state = PanaState.AUTHENTICATING
        self._request_auth(Flag(0), (Avp(AvpCode.NONCE, self._nonce), Avp(AvpCode.EAP, self._eap.start())), now)

    def _authenticated(self, packet: Packet, raw: bytes, now: float) -> None:
        """EAP goes on, or is over: then the complete flag, with the new key if there is one."""
        self._check(packet)
        nonce, eap = packet.find(AvpCode.NONCE), packet.get(AvpCode.EAP)
        if not self._peer_nonce and not nonce:
            raise ProtocolError("PANA: the controller's nonce is missing")
        self._match(packet)
        answer = self._eap.receive(eap)  # raises for what is no answer: the request stays in flight
        self._stop_request()
        self._peer_nonce = self._peer_nonce or nonce or b""
        if self._eap.progress is Progress.FAILED:
            self._refuse(ResultCode.AUTHENTICATION_REJECTED, answer, now)
        elif self._eap.progress is not Progress.DONE:
            self._request_auth(Flag(0), (Avp(AvpCode.EAP, answer),), now)
        elif self._admit():
            self._complete(answer, now)
        else:
            self._refuse(ResultCode.AUTHORIZATION_REJECTED, answer, now)

    def _refuse(self, result: ResultCode, eap: bytes, now: float) -> None:
        self.state, self._refused = PanaState.COMPLETING, True
        self._request_auth(Flag.COMPLETE, (Avp.number(AvpCode.RESULT, result), Avp(AvpCode.EAP, eap)), now)

    def _complete(self, eap_success: bytes, now: float) -> None:
        self._key_id += 1
        self._association = Association.derive(
            self._eap.msk, self._key_id, self._first_request, self._first_answer, self._peer_nonce, self._nonce
        )
        self.state = PanaState.COMPLETING
        avps = (
            Avp.number(AvpCode.RESULT, ResultCode.SUCCESS),
            Avp(AvpCode.EAP, eap_success),
            Avp.number(AvpCode.KEY_ID, self._key_id),
            Avp.number(AvpCode.LIFETIME, self._lifetime),
        )
        self._request_auth(Flag.COMPLETE, avps, now)

    def _completed(self, packet: Packet, raw: bytes, now: float) -> None:
        if not packet.flags & Flag.COMPLETE:
            raise ProtocolError("PANA: completion without its flag")
        self._check(packet)
        if self._refused:
            self._answered(packet)
            self._close()
            self._events.append(Failed(Failure.REJECTED))
            return
        if packet.number(AvpCode.KEY_ID) != self._key_id:
            raise ProtocolError("PANA: completion with another key")
        self._answered(packet)
        self.state = PanaState.OPEN
        self._expires_at = now + self._lifetime
        self._events.append(Established(self._lifetime, self._again))

    def _notified(self, packet: Packet, now: float) -> None:
        """The controller asks for a re-authentication."""
        wanted = packet.type is Type.NOTIFICATION and packet.flags & Flag.AUTHENTICATE
        if not wanted or self.state is not PanaState.OPEN:
            raise ProtocolError(f"PANA request {packet.type.name} while {self.state.name}")
        self._check(packet)
        self._answer(packet, Flag.AUTHENTICATE)
        self._begin_authentication(now, again=True)


_ON_ANSWER: dict[PanaState, Callable[[Paa, Packet, bytes, float], None]] = {
    PanaState.STARTING: Paa._started,
    PanaState.AUTHENTICATING: Paa._authenticated,
    PanaState.COMPLETING: Paa._completed,
}
