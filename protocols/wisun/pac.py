"""The stick's side of PANA (PaC) with EAP-PSK inside; sans-I/O. The order of packets: :mod:`protocols.wisun.paa`."""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import ProtocolError, SecurityError
from protocols.wisun.eap_psk import Peer, Progress
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


class Pac(Role):
    """One session of a stick with one meter."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        derivation: PskDerivation | None = None,
        retransmission: Retransmission | None = None,
        random: Callable[[int], bytes] = default_random,
    ) -> None:
        super().__init__(credentials, derivation, retransmission, random)
        self._eap = self._new_eap()
        self._server_nonce = b""

    def _new_eap(self) -> Peer:
        return Peer(self._psk, self._id_p, self._random, self._id_s)

    def start(self, now: float) -> None:
        """Knock at the meter; ends with Established or Failed. A session that stands is forgotten."""
        self._close()
        self._session, self._last_answer, self._again = 0, None, False
        self._sequence = int.from_bytes(self._random(4), "big")
        self.state = PanaState.INITIATING
        self._ask(Packet(Flag(0), Type.INITIATION, 0, 0), now)

    def reauthenticate(self, now: float) -> None:
        """Ask the meter to authenticate the open session again; ends with Established or Failed."""
        if self.state is PanaState.OPEN:
            flags = Flag.REQUEST | Flag.AUTHENTICATE
            request = Packet(flags, Type.NOTIFICATION, self._session, self._next_sequence())
            self._ask(self._signed(request), now)

    def _handle(self, packet: Packet, raw: bytes, now: float) -> None:
        if packet.is_request and packet.flags & Flag.START and self.state is PanaState.INITIATING:
            self._started(packet, raw, now)
        elif packet.session != self._session or self.state in (PanaState.CLOSED, PanaState.INITIATING):
            raise ProtocolError("PANA packet of another session")
        elif self._answer_common(packet):
            return
        elif packet.is_request and packet.type is Type.AUTH and not packet.flags & Flag.START:
            self._requested(packet, now)
        elif packet.type is Type.TERMINATION and self.state is PanaState.TERMINATING:
            self._termination_answered(packet)
        elif packet.type is Type.NOTIFICATION:
            self._check(packet)
            self._answered(packet)
        else:
            raise ProtocolError(f"PANA {packet.type.name} while {self.state.name}")

    def _started(self, packet: Packet, raw: bytes, now: float) -> None:
        offered = PRF_HMAC_SHA2_256 in packet.numbers(AvpCode.PRF)
        offered &= AUTH_HMAC_SHA2_256_128 in packet.numbers(AvpCode.INTEGRITY)
        if packet.type is not Type.AUTH or not offered or not packet.session:
            raise ProtocolError("PANA start without algorithms that we know")
        self._stop_request()
        self._session = packet.session
        self.state = PanaState.STARTING
        self._wait_for_meter(now)
        self._first_request = raw
        self._first_answer = self._answer(
            packet,
            Flag.START,
            Avp.number(AvpCode.PRF, PRF_HMAC_SHA2_256),
            Avp.number(AvpCode.INTEGRITY, AUTH_HMAC_SHA2_256_128),
        )

    def _requested(self, packet: Packet, now: float) -> None:
        if packet.flags & Flag.COMPLETE:
            self._completed(packet, now)
            return
        self._check(packet)
        nonce, eap = packet.find(AvpCode.NONCE), packet.get(AvpCode.EAP)
        fresh = self.state in (PanaState.STARTING, PanaState.OPEN)
        if fresh and not nonce:
            raise ProtocolError("PANA: the meter's nonce is missing")
        if fresh:
            self._begin(nonce or b"")
        self._wait_for_meter(now)
        try:
            answer = Avp(AvpCode.EAP, self._eap.receive(eap))
        except SecurityError:  # somebody who does not know the password plays the meter
            self._close()
            self._events.append(Failed(Failure.REJECTED))
            raise
        if fresh:
            self._answer(packet, Flag(0), Avp(AvpCode.NONCE, self._nonce), answer)
        else:
            self._answer(packet, Flag(0), answer)

    def _wait_for_meter(self, now: float) -> None:
        """It is the meter's turn to ask and to repeat; after its last try we give up too."""
        self._expires_at = now + self._retransmission.patience

    def _begin(self, nonce: bytes) -> None:
        self._again = self.state is PanaState.OPEN
        self._stop_request()
        self._eap = self._new_eap()
        self._server_nonce, self._nonce = nonce, self._random(NONCE_BYTES)
        self.state = PanaState.AUTHENTICATING

    def _completed(self, packet: Packet, now: float) -> None:
        if self.state is not PanaState.AUTHENTICATING:
            raise ProtocolError(f"PANA completion while {self.state.name}")
        proved = self._eap.progress is Progress.PROVED
        named = packet.find(AvpCode.KEY_ID) is not None
        association = self._derive(packet) if proved and named else self._association
        if association is not None:
            association.verify(packet)
        if packet.number(AvpCode.RESULT) != ResultCode.SUCCESS:
            self._answer(packet, Flag.COMPLETE)
            self._close()
            self._events.append(Failed(Failure.REJECTED))
            return
        if association is None or not proved:
            raise SecurityError("PANA success before the meter proved itself")
        key_id, lifetime = packet.number(AvpCode.KEY_ID), packet.number(AvpCode.LIFETIME)
        self._eap.receive(packet.get(AvpCode.EAP))
        self._association = association
        self.state = PanaState.OPEN
        self._expires_at = now + lifetime
        self._answer(packet, Flag.COMPLETE, Avp.number(AvpCode.KEY_ID, key_id))
        self._events.append(Established(lifetime, self._again))

    def _derive(self, packet: Packet) -> Association:
        """The association of the key that this packet names."""
        key_id = packet.number(AvpCode.KEY_ID)
        return Association.derive(
            self._eap.msk, key_id, self._first_request, self._first_answer, self._nonce, self._server_nonce
        )
