"""Asks an emulation over its control socket: faults, temperature, and the truth that only it knows.

A line of JSON each way, one connection an asking. For tests, and for campaigns that judge the bench itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.errors import InputError
from bench.rack import FOLDER
from twins.clock import ClockSpec

SOCKET: Final = "emulator.sock"

_PATIENCE: Final = 10.0  # real s
_CHUNK: Final = 65_536


class EmulatorError(InputError):
    """No emulation answers, or it refuses what was asked."""


class FaultRequest(msgspec.Struct, frozen=True, tag="fault"):
    """Begin a fault of an instrument by name, for so many ``times`` it shows; ``kind`` None ends all it has."""

    instrument: str
    kind: str | None
    times: int | None = None
    seconds: float = 1.0


class TemperatureRequest(msgspec.Struct, frozen=True, tag="temperature"):
    """Another temperature of the room."""

    celsius: float


class ClockRequest(msgspec.Struct, frozen=True, tag="clock"):
    """Leap forward into another time; for the begin of a run, when everybody else is ready."""

    clock: ClockSpec


class TruthRequest(msgspec.Struct, frozen=True, tag="truth"):
    """How everything really stands."""


Request = FaultRequest | TemperatureRequest | ClockRequest | TruthRequest


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a request: why not, or a result."""

    error: str = ""
    result: Any = None


_ANSWER: Final = msgspec.json.Decoder(Answer)


@contextlib.contextmanager
def address_in(folder: Path) -> Iterator[str]:
    """An address of the socket that is short enough, however long the folder's path is; raises OSError."""
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{number}/{SOCKET}"
    finally:
        os.close(number)


class EmulatorClient:
    """Asks the emulation whose control socket is in a folder; all methods raise :class:`EmulatorError`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def lives(self) -> bool:
        """Whether an emulation listens, be it slow to answer."""
        try:
            with self._connected():
                return True
        except OSError:
            return False

    def fault(self, instrument: str, kind: str | None, *, times: int | None = None, seconds: float = 1.0) -> None:
        """Begin a fault by its name, or end all that an instrument has; ``seconds`` (real) a late answer is late."""
        self._ask(FaultRequest(instrument, kind, times, seconds))

    def temperature(self, celsius: float) -> None:
        """Set the temperature of the room."""
        self._ask(TemperatureRequest(celsius))

    def leap(self, clock: ClockSpec) -> None:
        """Follow this clock from now on; refused where it leads back."""
        self._ask(ClockRequest(clock))

    def truth(self) -> dict[str, Any]:
        """How everything really stands now, as :func:`bench.rack.emulator.truth` says it."""
        found: dict[str, Any] = self._ask(TruthRequest())
        return found

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """A connection; raises OSError."""
        with address_in(self._folder) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(_PATIENCE)
            wire.connect(address)
            yield wire

    def _ask(self, request: Request) -> Any:
        try:
            with self._connected() as wire:
                wire.sendall(msgspec.json.encode(request) + b"\n")
                line = b""
                while not line.endswith(b"\n") and (chunk := wire.recv(_CHUNK)):
                    line += chunk
            answer = _ANSWER.decode(line)
        except (OSError, msgspec.DecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise EmulatorError(f"{self._folder / SOCKET}: {why}; is `bench rack emulate` running here?") from None
        if answer.error:
            raise EmulatorError(answer.error)
        return answer.result
