"""Kikusui PCR-LE, LE2 and M, single phase, over its SCPI-RAW port.

::

    - id: source-1
      driver: kikusui-pcr
      address: TCPIP::192.168.10.11::5025::SOCKET
      settings: {model: PCR1000LE2, timeout_s: 2.0}

From its manual (rack-instruments §1.2 to §1.4): OUTP, MEAS, the fields of ``PROG:EDIT``, ``PROG:STEP:STAR``,
``PROG:LOOP``, lines of at most 128 characters. By memory, **unverified**: VOLT, VOLT:RANG, FREQ, CURR, OUTP:PROT:CLE,
STAT:QUES:COND, and the words that begin, end and ask for a programme (``INIT:SEQ5``, ``ABOR``, ``PROG:STAT?``).
Programmes need an LE or LE2. Whether a programme that has ended is left by ``ABOR`` alone is not verified either: the
PCR has no word for a fixed mode that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hil_drivers.source import PlayState, Progress, Segment, Setting, SourceCan, SourceReading
from hil_drivers.sources.scpi_source import ScpiSource

_STATES = {"STOP": PlayState.IDLE, "RUN": PlayState.RUNNING, "PAUSE": PlayState.HELD}


class KikusuiPcr(ScpiSource):
    """A Kikusui PCR."""

    dialect: ClassVar[str] = "kikusui-pcr"
    family: ClassVar[str] = r"(?i)^KIKUSUI, ?PCR"
    can: ClassVar[frozenset[SourceCan]] = frozenset({SourceCan.CURRENT_LIMIT, SourceCan.SEGMENTS, SourceCan.RAMPS})

    def words_for(self, setting: Setting, reach: float | None) -> list[str]:
        """Down to 0 V before another range: a voltage above the range is refused."""
        lines = [] if reach is None else [f"VOLT 0;:VOLT:RANG {reach:g}"]
        lines += [f"FREQ {setting.hertz:g}", f"VOLT {setting.phases[0].volts:.2f}"]
        if setting.current_limit_a is not None:
            lines.append(f"CURR {setting.current_limit_a:.2f}")
        return lines

    def shown(self, setting: Setting) -> list[tuple[str, float]]:
        """Voltage, frequency, current limit."""
        queries = [("VOLT?", setting.phases[0].volts), ("FREQ?", setting.hertz)]
        return queries + ([("CURR?", setting.current_limit_a)] if setting.current_limit_a is not None else [])

    def words_to_play(self, segments: Sequence[Segment], repeat: int, before: Setting) -> list[str]:
        """One ``PROG:EDIT`` a segment: its ramps begin where the step before ended, as ours do."""
        lines = [
            f"PROG:EDIT {step},{_switch(part.ramp)},{part.setting.hertz:g}HZ,{_switch(part.ramp)},"
            f"{part.setting.phases[0].volts:.2f}V,OFF,0V,{part.seconds:.4f}S,0,OFF,OFF,OFF,ON"
            for step, part in enumerate(segments, 1)
        ]
        return [*lines, f"PROG:STEP:STAR 1;END {len(segments)}", f"PROG:LOOP {repeat}", "INIT:SEQ5"]

    def words_to_abort(self) -> list[str]:
        """All sequences, those that have ended too."""
        return ["ABOR"]

    def words_to_take_remote(self) -> list[str]:
        """Kikusui's own word (seen on the PWR series)."""
        return ["SYST:COMM:RLST REM"]

    def ask_progress(self) -> Progress:
        """State, elapsed time, loop, step."""
        return self.session.query("PROG:STAT?", _progress)

    def measure(self) -> SourceReading:
        """One measurement, and what else was seen in it: four MEAS would be of four moments."""
        volts = self.ask("MEAS:VOLT:AC?")
        amps, watts, hertz = (self.ask(f"FETC:{what}?") for what in ("CURR:AC", "POW:AC", "FREQ"))
        return SourceReading((volts,), (amps,), (watts,), hertz)


def _switch(on: bool) -> str:
    return "ON" if on else "OFF"


def _progress(answer: str) -> Progress:
    state, elapsed, loop, step = answer.split(",")
    where = _STATES[state]
    if where is PlayState.IDLE:
        return Progress(where)
    return Progress(where, int(step), int(loop), float(elapsed))
