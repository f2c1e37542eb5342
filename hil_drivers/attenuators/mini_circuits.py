"""Mini-Circuits programmable attenuators: RCDAT, RC4DAT, RUDAT with Ethernet, and the modules of a rack box (matrix).

::

    - id: attenuator-1
      driver: mini-circuits-telnet # or mini-circuits-http, with port 80
      address: 192.168.10.21       # or host:port
      channels: 4
      settings:
        model: RC4DAT-6G-95        # optional: another one is refused
        serial: "12002150004"      # optional
        timeout_s: 1.0
    - id: attenuator-2             # a model that says neither channels nor range needs both
      driver: mini-circuits-telnet
      address: 192.168.10.22
      channels: 8
      settings:
        matrix: true               # modules of a rack box, which are addressed otherwise
        max_db: 95

Source: ``rack-instruments`` §2.1. Not verified there: the matrix form ``:RUDAT:n:ATT:x``, that reply 2 means clamped to
the maximum, and how long a setting takes; a setting is read back at once, which says what the instrument holds.
"""

from __future__ import annotations

import re
from typing import Final, Protocol, TypedDict, Unpack

from hil_drivers.addresses import host_and_port
from hil_drivers.attenuator import AttenuatorCapabilities, Stepped, all_to_maximum
from hil_drivers.errors import AddressError, AnswerError, IdentityError, InstrumentError
from hil_drivers.guard import DeviceIdentity, Guard, expect
from hil_drivers.lines import LineLink
from hil_drivers.web import Request, WebLink
from protocols.errors import MeterBenchError

TELNET_PORT: Final = 23
HTTP_PORT: Final = 80
STEP_DB: Final = 0.25

_MAKER: Final = "Mini-Circuits"
_MODEL: Final = re.compile(r"(?:RC(\d?)DAT|RUDAT)-\w+-(\d+)")
_DB: Final = re.compile(r"-?\d+(?:\.\d*)?")
_UNKNOWN: Final = "-99"
_DONE: Final = "1"
_REFUSALS: Final = {"0": "too small, or it failed", "2": "too large: it may stand at its maximum now"}


class _Wire(Protocol):
    """Carries one command and its reply."""

    def ask(self, command: str) -> str:
        """The reply; raises :class:`~hil_drivers.errors.LinkError` or :class:`AnswerError`."""

    def close(self) -> None:
        """Hang up."""


class _Telnet:
    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._link = LineLink(host, port, timeout_s)
        self.close = self._link.close

    def ask(self, command: str) -> str:
        self._link.send(command)
        return self._link.line()


class _Http:
    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._link = WebLink(host, port, timeout_s)

    def ask(self, command: str) -> str:
        return self._link.ask(Request("/" + command)).strip()

    def close(self) -> None:
        """Every command has a connection of its own."""


class MiniCircuitsAttenuator(Stepped):
    """One box behind a wire; see the module for its settings."""

    def __init__(
        self,
        place: str,
        wire: _Wire,
        *,
        model: str | None = None,
        serial: str | None = None,
        channels: int | None = None,
        max_db: float | None = None,
        matrix: bool = False,
    ) -> None:
        super().__init__(place)
        self._wire, self._model, self._serial, self._matrix = wire, model, serial, matrix
        self._shown = ""
        self._guard = Guard(self.identity, wire.close)
        self._guard.meet()
        try:
            self.capabilities = self._capabilities(channels, max_db)
        except MeterBenchError:
            wire.close()
            raise

    def _capabilities(self, channels: int | None, max_db: float | None) -> AttenuatorCapabilities:
        """What the model says; a description may repeat it, and has to say what the model does not."""
        found = _MODEL.fullmatch(self._shown)
        if found is None:
            if channels is None or max_db is None:
                raise AddressError(f"{self.place}: model {self._shown} does not say channels and max_db: describe them")
            return AttenuatorCapabilities(channels, max_db, STEP_DB)
        own_channels, own_db = int(found[1] or 1), float(found[2])
        if channels not in (None, own_channels) or max_db not in (None, own_db):
            described = ", ".join(
                f"{x:g} {unit}" for x, unit in ((channels, "channels"), (max_db, "dB")) if x is not None
            )
            raise IdentityError(
                f"{self.place}: {self._shown} has {own_channels} channels, {own_db:g} dB; described: {described}"
            )
        return AttenuatorCapabilities(own_channels, own_db, STEP_DB)

    def identity(self) -> DeviceIdentity:
        """Model, serial number and firmware; raises :class:`~hil_drivers.errors.IdentityError` for another one."""
        with self._guard.turn():
            self._shown, serial = self._told(":MN?", "MN="), self._told(":SN?", "SN=")
            found = DeviceIdentity(_MAKER, self._shown, serial, self._told(":FIRMWARE?", "FIRMWARE="))
            return expect(self.place, found, self._model, self._serial)

    def set(self, channel: int, db: float) -> float:
        """Set a channel to the nearest step, and read it back."""
        wanted = self.nearest_step(channel, db)
        with self._guard.turn():
            reply = self._ask(f"{self._head(channel)}{'ATT' if self._matrix else 'SETATT'}:{wanted:g}")
            if reply in _REFUSALS:
                raise InstrumentError(f"{self.place} channel {channel}: {wanted:g} dB: {_REFUSALS[reply]} ({reply})")
            if reply != _DONE:
                raise AnswerError(f"{self.place} channel {channel}: {reply!r} is no reply to a setting")
            reads = self.get(channel)
        return self.read_back(channel, wanted, reads)

    def get(self, channel: int) -> float:
        """What a channel is set to."""
        self.check_channel(channel)
        with self._guard.turn():
            reply = self._ask(f"{self._head(channel)}ATT?")
            if not _DB.fullmatch(reply):
                raise AnswerError(f"{self.place} channel {channel}: {reply!r} is no attenuation")
            return float(reply)

    def safe(self) -> None:
        """All channels to the maximum."""
        all_to_maximum(self)

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _head(self, channel: int) -> str:
        if self._matrix:
            return f":RUDAT:{channel}:"
        return f":CHAN:{channel}:" if self.channels > 1 else ":"

    def _told(self, question: str, name: str) -> str:
        reply = self._ask(question)
        if not reply.upper().startswith(name):
            raise AnswerError(f"{self.place}: {reply!r} is no answer to {question}")
        return reply[len(name) :].strip()

    def _ask(self, command: str) -> str:
        reply = self._wire.ask(command)
        if reply.startswith(_UNKNOWN):
            raise InstrumentError(f"{self.place}: it does not know {command}", ((int(_UNKNOWN), reply),))
        return reply


class Settings(TypedDict, total=False):
    """The settings of a box besides its wire; see the module."""

    model: str
    serial: str
    channels: int
    max_db: float
    matrix: bool


def telnet(address: str, *, timeout_s: float = 1.0, **settings: Unpack[Settings]) -> MiniCircuitsAttenuator:
    """Open a box at its telnet port."""
    host, port = host_and_port(address, TELNET_PORT)
    return MiniCircuitsAttenuator(f"{host}:{port}", _Telnet(host, port, timeout_s), **settings)


def http(address: str, *, timeout_s: float = 1.0, **settings: Unpack[Settings]) -> MiniCircuitsAttenuator:
    """Open a box at its HTTP port."""
    host, port = host_and_port(address, HTTP_PORT)
    return MiniCircuitsAttenuator(f"{host}:{port}", _Http(host, port, timeout_s), **settings)
