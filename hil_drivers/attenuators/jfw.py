"""JFW programmable attenuator boxes (50PA, 50PMA) over TCP.

::

    - id: attenuator-1
      driver: jfw
      address: 192.168.10.22:3001
      channels: 8                  # the box does not say
      settings:
        max_db: 127
        model: 50PA-1001           # optional: another one is refused; otherwise the box is not asked
        timeout_s: 1.0

Source: ``rack-instruments`` §2.2, third-party notes. Not verified: ``RA``, the report line after a plain ``SA``, the
port, steps of 1 dB, ``*IDN?`` and the wording of refusals. Lines may come at any time (``Fade Finished``): they are
kept in ``events`` and never taken for an answer.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from hil_drivers.addresses import host_and_port
from hil_drivers.attenuator import AttenuatorCapabilities, Stepped, all_to_maximum
from hil_drivers.errors import AnswerError, InstrumentError
from hil_drivers.guard import DeviceIdentity, Guard, expect
from hil_drivers.lines import LineLink

PORT: Final = 3001
STEP_DB: Final = 1.0

_REPORT: Final = re.compile(r"(?:\[\d\d:\d\d:\d\d\] )?Atten #(\d+) = (\d+(?:\.\d+)?)dB")
_EVENT: Final = re.compile(r"Fade (?:Started|Finished)")
_REFUSAL: Final = re.compile(r"(?:Invalid|Unknown|Error)\b.*", re.IGNORECASE)
_STARTED: Final = "Fade Started"
_MOST_EVENTS: Final = 100


class Jfw(Stepped):
    """One box; see the module for its settings. ``events``: what it said by itself, the oldest first."""

    def __init__(
        self,
        address: str,
        *,
        channels: int = 8,
        max_db: float = 127.0,
        model: str | None = None,
        timeout_s: float = 1.0,
    ) -> None:
        host, port = host_and_port(address, PORT)
        super().__init__(f"{host}:{port}")
        self.capabilities = AttenuatorCapabilities(channels, max_db, STEP_DB)
        self.events: deque[str] = deque(maxlen=_MOST_EVENTS)
        self._link = LineLink(host, port, timeout_s)
        self._model = model
        self._guard = Guard(self._check, self._link.close)
        self._guard.meet()

    def identity(self) -> DeviceIdentity:
        """Ask it; raises :class:`~hil_drivers.errors.IdentityError` for another one than described."""
        with self._guard.turn():
            self._send("*IDN?")
            fields = [field.strip() for field in self._answer().split(",")]
            if len(fields) < 2:
                raise AnswerError(f"{self.place}: {fields[0]!r} is no identity")
            return expect(self.place, DeviceIdentity(fields[0], fields[1], firmware=fields[-1]), self._model)

    def set(self, channel: int, db: float) -> float:
        """Set a channel to the nearest step, and read it back; ends a fade of it."""
        wanted = self.nearest_step(channel, db)
        with self._guard.turn():
            self._send(f"SA {channel} {wanted:g}")
            self._reported(channel)
            reads = self.get(channel)
        return self.read_back(channel, wanted, reads)

    def get(self, channel: int) -> float:
        """What a channel is set to."""
        self.check_channel(channel)
        with self._guard.turn():
            self._send(f"RA {channel}")
            return self._reported(channel)

    def fade(self, channel: int, first_db: float, last_db: float, *, step_db: float, step_s: float) -> None:
        """Begin a fade; ``Fade Finished`` comes into ``events`` when it is over and something else is asked."""
        first, last = self.nearest_step(channel, first_db), self.nearest_step(channel, last_db)
        with self._guard.turn():
            self._send(f"FA {channel} {first:g} {last:g} {round(step_s * 1000)}MS STEP {max(1, round(step_db))}")
            answer = self._answer(event=_STARTED)
            if answer != _STARTED:
                raise AnswerError(f"{self.place} channel {channel}: {answer!r} is no answer to a fade")

    def safe(self) -> None:
        """All channels to the maximum."""
        all_to_maximum(self)

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def _check(self) -> None:
        """Without a described model, that something with the first channel answers has to do: ``*IDN?`` is unsure."""
        if self._model is None:
            self.get(1)
        else:
            self.identity()

    def _send(self, command: str) -> None:
        self.events.extend(self._link.send(command))

    def _reported(self, channel: int) -> float:
        answer = self._answer()
        found = _REPORT.fullmatch(answer)
        if found is None or int(found[1]) != channel:
            raise AnswerError(f"{self.place} channel {channel}: {answer!r} is no report of it")
        return float(found[2])

    def _answer(self, event: str | None = None) -> str:
        """The next line that nobody else caused; ``event`` is one that is an answer this time."""
        until = self._link.patience
        while _EVENT.fullmatch(line := self._link.line(until)) and line != event:
            self.events.append(line)
        if _REFUSAL.fullmatch(line):
            raise InstrumentError(f"{self.place}: {line}", ((0, line),))
        return line
