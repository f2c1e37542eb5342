"""One VISA resource: a line out, a line in, before a deadline. The only module that knows pyvisa and its traps.

Rules of this file (pyvisa 1.16 with pyvisa-py 0.8; rack-instruments §5.2):

* Opening a socket to a dead port succeeds; the first exchange raises OSError. All of it is a LinkError here.
* A peer that closed shows as a time-out only, and a time-out throws away what had come. So a socket is read in short
  slices with END suppression off, which gives the part that is there; between them the socket is asked whether the
  peer is gone.
* Without NODELAY the second of two lines waits for the other end's delayed acknowledgement, 40 ms each time; setting
  the attribute for it raises UnknownAttribute, so it is set at the socket.
* The resource manager is shared by the process and never closed: closing one closes the sessions of others.
* A resource belongs to the thread that opened it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import Final, cast

import pyvisa
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.resources import MessageBasedResource

from hil_drivers.errors import AddressError, LinkError

_SLICE_S: Final = 0.05
_DRAINED_MOST: Final = 64
_opening = threading.Lock()
_manager: pyvisa.ResourceManager | None = None


class VisaLine:
    """An open resource; raises AddressError for an address that is none, LinkError when nobody is there."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address, self._socket = address, address.upper().endswith("::SOCKET")
        try:
            self._resource = _open(address, timeout_s)
        except ValueError as error:
            raise AddressError(f"{address!r} is no VISA address: {error}") from None
        except Exception as error:  # pyvisa-py raises bare exceptions for a host that does not answer
            raise LinkError(f"{address}: no connection: {error}") from None
        if self._socket:
            self._resource.set_visa_attribute(ResourceAttribute.suppress_end_enabled, False)
            self._without_delay()

    def send(self, text: str) -> None:
        """Write one line."""
        try:
            self._resource.write_raw(text.encode("ascii") + b"\n")
        except (OSError, pyvisa.Error) as error:
            raise LinkError(f"{self._address}: connection lost: {error}") from None

    def receive(self, timeout_s: float) -> bytes:
        """Read one line, without its end; raises :class:`LinkError` that tells silence, half a line and a lost peer."""
        deadline = time.monotonic() + timeout_s
        got = b""
        while not got.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0:
                what = f"half an answer, {got!r}," if got else "no answer"
                raise LinkError(f"{self._address}: {what} within {timeout_s:g} s")
            got += self._slice(min(left, _SLICE_S) if self._socket else left)
        return got.rstrip(b"\r\n")

    def _slice(self, seconds: float) -> bytes:
        """What comes within a short time, if anything."""
        self._resource.timeout = max(1, round(seconds * 1000))
        try:
            return bytes(self._resource.read_raw())
        except pyvisa.VisaIOError as error:
            if error.error_code != StatusCode.error_timeout or self._peer_gone():
                raise LinkError(f"{self._address}: connection lost") from None
            return b""
        except OSError as error:
            raise LinkError(f"{self._address}: connection lost: {error}") from None

    def _peer_gone(self) -> bool:
        """Whether the other end has closed; VISA has no call for it."""
        own = self._own_socket()
        if own is None:
            return False
        try:
            readable, _, _ = select.select([own], [], [], 0)
            return bool(readable) and own.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _without_delay(self) -> None:
        own = self._own_socket()
        if own is not None:
            with contextlib.suppress(OSError):  # a peer that is not there; the first exchange will say so
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _own_socket(self) -> socket.socket | None:
        """pyvisa-py's socket of this session, which it does not show; None where there is none."""
        sessions = getattr(self._resource.visalib, "sessions", {})
        interface = getattr(sessions.get(self._resource.session), "interface", None)
        return interface if isinstance(interface, socket.socket) else None

    def drain(self, quiet_s: float) -> None:
        """Throw away what comes until nothing does for so long, or until it is clear that it never ends."""
        with contextlib.suppress(LinkError):
            for _ in range(_DRAINED_MOST):
                self.receive(quiet_s)

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(Exception):  # a dead resource may raise anything here, and is gone all the same
            self._resource.close()


def _open(address: str, timeout_s: float) -> MessageBasedResource:
    global _manager
    with _opening:
        if _manager is None:
            _manager = pyvisa.ResourceManager("@py")
        wait = max(1, round(timeout_s * 1000))
        opened = _manager.open_resource(address, open_timeout=wait, timeout=wait, read_termination="\n")
    return cast(MessageBasedResource, opened)
