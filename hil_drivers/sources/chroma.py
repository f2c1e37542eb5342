"""Chroma 61500 and 61600, single phase.

::

    - id: source-1
      driver: chroma-615xx
      address: TCPIP::192.168.10.13::2101::SOCKET
      settings: {model: "61504", rating: {amps: 16.0}}

From its manuals and public drivers (rack-instruments §1.2 to §1.4): settings of one message take effect together, so
voltage and range go in one line; the order TRIG OFF, OUTP:MODE FIXED, edit, OUTP:MODE LIST, TRIG ON; lists with start
and end of every point. ``*RST`` deafens it for 7 s, so it is not used. By memory, **unverified**: list times in ms,
LIST:COUN, OUTP:PROT:CLE, STAT:QUES:COND, SYST:REM, and what stands after the last point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from hil_drivers.errors import UnsupportedError
from hil_drivers.source import PlayState, Progress, Segment, Setting, SourceCan, SourceReading
from hil_drivers.sources.scpi_source import ScpiSource, listed

_STATES: Final = {"OFF": PlayState.IDLE, "RUNNING": PlayState.RUNNING}
_REPEAT_MOST = 65_535


class Chroma615(ScpiSource):
    """A Chroma 61500."""

    dialect: ClassVar[str] = "chroma-615xx"
    family: ClassVar[str] = r"(?i)^CHROMA\b.*\b61[56]\d\d"
    can: ClassVar[frozenset[SourceCan]] = frozenset({SourceCan.CURRENT_LIMIT, SourceCan.SEGMENTS, SourceCan.RAMPS})

    def words_for(self, setting: Setting, reach: float | None) -> list[str]:
        """Voltage and range in one message, whichever way the range goes."""
        words = [] if reach is None else [f"VOLT:RANG {reach:g}"]
        words += [f":VOLT:AC {setting.phases[0].volts:.1f}", f":FREQ {setting.hertz:g}"]
        if setting.current_limit_a is not None:
            words.append(f":CURR:LIM {setting.current_limit_a:.2f}")
        return [";".join(words)]

    def shown(self, setting: Setting) -> list[tuple[str, float]]:
        """Voltage, frequency, current limit."""
        queries = [("VOLT:AC?", round(setting.phases[0].volts, 1)), ("FREQ?", setting.hertz)]
        return queries + ([("CURR:LIM?", setting.current_limit_a)] if setting.current_limit_a is not None else [])

    def words_to_play(self, segments: Sequence[Segment], repeat: int, before: Setting) -> list[str]:
        """Lists of start and end; where a ramp starts is written out, because nothing is inherited between points."""
        if repeat > _REPEAT_MOST:
            raise UnsupportedError(f"a list is played at most {_REPEAT_MOST} times")
        starts, last = [], before
        for part in segments:
            starts.append(last if part.ramp else part.setting)
            last = part.setting
        ends = [part.setting for part in segments]
        return [
            *self.words_to_abort(),
            "LIST:BASE TIME",
            "LIST:TRIG AUTO",
            f"LIST:COUN {repeat}",
            f"LIST:DWEL {listed([part.seconds * 1000 for part in segments], 1)}",
            f"LIST:VOLT:AC:STAR {listed([setting.phases[0].volts for setting in starts])}",
            f"LIST:VOLT:AC:END {listed([setting.phases[0].volts for setting in ends])}",
            f"LIST:FREQ:STAR {listed([setting.hertz for setting in starts])}",
            f"LIST:FREQ:END {listed([setting.hertz for setting in ends])}",
            "OUTP:MODE LIST",
            "TRIG ON",
        ]

    def words_to_abort(self) -> list[str]:
        """Trigger off, then fixed mode."""
        return ["TRIG OFF", "OUTP:MODE FIXED"]

    def ask_progress(self) -> Progress:
        """Running or not; points are not told."""
        return Progress(self.session.query("TRIG:STATE?", lambda answer: _STATES[answer]))

    def measure(self) -> SourceReading:
        """One measurement, and what else was seen in it."""
        volts = self.ask("MEAS:VOLT:AC?")
        amps, watts, hertz = (self.ask(f"FETC:{what}?") for what in ("CURR:AC", "POW:AC", "FREQ"))
        return SourceReading((volts,), (amps,), (watts,), hertz)
