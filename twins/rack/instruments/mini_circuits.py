"""Mini-Circuits programmable attenuators: RCDAT, RC4DAT, and the modules of a rack box (matrix), by telnet and HTTP.

Commands and replies: ``rack-instruments`` §2.1. Not verified there: that RC4DAT's ``ATT?`` separates channels by
blanks, that reply 2 comes with the maximum set, and the whole matrix form ``RUDAT:[address]:ATT``. Our own choice:
settings are rounded to 0.25 dB; what has no number where one belongs is an unknown command.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.instruments.texts import Http, Lines
from twins.rack.world.radio import Port, RadioWorld

STEP_DB = 0.25
FAILED, DONE, TOO_LARGE = "0", "1", "2"
FAULTS = frozenset(
    {
        Fault.STUCK_RELAY,
        Fault.WRONG_IDENTITY,
        Fault.REFUSES_SETTING,
        Fault.CLAMPS_SETTING,
        Fault.UNKNOWN_COMMAND,
        Fault.TELNET_NEGOTIATION,
        Fault.ERROR_TEXT,
    }
)
"""What it can have."""

_MODEL = re.compile(r"(?:RC(?P<channels>\d?)DAT|RUDAT)-\w+-(?P<db>\d+)")
_NUMBER = r"(?P<db>-?\d{1,6}(?:\.\d{0,6})?)"
_IDENTITY = [
    (re.compile(r"MN\?"), "_say_model"),
    (re.compile(r"SN\?"), "_say_serial"),
    (re.compile(r"FIRMWARE\?"), "_say_firmware"),
]
_COMMANDS = [  # the first form that matches is it
    *_IDENTITY,
    (re.compile(r"(?:CHAN:(?P<channel>\d+):)?ATT\?"), "_read"),
    (re.compile(rf"(?:CHAN:(?P<channel>\d+):)?SETATT[:=]{_NUMBER}"), "_set"),
    (re.compile(r"STARTUPATT:VALUE\?"), "_read_start"),
    (re.compile(rf"STARTUPATT:VALUE[:=]{_NUMBER}"), "_set_start"),
]
_MATRIX_COMMANDS = [
    *_IDENTITY,
    (re.compile(r"RUDAT:(?P<channel>\d+):ATT\?"), "_read"),
    (re.compile(rf"RUDAT:(?P<channel>\d+):ATT[:=]{_NUMBER}"), "_set"),
]
_OTHER_MODEL = "RCDAT-4000-30"
_OFFER = b"\xff\xfb\x01\xff\xfb\x03"  # IAC WILL ECHO, IAC WILL SUPPRESS-GO-AHEAD


class MiniCircuits:
    """One box named ``name`` in the world's paths, at its maximum when it is switched on.

    ``channels`` and ``max_db`` come from the model name where it says them; without a model one is chosen that has so
    many ``channels``. With ``matrix`` the channels are modules addressed by ``RUDAT:n:``. Raises :class:`RackError` for
    a model that says nothing, or something else. Its front ends are :class:`MiniCircuitsTelnet` and
    :class:`MiniCircuitsHttp`, for one box also both.
    """

    def __init__(
        self,
        name: str,
        world: RadioWorld,
        now: float,
        *,
        model: str | None = None,
        serial: str = "12002150004",
        channels: int | None = None,
        max_db: float | None = None,
        matrix: bool = False,
    ) -> None:
        model = model or _model_with(channels or 4)
        if found := _MODEL.fullmatch(model):
            own_channels, own_db = int(found["channels"] or 1), float(found["db"])
        elif channels is not None and max_db is not None:
            own_channels, own_db = channels, max_db
        else:
            raise RackError(f"{name}: model {model} does not say its channels and range")
        if channels not in (None, own_channels) or max_db not in (None, own_db):
            raise RackError(f"{name}: model {model} has {own_channels} channels and {own_db:g} dB")
        self.channels, self.max_db = own_channels, own_db
        self.faults: set[Fault] = set()
        self._name, self._world, self._model, self._serial = name, world, model, serial
        self._commands = _MATRIX_COMMANDS if matrix else _COMMANDS
        self._start_db = self.max_db
        self._db = [self.max_db] * self.channels
        for channel in range(1, self.channels + 1):
            self._put(channel, self.max_db, now)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault; raises :class:`RackError` for one it cannot have."""
        if fault not in FAULTS:
            raise RackError(f"{self._name}: an attenuator cannot have the fault {fault}")
        (self.faults.add if present else self.faults.discard)(fault)

    def command(self, text: str, now: float) -> str:
        """The reply to one command, with or without the colon in front."""
        plain = text.strip().removeprefix(":").upper()
        known = _IDENTITY if Fault.UNKNOWN_COMMAND in self.faults else self._commands
        for form, method in known:
            if found := form.fullmatch(plain):
                given = {key: value for key, value in found.groupdict().items() if value is not None}
                if 1 <= int(given.get("channel", 1)) <= self.channels:
                    return str(getattr(self, method)(now, **given))
        return f"-99 Unrecognized Command. Model: {self._shown_model} SN={self._serial}"

    @property
    def _shown_model(self) -> str:
        return _OTHER_MODEL if Fault.WRONG_IDENTITY in self.faults else self._model

    def _say_model(self, now: float) -> str:
        return f"MN={self._shown_model}"

    def _say_serial(self, now: float) -> str:
        return f"SN={self._serial}"

    def _say_firmware(self, now: float) -> str:
        return "FIRMWARE=B1"

    def _read(self, now: float, channel: str | None = None) -> str:
        return " ".join(f"{db:.2f}" for db in (self._db if channel is None else [self._db[int(channel) - 1]]))

    def _set(self, now: float, db: str, channel: str | None = None) -> str:
        wanted = round(float(db) / STEP_DB) * STEP_DB
        if wanted < 0 or Fault.REFUSES_SETTING in self.faults:
            return FAILED
        too_large = wanted > self.max_db or Fault.CLAMPS_SETTING in self.faults
        for number in range(1, self.channels + 1) if channel is None else (int(channel),):
            self._put(number, self.max_db if too_large else wanted, now)
        return TOO_LARGE if too_large else DONE

    def _put(self, channel: int, db: float, now: float) -> None:
        if Fault.STUCK_RELAY not in self.faults:
            self._db[channel - 1] = db
            self._world.attenuate(Port(self._name, channel), db, now)

    def _read_start(self, now: float) -> str:
        return f"{self._start_db:.2f}"

    def _set_start(self, now: float, db: str) -> str:
        self._start_db = min(self.max_db, max(0.0, float(db)))
        return DONE


