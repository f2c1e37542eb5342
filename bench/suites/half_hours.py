"""A controller on UDP at the address to which a meter tells its half-hours (INFC): it hears them, and may confirm."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Final, Self

from hil_drivers.errors import LinkError
from protocols.echonet.controller import Controller, Notification
from protocols.echonet.frame import MAX_FRAME
from protocols.echonet.transport import PORT
from twins.serving.endpoint import Endpoint

_LOOK: Final = 0.2


class Listener:
    """Hears one meter; a context. ``endpoint`` is the meter's on ECHONET Lite, and names the controller's address."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._meter, self._port, self._own = endpoint.address, endpoint.port or PORT, endpoint.about["notify"]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        try:
            self._socket.bind((self._own, self._port))
        except OSError as error:
            self._socket.close()
            raise LinkError(f"{self._own}:{self._port}: {error.strerror or error}") from error
        self._socket.settimeout(_LOOK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def hear(self, until: float) -> bytes | None:
        """The next datagram of the meter, None where none comes until then (monotonic s)."""
        while time.monotonic() < until:
            try:
                data, source = self._socket.recvfrom(MAX_FRAME + 1)
            except TimeoutError:
                continue
            if source[0] == self._meter:
                return data
        return None

    def confirm(self, data: bytes) -> None:
        """Tell the meter that its half-hour has come."""
        found = Controller().receive(data, self._meter)
        if isinstance(found, Notification) and found.confirmation is not None:
            self._socket.sendto(found.confirmation.data, (self._meter, self._port))
