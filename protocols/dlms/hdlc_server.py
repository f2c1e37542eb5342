"""The meter's side of HDLC (IEC 62056-46, normal response mode, window 1): frames in, frames out, a session a client.

Sans-I/O like :mod:`protocols.dlms.connection`, which is the same thing for TCP. Rules of this file:

* The meter only speaks when it is polled. A frame that is garbled, for another station or of no use gets no answer.
* A request that comes a second time, because its answer was lost, is not carried out again: its answer is repeated.
* Only SNRM makes a link, DISC ends it; both end the association on it. Whatever else a client without a link polls for
  is answered with DM.
* UA carries the parameters after DISC too: dlms-cosem 21.3.2 reads no UA without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from protocols.dlms.axdr import MAX_APDU
from protocols.dlms.connection import MAX_SESSIONS
from protocols.dlms.device import LogicalDevice
from protocols.dlms.hdlc import (
    COMMAND_LLC,
    MODULUS,
    RESPONSE_LLC,
    Address,
    Control,
    HdlcFrame,
    HdlcReader,
    Kind,
)
from protocols.dlms.hdlc_parameters import OWN, Parameters
from protocols.dlms.server import Session
from protocols.errors import ProtocolError

PHYSICAL: Final = 17
"""Physical address of a meter with a line of its own: our own choice, as common tools have it."""

Answer = tuple[Control, bytes, bool]
"""Control, information, and whether more follows."""


class ServerLink:
    """The link of one client: numbers, what came of a long request, what is left of a long answer.

    ``respond`` answers an APDU, with nothing where the client wants none. ``repeats`` plants the defect that a request
    which comes twice is carried out twice.
    """

    def __init__(self, respond: Callable[[bytes], bytes], agreed: Parameters, *, repeats: bool = False) -> None:
        self._respond, self._agreed, self._repeats = respond, agreed, repeats
        self._next_sent = self._next_received = 0
        self._incoming = bytearray()
        self._left = b""
        self._outstanding: Answer | None = None
        self.broken = False

    def receive(self, frame: HdlcFrame) -> Answer:
        """The answer to an I frame, or to RR: the next piece, the last one again, or that we are ready."""
        control = frame.control
        acknowledged = control.received == self._next_sent
        if control.kind is Kind.I and self._is_new(control, acknowledged):
            return self._take(frame)
        if acknowledged:
            self._outstanding = None
            if control.kind is Kind.RR and self._left:
                return self._next_piece()
        return self._outstanding or self._ready()

    def _is_new(self, control: Control, acknowledged: bool) -> bool:
        if self._repeats and control.sent == (self._next_received - 1) % MODULUS:
            self._next_received, self._next_sent = control.sent, control.received
            return True
        return control.sent == self._next_received and acknowledged

    def _take(self, frame: HdlcFrame) -> Answer:
        self._outstanding, self._left = None, b""
        if len(frame.information) > self._agreed.receive or len(self._incoming) > MAX_APDU:
            self.broken = True
            return Control(Kind.FRMR), b"", False
        self._next_received = (self._next_received + 1) % MODULUS
        self._incoming += frame.information
        if frame.segmented:
            return self._ready()
        message, self._incoming = bytes(self._incoming), bytearray()
        answer = self._respond(message[len(COMMAND_LLC) :]) if message.startswith(COMMAND_LLC) else b""
        if not answer:
            return self._ready()
        self._left = RESPONSE_LLC + answer
        return self._next_piece()

    def _next_piece(self) -> Answer:
        piece, self._left = self._left[: self._agreed.send], self._left[self._agreed.send :]
        self._outstanding = Control(Kind.I, self._next_sent, self._next_received), piece, bool(self._left)
        self._next_sent = (self._next_sent + 1) % MODULUS
        return self._outstanding

    def _ready(self) -> Answer:
        return Control(Kind.RR, received=self._next_received), b"", False


class HdlcConnection:
    """A serial line to a meter: a link and a session for each client on it, as long as the line is not silent.

    The meter answers to its logical device's address alone, or with ``physical`` behind it.
    """

    def __init__(
        self, device: LogicalDevice, own: Parameters = OWN, physical: int = PHYSICAL, *, repeats: bool = False
    ) -> None:
        self._device, self._own, self._physical, self._repeats = device, own, physical, repeats
        self.reader = HdlcReader()
        self._links: dict[int, tuple[ServerLink, Session]] = {}

    def receive(self, chunk: bytes) -> bytes:
        """The bytes to send back."""
        return b"".join(self.answers(chunk))

    def answers(self, chunk: bytes) -> Iterator[bytes]:
        """The same frame by frame, each served when it is asked for."""
        for frame in self.reader.feed(chunk):
            yield self._answer(frame)

    def lost(self) -> None:
        """The line was silent for too long, or the meter is off: links and associations are gone."""
        for client in list(self._links):
            self._end(client)
        self.reader.expire()

    def _answer(self, frame: HdlcFrame) -> bytes:
        server, client = frame.destination, frame.source
        if (
            server.upper != self._device.address
            or server.lower not in (None, self._physical)
            or client.lower is not None
        ):
            return b""
        answer = self._serve(client, frame)
        if answer is None or not frame.control.poll:
            return b""
        control, information, segmented = answer
        return HdlcFrame(client, server, control, information, segmented).to_bytes()

    def _serve(self, client: Address, frame: HdlcFrame) -> Answer | None:
        serve = _SERVED.get(frame.control.kind)
        return None if serve is None else serve(self, client.upper, frame)

    def _connect(self, client: int, frame: HdlcFrame) -> Answer | None:
        try:
            agreed = self._own.agreed(Parameters.from_bytes(frame.information))
        except ProtocolError:
            return None
        self._end(client)
        if len(self._links) >= MAX_SESSIONS:
            return Control(Kind.DM), b"", False
        session = Session(self._device, client)
        link = ServerLink(lambda apdu: b"".join(session.receive(apdu)), agreed, repeats=self._repeats)
        self._links[client] = link, session
        return Control(Kind.UA), agreed.to_bytes(), False

    def _disconnect(self, client: int, frame: HdlcFrame) -> Answer:
        known = client in self._links
        self._end(client)
        return (Control(Kind.UA), self._own.to_bytes(), False) if known else (Control(Kind.DM), b"", False)

    def _exchange(self, client: int, frame: HdlcFrame) -> Answer:
        if client not in self._links:
            return Control(Kind.DM), b"", False
        link, _ = self._links[client]
        answer = link.receive(frame)
        if link.broken:
            self._end(client)
        return answer

    def _end(self, client: int) -> None:
        if client in self._links:
            _, session = self._links.pop(client)
            session.lost()


_SERVED: Final[Mapping[Kind, Callable[[HdlcConnection, int, HdlcFrame], Answer | None]]] = {
    Kind.SNRM: HdlcConnection._connect,
    Kind.DISC: HdlcConnection._disconnect,
    Kind.I: HdlcConnection._exchange,
    Kind.RR: HdlcConnection._exchange,
    Kind.RNR: HdlcConnection._exchange,
}
