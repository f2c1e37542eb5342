"""A meter at its optical port, as a hand terminal speaks to it on site: DLMS in HDLC frames over a serial head (A12).

::

    protocol: optical
    address: /dev/ttyUSB1                          # the optical head
    baud: 9600
    terminal_password: "12345678"                  # with a password as hand terminal, with nothing as public
    keys: {encryption: …, authentication: …}       # with keys as management, as over TCP
    physical: 17                                   # lower HDLC address; left out, the logical device's alone is used

Which client address and rights a Japanese hand terminal has is unverified (``meter-protocols`` §3.5). HDLC begins at
once (8 bits, no parity): the sign-on of IEC 62056-21 (``/?!``, mode E) that some meters want before it is not spoken.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import serial

from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import ON_SITE, DlmsAddress
from protocols.dlms.hdlc import Address, HdlcFrame, HdlcReader
from protocols.dlms.hdlc_client import TRIES, ClientLink, SilentLineError, Turn
from protocols.errors import ProtocolError

T = TypeVar("T")

BAUD: Final = 9600
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class OpticalAddress(DlmsAddress):
    """A meter under an optical head at ``path``; ``physical`` is the lower HDLC address, if it is to be given."""

    path: str
    baud: int = BAUD
    physical: int | None = None
    by_password: str = field(default="terminal", kw_only=True)
    clients: Mapping[str, int] = field(default_factory=lambda: ON_SITE, kw_only=True)

    @property
    def place(self) -> str:
        """The port."""
        return self.path

    def carrier(self) -> OpticalCarrier:
        """The head, not open yet."""
        return OpticalCarrier(self)


class OpticalCarrier:
    """One serial port, with an HDLC link for each client that speaks; an answer takes ``answer_wait_s`` at most."""

    def __init__(self, address: OpticalAddress) -> None:
        self._address = address
        self._port: serial.Serial | None = None
        self._reader = HdlcReader()
        self._frames: list[HdlcFrame] = []
        self._links: dict[int, ClientLink] = {}

    def open(self) -> None:
        """Take the port, for us alone; what is still on the line is no answer to us."""
        self._port = serial.Serial(self._address.path, self._address.baud, timeout=0, exclusive=True)
        self._port.reset_input_buffer()

    def exchange(self, client: int, apdu: bytes) -> bytes:
        """The answer over the client's link, which is made first where there is none."""
        try:
            if client not in self._links:
                link = ClientLink(client, Address(self._address.logical_device, self._address.physical))
                self._run(link.connect())
                self._links[client] = link
            return self._run(self._links[client].exchange(apdu))
        except (OSError, ProtocolError):
            self._links.clear()  # nobody knows where they stand: no DISC, the meter's own time ends them
            raise

    def close(self) -> None:
        """End the links in order while the line is good, and give the port back."""
        links, self._links = self._links, {}
        with contextlib.suppress(OSError, ProtocolError):
            for link in links.values():
                self._run(link.disconnect())
        if self._port is not None:
            self._port.close()
        self._port = None

    def _run(self, turn: Turn[T]) -> T:
        """Drive one operation of a link; raises :class:`TimeoutError` when the line stays silent."""
        patience = self._address.answer_wait_s / TRIES
        port = self._port
        if port is None:
            raise ConnectionError("the port is closed")
        try:
            data = next(turn)
            while True:
                if data:
                    port.write(data)
                    until = time.monotonic() + patience
                data = turn.send(self._next_frame(port, until))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        except SilentLineError as error:
            raise TimeoutError(str(error)) from error

    def _next_frame(self, port: serial.Serial, until: float) -> HdlcFrame | None:
        while not self._frames:
            left = until - time.monotonic()
            if left <= 0:
                self._reader.expire()
                return None
            port.timeout = left
            heard = port.read(1)
            self._frames += self._reader.feed(heard + port.read(min(port.in_waiting, _CHUNK)))
        return self._frames.pop(0)


class OpticalMeter(DlmsMeter):
    """Reads and controls one meter on site."""

    protocol = "optical"
