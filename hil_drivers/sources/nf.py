"""NF EC750SA and its kin (DP, KP, ES are said to be alike), single phase.

::

    - id: source-1
      driver: nf-ec
      address: TCPIP::192.168.10.12::5025::SOCKET
      settings: {model: EC750SA}

The words come from a public third-party driver (rack-instruments §1.2, §1.3); which transport a unit has is its own.
``*RST`` and a change of range are refused while the output is on, so this driver sends no ``*RST`` and changes ranges
only when off. No command to write the steps of a sequence is known: segments are refused. By memory, **unverified**:
STAT:QUES:COND, SYST:REM, MEAS:FREQ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hil_drivers.errors import UnsupportedError
from hil_drivers.source import PlayState, Progress, Segment, Setting, SourceCan, SourceReading
from hil_drivers.sources.scpi_source import ScpiSource

_STATES = (PlayState.IDLE, PlayState.RUNNING, PlayState.HELD)


class NfEc(ScpiSource):
    """An NF EC."""

    dialect: ClassVar[str] = "nf-ec"
    family: ClassVar[str] = r"(?i)^NF\b.*,(EC|DP|KP|ES)"
    can: ClassVar[frozenset[SourceCan]] = frozenset({SourceCan.CURRENT_LIMIT})

    def words_for(self, setting: Setting, reach: float | None) -> list[str]:
        """Down to 0 V before another range."""
        lines = [] if reach is None else ["VOLT 0", f"VOLT:RANG {reach:g}"]
        lines += [f"FREQ {setting.hertz:g}", f"VOLT {setting.phases[0].volts:.1f}"]
        if setting.current_limit_a is not None:
            lines.append(f"CURR:LIM:RMS {setting.current_limit_a:.2f}")
        return lines

    def shown(self, setting: Setting) -> list[tuple[str, float]]:
        """Voltage, frequency, current limit."""
        queries = [("VOLT?", round(setting.phases[0].volts, 1)), ("FREQ?", setting.hertz)]
        return queries + ([("CURR:LIM:RMS?", setting.current_limit_a)] if setting.current_limit_a is not None else [])

    def words_to_play(self, segments: Sequence[Segment], repeat: int, before: Setting) -> list[str]:
        """Refused."""
        raise UnsupportedError("how the steps of an NF sequence are written is not known")

    def words_to_abort(self) -> list[str]:
        """Stop a sequence that somebody began at the panel; refused, without harm, while the output is off."""
        return ["PROG:EXEC STOP"]

    def abort(self) -> None:
        """Stop a sequence; there is none while the output is off."""
        if self.is_on():
            super().abort()

    def word_to_clear(self) -> str:
        """NF releases warnings."""
        return "SYST:WREL 1"

    def ask_progress(self) -> Progress:
        """Condition and step of a sequence from the panel."""
        state = self.session.query("SEQ:COND?", lambda answer: _STATES[int(answer)])
        step = self.session.query("SEQ:CST?", int)
        return Progress(state, step if step >= 0 else None)

    def measure(self) -> SourceReading:
        """Four measurements, one after the other: they are not of the same moment."""
        volts, amps, watts, hertz = (self.ask(f"MEAS:{what}?") for what in ("VOLT", "CURR", "POW:AC", "FREQ"))
        return SourceReading((volts,), (amps,), (watts,), hertz)
