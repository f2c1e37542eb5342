"""Kikusui PCR-LE/LE2/M as it answers on its SCPI-RAW port (rack-instruments §1.2 to §1.4).

From its manual: replies in NR3, booleans 1 and 0, units accepted (``100V``, ``50HZ``, ``10S``), MIN and MAX, lines of
at most 128 characters, 110 ms a measurement, the fields of ``PROG:EDIT``, a state query that tells STOP/RUN/PAUSE,
elapsed time, loop and step. By memory, unverified: the headers VOLT, VOLT:RANG, FREQ, CURR, OUTP:PROT:CLE, and those
that start, stop and ask for a programme (here ``INITiate:SEQuence5``, ``ABORt``, ``PROGram:STATe?``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.scpi.device import Call, Command
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import boolean, nr1, nr3, number, word
from twins.rack.instruments import ac_source
from twins.rack.instruments.ac_source import AcSource
from twins.rack.instruments.scpi import numeric, within
from twins.rack.world.output import Piece, Point

_FIELDS = 13
_LOOPS_MOST = 99_999


@dataclass(slots=True)
class _Step:
    hertz_ramps: bool
    hertz: float
    volts_ramp: bool
    volts: float
    seconds: float
    on: bool


class KikusuiPcr(AcSource):
    """A single-phase PCR."""

    def dialect(self) -> Iterable[tuple[str, Command]]:
        """Headers of this instrument."""
        self._steps: dict[int, _Step] = {}
        self._first, self._last, self._loops = 1.0, 1.0, 1.0
        measured = {
            "VOLTage:AC": ac_source.volts,
            "CURRent:AC": ac_source.amps,
            "FREQuency": ac_source.hertz,
            "POWer:AC[:REAL]": ac_source.watts,
            "POWer:AC:APParent": ac_source.volt_amps,
            "POWer:AC:REACtive": ac_source.vars_,
            "POWer:AC:PFACtor": ac_source.power_factor,
        }
        return [
            ("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self.volts_command()),
            ("[SOURce:]VOLTage:RANGe", self.range_command()),
            ("[SOURce:]VOLTage:LIMit:UPPer", self.volts_limit_command()),
            ("[SOURce:]FREQuency[:CW][:IMMediate]", self.hertz_command()),
            ("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", self.amps_command()),
            *self.measurements(measured),
            ("OUTPut:PROTection:CLEar", Command(set=self.clear_protection)),
            ("[SOURce:]PROGram:EDIT", Command(set=self._edit)),
            ("[SOURce:]PROGram:CLEar", Command(set=lambda call: self._steps.clear())),
            ("[SOURce:]PROGram:STEP:STARt", self._whole("_first", 1, self.rating.points)),
            ("[SOURce:]PROGram:STEP:END", self._whole("_last", 1, self.rating.points)),
            ("[SOURce:]PROGram:LOOP", self._whole("_loops", 1, _LOOPS_MOST)),
            ("[SOURce:]PROGram:STATe", Command(query=self._state)),
            ("INITiate[:IMMediate]:SEQuence5", Command(set=self._start)),
            ("ABORt", Command(set=lambda call: self.world.stop(call.now))),
            ("SYSTem:COMMunicate:RLSTate", Command(set=self._remote_or_local, in_local=True)),
        ]

    def _whole(self, field: str, low: int, high: int) -> Command:
        return numeric(
            "", lambda: (low, high), lambda: getattr(self, field), lambda value: setattr(self, field, value), nr1
        )

    def _edit(self, call: Call) -> None:
        """``step, f ramp, f, vac ramp, vac, vdc ramp, vdc, time, bank, status out, trig out, trig in, output on``."""
        field = call.exactly(_FIELDS)
        step = int(within(number(field[0]), 1, self.rating.points))
        if number(field[6], "V") != 0 or boolean(field[5]):
            raise ScpiError(-221, "direct voltage is not modelled")
        self._steps[step] = _Step(
            boolean(field[1]),
            within(number(field[2], "HZ"), *self.rating.hertz),
            boolean(field[3]),
            within(number(field[4], "V"), 0, self.rating.ranges[self.settings.reach].volts),
            within(number(field[7], "S"), 0.0001, 3.6e6),
            boolean(field[12]),
        )

    def _start(self, call: Call) -> None:
        if not self.commanded:
            raise ScpiError(-221, "output is off")
        before = self.point(self.settings.volts, self.settings.hertz)
        pieces = []
        for place in range(int(self._first), int(self._last) + 1):
            if place not in self._steps:
                raise ScpiError(-221, f"step {place} is empty")
            step = self._steps[place]
            there = self.point([step.volts if step.on else 0.0], step.hertz)
            begin = Point(
                before.volts if step.volts_ramp else there.volts,
                there.angles,
                before.hertz if step.hertz_ramps else there.hertz,
            )
            pieces.append(Piece(begin, there, step.seconds))
            before = there
        self.play(pieces, self._loops, call.now)

    def _state(self, call: Call) -> str:
        where = self.world.output.progress(call.now)
        if where is None:
            return f"STOP,{nr3(0)},0,0"
        return f"RUN,{nr3(where.elapsed_s)},{where.round + 1},{where.piece + int(self._first)}"

    def _remote_or_local(self, call: Call) -> None:
        self.local = word(call.one(), ("LOCal", "REMote", "RWLock")) == "LOCal"
