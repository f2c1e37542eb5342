"""The client's side of HDLC (IEC 62056-46): connect, exchange APDUs, disconnect, over a line that loses frames.

Each operation is a :data:`Turn`: a generator that yields the bytes to send (none: listen on), is sent the next frame
that came, or None when the line stayed silent, and returns the result. After silence the client polls (RR): the meter's
answer says whether the request or its answer was lost, and only a request that did not arrive is sent again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, TypeAlias, TypeVar

from protocols.dlms.axdr import MAX_APDU
from protocols.dlms.hdlc import COMMAND_LLC, MODULUS, RESPONSE_LLC, Address, Control, HdlcFrame, Kind
from protocols.dlms.hdlc_parameters import OWN, Parameters
from protocols.errors import ProtocolError

_T = TypeVar("_T")

Turn: TypeAlias = Generator[bytes, HdlcFrame | None, _T]
"""Yields bytes to send, takes frames or silence, returns the result."""

TRIES: Final = 3
"""How often one frame, or a poll for what became of it, is sent in all; our own choice."""


class SilentLineError(ProtocolError):
    """Nothing of use came, however often we asked."""


class LinkRefusedError(ProtocolError):
    """The meter has no link with us (DM), or rejects what we send (FRMR)."""


class ClientLink:
    """One client's link to a meter at ``server``, within what it offers (``own``)."""

    def __init__(self, client: int, server: Address, own: Parameters = OWN) -> None:
        self._client, self._server, self._own = Address(client), server, own
        self._agreed = Parameters()
        self._next_sent = self._next_received = 0

    def connect(self) -> Turn[None]:
        """SNRM until UA; raises :class:`SilentLineError` and :class:`LinkRefusedError`."""
        self._next_sent = self._next_received = 0
        answer = yield from self._ask(Control(Kind.SNRM), self._own.to_bytes())
        self._agreed = self._own.agreed(Parameters.from_bytes(answer.information))

    def disconnect(self) -> Turn[None]:
        """DISC until UA, or DM where the meter had forgotten the link."""
        try:
            yield from self._ask(Control(Kind.DISC))
        except LinkRefusedError:
            return

    def exchange(self, apdu: bytes) -> Turn[bytes]:
        """Send a request, take its answer, each in as many frames as it needs.

        Raises as :meth:`connect`, and :class:`~protocols.errors.ProtocolError` for an answer that is none.
        """
        *more, last = self._pieces(COMMAND_LLC + apdu)
        for piece in more:
            yield from self._deliver(piece, segmented=True)
        answer = yield from self._deliver(last, segmented=False)
        message = bytearray()
        while answer is not None:
            self._next_received = (self._next_received + 1) % MODULUS
            message += answer.information
            if len(message) > MAX_APDU + len(RESPONSE_LLC):
                raise ProtocolError(f"an APDU of more than {MAX_APDU} bytes")
            answer = (yield from self._continue()) if answer.segmented else None
        if not message.startswith(RESPONSE_LLC):
            raise ProtocolError(f"an answer without the LLC header: {message[:3].hex()}")
        return bytes(message[len(RESPONSE_LLC) :])

    def _pieces(self, message: bytes) -> Iterator[bytes]:
        for at in range(0, len(message), self._agreed.send):
            yield message[at : at + self._agreed.send]

    def _ask(self, control: Control, information: bytes = b"") -> Turn[HdlcFrame]:
        """Send an unnumbered command until UA comes."""
        for _ in range(TRIES):
            answer = yield self._frame(control, information)
            while answer is not None:
                if self._use(answer) is Kind.UA:
                    return answer
                answer = yield b""
        raise SilentLineError(f"no answer to {control.kind.name}")

    def _deliver(self, piece: bytes, *, segmented: bool) -> Turn[HdlcFrame | None]:
        """Send one I frame until it is taken: the answer that came with that, or None where more of ours is to come."""
        here, following = self._next_sent, (self._next_sent + 1) % MODULUS
        command = self._frame(Control(Kind.I, here, self._next_received), piece, segmented)
        poll = self._frame(Control(Kind.RR, received=self._next_received))
        sending = command
        for _ in range(TRIES):
            answer = yield sending
            sending = poll
            while answer is not None:
                kind, taken = self._use(answer), answer.control.received == following
                if taken and segmented and kind is Kind.RR:
                    self._next_sent = following
                    return None
                if taken and not segmented and self._is_next(answer):
                    self._next_sent = following
                    return answer
                if kind is Kind.RR:
                    sending = poll if taken else command
                    break
                answer = yield b""
        raise SilentLineError("no answer to an I frame")

    def _continue(self) -> Turn[HdlcFrame]:
        """Ask for the next piece of an answer."""
        for _ in range(TRIES):
            answer = yield self._frame(Control(Kind.RR, received=self._next_received))
            while answer is not None:
                self._use(answer)
                if self._is_next(answer):
                    return answer
                answer = yield b""
        raise SilentLineError("a long answer does not go on")

    def _is_next(self, answer: HdlcFrame) -> bool:
        """Whether it is the I frame that is expected: one that came before comes again after a poll."""
        control = answer.control
        return self._use(answer) is Kind.I and control.sent == self._next_received

    def _use(self, answer: HdlcFrame) -> Kind | None:
        """The kind of a frame that is for us; raises :class:`LinkRefusedError` where there is no link any more."""
        if answer.destination != self._client or answer.source != self._server:
            return None
        kind = answer.control.kind
        if kind in (Kind.DM, Kind.FRMR):
            raise LinkRefusedError(f"the meter answers {kind.name}: there is no link")
        return kind

    def _frame(self, control: Control, information: bytes = b"", segmented: bool = False) -> bytes:
        return HdlcFrame(self._server, self._client, control, information, segmented).to_bytes()