def _model_with(channels: int) -> str:
    return "RCDAT-6000-110" if channels == 1 else f"RC{channels}DAT-6G-95"


def _refuse(fault: Fault, foreign: Fault, wire: str) -> None:
    if fault is foreign:
        raise RackError(f"there is no {fault} over {wire}")


class MiniCircuitsTelnet:
    """The box at its telnet port (23): lines end in CR LF both ways; a client is greeted with an empty line."""

    def __init__(self, box: MiniCircuits) -> None:
        self._box = box

    def connect(self, now: float) -> Conversation:
        """A client has connected."""
        offer = _OFFER if Fault.TELNET_NEGOTIATION in self._box.faults else b""
        return Lines(self._reply, greeting=offer + b"\n\r")

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the box; raises :class:`RackError` for one that this port cannot show."""
        _refuse(fault, Fault.ERROR_TEXT, "telnet")
        self._box.afflict(fault, present, now)

    def _reply(self, line: str, now: float) -> bytes:
        reply = self._box.command(line, now).encode()
        if Fault.TELNET_NEGOTIATION in self._box.faults:
            reply = reply[:1] + _OFFER + reply[1:]
        return reply + b"\r\n"


class MiniCircuitsHttp:
    """The box at its HTTP port (80): the path is the command, the body the reply; there is no status but 200."""

    def __init__(self, box: MiniCircuits) -> None:
        self._box = box

    def connect(self, now: float) -> Conversation:
        """A client has connected."""
        return Http(self._page)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the box; raises :class:`RackError` for one that this port cannot show."""
        _refuse(fault, Fault.TELNET_NEGOTIATION, "HTTP")
        self._box.afflict(fault, present, now)

    def _page(self, method: str, target: str, body: str, headers: dict[str, str], now: float) -> tuple[int, str]:
        if Fault.ERROR_TEXT in self._box.faults:
            return 200, "Error: request could not be processed"
        return 200, self._box.command(unquote(target).removeprefix("/"), now)
