"""DLMS over TCP, with the wrapper of IEC 62056-47: the carrier, and the address that leads there.

A frame that is not the answer to the client that asked (a push, a late answer to another client) is passed over.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Final

from hil_drivers.meters.dlms_session import DlmsAddress
from protocols.dlms.apdu import DATA_NOTIFICATION, EVENT_NOTIFICATION
from protocols.dlms.wrapper import PORT, Frame, WrapperReader

_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class TcpAddress(DlmsAddress):
    """A meter on TCP."""

    host: str
    port: int = PORT
    connect_wait_s: float = 10.0

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def carrier(self) -> TcpCarrier:
        """A TCP connection."""
        return TcpCarrier(self)


class TcpCarrier:
    """One TCP connection."""

    def __init__(self, address: TcpAddress) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._reader = WrapperReader()
        self._frames: list[Frame] = []

    def open(self) -> None:
        """Connect within ``connect_wait_s``."""
        address = self._address
        try:
            self._socket = socket.create_connection((address.host, address.port), address.connect_wait_s)
        except TimeoutError:
            raise OSError(f"no connection within {address.connect_wait_s:g} s") from None

    def exchange(self, client: int, apdu: bytes) -> bytes:
        """The answer, within ``answer_wait_s``."""
        link, device = self._socket, self._address.logical_device
        if link is None:
            raise ConnectionError("the connection is closed")
        deadline = time.monotonic() + self._address.answer_wait_s
        link.sendall(Frame(client, device, apdu).to_bytes())
        while True:
            frame = self._next_frame(link, deadline)
            unasked = frame.apdu[:1] in (DATA_NOTIFICATION, EVENT_NOTIFICATION)
            if (frame.source, frame.destination) == (device, client) and not unasked:
                return frame.apdu

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _next_frame(self, link: socket.socket, deadline: float) -> Frame:
        while not self._frames:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            link.settimeout(left)
            chunk = link.recv(_CHUNK)
            if not chunk:
                raise ConnectionError("the meter closed the connection")
            self._frames += self._reader.feed(chunk)
        return self._frames.pop(0)
