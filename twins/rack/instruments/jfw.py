"""JFW programmable attenuator boxes (50PA, 50PMA): commands as lines over TCP, and lines that nobody asked for.

From a laboratory's notes (``rack-instruments`` §2.2, third-party): ``SA 1 10, 2 20`` sets, ``SA -MTR 1,3`` sets to the
maximum and reports with a time stamp, ``FA 5 127 0 1S STEP 2`` fades and says ``Fade Started``, later ``Fade Finished``
by itself; a report line is ``Atten #1 = 127dB``. From memory there: ``RA n`` and ``RAA`` read, ``SAA db`` sets all.
Our own choice, not verified: that every setting is reported by such a line without a time stamp, ``*IDN?`` and its
answer, the wording of refusals, whole dB only, and that every client hears the end of a fade.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from weakref import WeakSet

from protocols.slots import jst
from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.instruments.texts import Lines
from twins.rack.world.radio import Port, RadioWorld

FAULTS = frozenset({Fault.STUCK_RELAY, Fault.WRONG_IDENTITY, Fault.REFUSES_SETTING, Fault.UNKNOWN_COMMAND})
"""What it can have."""

_FADE = re.compile(r"FA (\d+) (\d+) (\d+) (\d{1,6})(S|MS) STEP (\d{1,6})")
_PAIR = re.compile(r"(\d+) (\d+)")
_TO_MAXIMUM = "SA -MTR "
_END = "\r\n"


class _RefusedError(RackError):
    """What the box says to a command it does not carry out."""


@dataclass(slots=True)
class _Fade:
    """Still to go: the next step at ``at``, of ``step`` dB every ``pause`` s, until ``last`` dB."""

    channel: int
    db: int
    last: int
    step: int
    pause: float
    at: float


class Jfw:
    """One box named ``name`` in the world's paths, all channels at ``max_db`` when it is switched on."""

    def __init__(
        self,
        name: str,
        world: RadioWorld,
        now: float,
        *,
        model: str = "50PA-1001",
        channels: int = 8,
        max_db: int = 127,
    ) -> None:
        self.channels, self.max_db = channels, max_db
        self.faults: set[Fault] = set()
        self._name, self._world, self._model = name, world, model
        self._db = [max_db] * channels
        self._fades: dict[int, _Fade] = {}
        self._listeners: WeakSet[_JfwConversation] = WeakSet()
        for channel in range(1, channels + 1):
            self._put(channel, max_db, now)

    def connect(self, now: float) -> Conversation:
        """A client has connected."""
        conversation = _JfwConversation(self)
        self._listeners.add(conversation)
        return conversation

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault; raises :class:`RackError` for one it cannot have."""
        if fault not in FAULTS:
            raise RackError(f"{self._name}: this attenuator cannot have the fault {fault}")
        (self.faults.add if present else self.faults.discard)(fault)

    def command(self, text: str, now: float) -> str:
        """The reply to one command, each line of it with its end."""
        self.advance(now)
        command = " ".join(text.upper().split())
        try:
            lines = self._do(command, now)
        except _RefusedError as error:
            lines = [str(error)]
        return "".join(line + _END for line in lines)

    def _do(self, command: str, now: float) -> list[str]:
        word, _, rest = command.partition(" ")
        if word == "*IDN?":
            model = "50MS-302" if Fault.WRONG_IDENTITY in self.faults else self._model
            return [f"JFW Industries, {model}, 3.1.0"]
        if Fault.UNKNOWN_COMMAND in self.faults:
            raise _RefusedError("Unknown Command")
        if command.startswith(_TO_MAXIMUM):
            stamp = jst(now).strftime("[%H:%M:%S] ")
            channels = [self._channel(word.strip()) for word in command.removeprefix(_TO_MAXIMUM).split(",")]
            return [stamp + line for line in self._set(dict.fromkeys(channels, self.max_db), now)]
        if word == "SA":
            pairs = [_PAIR.fullmatch(part.strip()) for part in rest.split(",")]
            return self._set({self._channel(p[1]): self._level(p[2]) for p in map(_found, pairs)}, now)
        if word == "SAA":
            return self._set(dict.fromkeys(range(1, self.channels + 1), self._level(rest)), now)
        if word == "RA":
            return [self._report(self._channel(rest))]
        if command == "RAA":
            return [self._report(channel) for channel in range(1, self.channels + 1)]
        if word == "FA":
            return self._fade(_found(_FADE.fullmatch(command)), now)
        raise _RefusedError("Unknown Command")

    def _channel(self, text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= self.channels:
            raise _RefusedError("Invalid Attenuator")
        return int(text)

    def _level(self, text: str) -> int:
        if not text.isdecimal() or int(text) > self.max_db or Fault.REFUSES_SETTING in self.faults:
            raise _RefusedError("Invalid Attenuation")
        return int(text)

    def _set(self, wanted: dict[int, int], now: float) -> list[str]:
        if Fault.REFUSES_SETTING in self.faults:
            raise _RefusedError("Invalid Attenuation")
        for channel, db in wanted.items():
            self._fades.pop(channel, None)
            self._put(channel, db, now)
        return [self._report(channel) for channel in wanted]

    def _report(self, channel: int) -> str:
        return f"Atten #{channel} = {self._db[channel - 1]}dB"

    def _put(self, channel: int, db: int, now: float) -> None:
        if Fault.STUCK_RELAY not in self.faults:
            self._db[channel - 1] = db
            self._world.attenuate(Port(self._name, channel), db, now)

    # --- fades -----------------------------------------------------------------------------------------------------

    def _fade(self, found: re.Match[str], now: float) -> list[str]:
        channel, first, last = self._channel(found[1]), self._level(found[2]), self._level(found[3])
        pause, step = int(found[4]) / (1000 if found[5] == "MS" else 1), int(found[6])
        if not pause or not step:
            raise _RefusedError("Invalid Fade")
        self._put(channel, first, now)
        self._fades[channel] = _Fade(channel, first, last, step, pause, now + pause)
        return ["Fade Started"]

    def advance(self, now: float) -> None:
        """Let fades go on, and tell every client of those that are over."""
        for fade in list(self._fades.values()):
            while fade.at <= now and fade.db != fade.last:
                gap = fade.last - fade.db
                fade.db += max(-fade.step, min(fade.step, gap))
                self._put(fade.channel, fade.db, fade.at)
                fade.at += fade.pause
            if fade.db == fade.last:
                del self._fades[fade.channel]
                for listener in self._listeners:
                    listener.tell("Fade Finished" + _END)

    @property
    def next_step(self) -> float | None:
        """When a fade goes on; None while there is none."""
        return min((fade.at for fade in self._fades.values()), default=None)


class _JfwConversation(Lines):
    def __init__(self, box: Jfw) -> None:
        super().__init__(lambda line, now: box.command(line, now).encode())
        self._box = box

    def take(self, now: float) -> bytes:
        self._box.advance(now)
        return super().take(now)

    def due(self) -> float | None:
        return self._box.next_step

    def tell(self, text: str) -> None:
        self._out += text.encode()


def _found(match: re.Match[str] | None) -> re.Match[str]:
    if match is None:
        raise _RefusedError("Invalid Parameter")
    return match
