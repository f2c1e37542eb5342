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
from protocols.errors import ProtocolError
from protocols.wisun.pana import AvpCode, Packet
from protocols.wisun.radio import PANA_PORT

_SCAN_S: Final = 60.0
_ANSWER_S: Final = 10.0
_CHUNK_S: Final = 0.05
_JOIN_S: Final = 60.0
_POWER: Final = 0xE7
_PANA: Final = rf"ERXUDP \S+ \S+ {PANA_PORT:04X} {PANA_PORT:04X} \S+ \S+ [0-9A-F]{{4}} ([0-9A-F]+)"
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

    def join(self, address: str, password: str) -> int | None:
        """Open a session with the meter and leave it again: for how many seconds the meter granted it.

        None where the stick does not show what the two told each other. Raises LinkError where it does not join.
        """
        self._command(f"SKSETPWD {len(password):X} {password}")
        self._port.write(f"SKJOIN {address}\r\n".encode())
        heard = self._until("EVENT 2[45]", _JOIN_S)
        if "EVENT 25" not in heard:
            raise LinkError("the meter did not let the stick join")
        self._port.write(b"SKTERM\r\n")
        self._until("EVENT 2[78]", _ANSWER_S)
        granted = [_lifetime(data) for data in re.findall(_PANA, heard)]
        return next(filter(None, granted), None)

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


def _lifetime(data: str) -> int | None:
    """The lifetime that a PANA packet names, if it does."""
    try:
        packet = Packet.from_bytes(bytes.fromhex(data))
        return None if packet.find(AvpCode.LIFETIME) is None else packet.number(AvpCode.LIFETIME)
    except (ProtocolError, ValueError):
        return None
