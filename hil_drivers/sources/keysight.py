"""Keysight (Agilent, HP) 6811 to 6843 and AC6800, one or three phases; California Instruments speaks much the same.

::

    - id: source-1
      driver: keysight-68xx
      address: TCPIP::192.168.10.14::5025::SOCKET
      settings: {model: 6834B, rating: {phases: 3, amps: 10.0}}

From guides and public drivers (rack-instruments §1.2 to §1.4, §8): INST:NSEL, coupled commands, lists with slews, INIT,
ABOR; ``OUTP:PROT:CLE`` gives the output back as it was before the fault, and a list runs on behind a tripped
protection, so everything is switched off before it is cleared. A list that has ended is left by ABOR and the modes FIX:
until then its last point may hide what is set. By memory, **unverified**: PHAS of the three-phase
models, STAT:OPER:COND bit 3, STAT:QUES:COND, SYST:REM, what stands after the last point, and the watchdog's words
(they are those of the DC families).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hil_drivers.source import PlayState, Progress, Segment, Setting, SourceCan, SourceReading
from hil_drivers.sources.scpi_source import ScpiSource, listed

_TRANSIENT_RUNS = 1 << 3
_JUMP = "9.9E37"
_SLOW = 1e-9  # a slew of 0 would never arrive; of something that does not move any slew is right


class Keysight68(ScpiSource):
    """A Keysight 68xx; a :class:`~hil_drivers.source.Watchdog` too."""

    dialect: ClassVar[str] = "keysight-68xx"
    family: ClassVar[str] = r"(?i)^(AGILENT|KEYSIGHT|HEWLETT).*,(68\d\d|AC68\d\d)"
    can: ClassVar[frozenset[SourceCan]] = frozenset(SourceCan)

    def words_for(self, setting: Setting, reach: float | None) -> list[str]:
        """All phases in one message, so that they change together."""
        words = [] if reach is None else [f":VOLT:RANG {reach:g}"]
        words.append(f":FREQ {setting.hertz:g}")
        if setting.current_limit_a is not None:
            words += [":INST:COUP ALL", f":CURR {setting.current_limit_a:.3f}"]
        for number, phase in enumerate(setting.phases, 1):
            words += [f"{self._select(number)}:VOLT {phase.volts:.2f}", f":PHAS {phase.angle_deg % 360:.1f}"]
        return [";".join(words)]

    def _select(self, number: int) -> str:
        """The words that make what follows of them hold for one phase only; single-phase models have none."""
        return f":INST:COUP NONE;NSEL {number};" if self.rating.phases > 1 else ""

    def shown(self, setting: Setting) -> list[tuple[str, float]]:
        """Voltage and angle of each phase, frequency, current limit."""
        queries = [("FREQ?", setting.hertz)]
        for number, phase in enumerate(setting.phases, 1):
            select = self._select(number)
            queries += [(f"{select}:VOLT?", phase.volts), (f"{select}:PHAS?", phase.angle_deg % 360)]
        return queries + ([("CURR?", setting.current_limit_a)] if setting.current_limit_a is not None else [])

    def words_to_play(self, segments: Sequence[Segment], repeat: int, before: Setting) -> list[str]:
        """Lists of targets; a ramp is a slew that needs just its segment's time."""
        whole = self._whole()
        lines = ["ABOR", "TRIG:TRAN:SOUR IMM", "LIST:STEP AUTO", f"LIST:COUN {repeat}", *self._modes("LIST")]
        hertz = [part.setting.hertz for part in segments]
        lines += [
            f"{whole}LIST:DWEL {listed([part.seconds for part in segments])}",
            f"LIST:FREQ {listed(hertz)};:LIST:FREQ:SLEW {_slews(segments, before.hertz, hertz)}",
        ]
        for place, phase in enumerate(before.phases):
            volts = [part.setting.phases[place].volts for part in segments]
            slews = _slews(segments, phase.volts, volts)
            lines.append(f"{self._select(place + 1)}:LIST:VOLT {listed(volts)};:LIST:VOLT:SLEW {slews}")
        return [*lines, "INIT"]

    def words_to_abort(self) -> list[str]:
        """All transients; then what is set holds, and no list."""
        return ["ABOR", *self._modes("FIX")]

    def _modes(self, mode: str) -> list[str]:
        """All that a list of ours moves, in this mode, in all phases."""
        whole = self._whole()
        return [f"{whole}{what}:MODE {mode};:{what}:SLEW:MODE {mode}" for what in ("VOLT", "FREQ")]

    def _whole(self) -> str:
        """The words that make what follows of them hold for all phases; single-phase models have none."""
        return ":INST:COUP ALL;:" if self.rating.phases > 1 else ""

    def ask_progress(self) -> Progress:
        """Running or not; points are not told."""
        status = self.session.query("STAT:OPER:COND?", int)
        return Progress(PlayState.RUNNING if status & _TRANSIENT_RUNS else PlayState.IDLE)

    def measure(self) -> SourceReading:
        """One measurement a phase, and what else was seen in it."""
        volts, amps, watts = [], [], []
        for number in range(1, self.rating.phases + 1):
            volts.append(self.ask(f"{self._select(number)}:MEAS:VOLT:AC?"))
            amps.append(self.ask("FETC:CURR:AC?"))
            watts.append(self.ask("FETC:POW:AC?"))
        return SourceReading(tuple(volts), tuple(amps), tuple(watts), self.ask("FETC:FREQ?"))

    def arm_watchdog(self, seconds: float) -> None:
        """Let the source switch off after so long a silence (whole seconds, 1 to 3600); every exchange feeds it."""
        self.session.write(f"OUTP:PROT:WDOG:DEL {max(1, round(seconds))}", "OUTP:PROT:WDOG ON")

    def disarm_watchdog(self) -> None:
        """Never mind silence."""
        self.session.write("OUTP:PROT:WDOG OFF")


def _slews(segments: Sequence[Segment], before: float, targets: Sequence[float]) -> str:
    """Slew of each segment in units a second: from where the segment before ended, within the segment's time."""
    slews = []
    for part, target in zip(segments, targets, strict=True):
        slews.append(f"{max(abs(target - before) / part.seconds, _SLOW):.6g}" if part.ramp else _JUMP)
        before = target
    return ",".join(slews)
