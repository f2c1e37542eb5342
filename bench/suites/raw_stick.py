"""A stick of the dialect BP35A1, command by command: for requests that no proper session would make."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import serial

from hil_drivers.errors import LinkError
from hil_drivers.meters.route_b import BAUD
from protocols.echonet.frame import HEMS, LV_METER, Esv, Frame, Property

_SCAN_S: Final = 60.0
_ANSWER_S: Final = 10.0
_CHUNK_S: Final = 0.05
_POWER: Final = 0xE7
_ECHONET_PORT: Final = "0E1A"


class RawStick:
    """The terminal of a stick; a context."""

    def __init__(self, path: str) -> None:
        try:
            self._port = serial.Serial(path, BAUD, timeout=_CHUNK_S, exclusive=True)
        except OSError as error:
            raise LinkError(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        self._command("SKRESET")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._command("SKRESET")
        self._port.close()

    def tune(self, route_b_id: str) -> str:
        """Find the meter with this id and tune to it: its address. Raises LinkError when it is not heard."""
        self._command(f"SKSETRBID {route_b_id}")
        found: dict[str, str] = {}
        for duration in (5, 6, 7):
            self._command(f"SKSCAN 2 FFFFFFFF {duration}")
            heard = self._until("EVENT 22", _SCAN_S)
            found = dict(re.findall(r"(Channel|Pan ID|Addr):([0-9A-F]+)", heard))
            if len(found) == 3:
                break
        else:
            raise LinkError(f"no beacon of the meter; heard {found or 'nothing'}")
        self._command(f"SKSREG S2 {found['Channel']}")
        self._command(f"SKSREG S3 {found['Pan ID']}")
        self._port.write(f"SKLL64 {found['Addr']}\r\n".encode())  # answered by the address, without OK
        address = re.search(r"[0-9A-F]{4}(?::[0-9A-F]{4}){7}", self._until(r"FE80:[0-9A-F:]{34}\r\n", _ANSWER_S))
        if address is None:
            raise LinkError("the stick tells no address")
        return address[0]

    def ask_power(self, address: str, security: int, seconds: float) -> str:
        """Ask for the instantaneous power: all that the stick says within so many seconds."""
        frame = Frame(1, HEMS, LV_METER, Esv.GET, (Property(_POWER, b""),)).to_bytes()
        self._port.write(f"SKSENDTO 1 {address} {_ECHONET_PORT} {security} {len(frame):04X} ".encode() + frame)
        return self._heard(lambda text: "ERXUDP" in text, seconds)

    def _command(self, text: str) -> None:
        self._port.write(text.encode() + b"\r\n")
        self._until("OK", _ANSWER_S)

    def _until(self, pattern: str, seconds: float) -> str:
        found = self._heard(lambda text: re.search(pattern, text) is not None, seconds)
        if re.search(pattern, found) is None:
            raise LinkError(f"the stick does not say {pattern} within {seconds:g} s, but {found!r}")
        return found

    def _heard(self, over: Callable[[str], bool], seconds: float) -> str:
        deadline, heard = time.monotonic() + seconds, b""
        while not over(heard.decode("ascii", "replace")) and time.monotonic() < deadline:
            heard += self._port.read(max(1, self._port.in_waiting))
        return heard.decode("ascii", "replace")
