"""Chroma 61500 and 61600, single phase (rack-instruments §1.2 to §1.4).

From its manuals: maker and model in one field of ``*IDN?``, NR2 replies, coupled commands that take effect at the end
of their message, about 7 s of deafness after ``*RST``, ``OUTP:MODE``, ``TRIG ON|OFF`` with ``TRIG:STATE?``, lists with
start and end of every point. By memory, unverified: list times in ms, ``LIST:COUN 0`` for ever, at most 100 points,
OUTP:PROT:CLE, STAT:QUES:COND, SYST:REM, and that the last point stands when a list is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from protocols.scpi.device import Call, Command
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import nr1, nr2, word
from twins.rack.instruments import ac_source
from twins.rack.instruments.ac_source import AcSource
from twins.rack.instruments.scpi import numbers, numeric, within
from twins.rack.world.output import Piece

_MODES = ("FIXED", "LIST", "PULSE", "STEP", "SYNTH", "INTERHAR")
_DWELL_MS_MOST = 99_999_999


class Chroma615(AcSource):
    """A single-phase 61500."""

    coupled = True

    def dialect(self) -> Iterable[tuple[str, Command]]:
        """Headers of this instrument."""
        self._mode, self._count, self._delay, self._triggered = "FIXED", 1.0, 0.0, False
        self._lists: dict[str, list[float]] = {}
        measured = {
            "VOLTage:AC": ac_source.volts,
            "CURRent:AC": ac_source.amps,
            "FREQuency": ac_source.hertz,
            "POWer:AC[:REAL]": ac_source.watts,
            "POWer:AC:APParent": ac_source.volt_amps,
            "POWer:AC:REACtive": ac_source.vars_,
            "POWer:AC:PFACtor": ac_source.power_factor,
        }
        top, hertz = self.rating.ranges[-1].volts, self.rating.hertz
        return [
            ("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]:AC", self.volts_command()),
            ("[SOURce:]VOLTage:RANGe", self.range_command()),
            ("[SOURce:]VOLTage:LIMit:AC", self.volts_limit_command()),
            ("[SOURce:]FREQuency[:IMMediate]", self.hertz_command()),
            ("[SOURce:]CURRent:LIMit", self.amps_command()),
            ("[SOURce:]CURRent:DELay", numeric("", lambda: (0, 5), lambda: self._delay, self._set_delay, nr1)),
            *self.measurements(measured),
            ("OUTPut:MODE", Command(self._set_mode, lambda call: self._mode)),
            ("OUTPut:PROTection:CLEar", Command(set=self.clear_protection)),
            ("[SOURce:]LIST:BASE", Command(set=self._base)),
            ("[SOURce:]LIST:TRIGger", Command(set=self._list_trigger)),
            ("[SOURce:]LIST:COUNt", numeric("", lambda: (0, 65535), lambda: self._count, self._set_count, nr1)),
            ("[SOURce:]LIST:DWELl", self._list("dwell", "", 0.1, _DWELL_MS_MOST)),
            ("[SOURce:]LIST:SHAPe", Command(set=lambda call: None)),
            ("[SOURce:]LIST:VOLTage:AC:STARt", self._list("volts from", "V", 0, top)),
            ("[SOURce:]LIST:VOLTage:AC:END", self._list("volts to", "V", 0, top)),
            ("[SOURce:]LIST:FREQuency:STARt", self._list("hertz from", "HZ", *hertz)),
            ("[SOURce:]LIST:FREQuency:END", self._list("hertz to", "HZ", *hertz)),
            ("TRIGger", Command(set=self._trigger)),
            ("TRIGger:STATE", Command(query=self._trigger_state)),
            ("SYSTem:REMote", Command(set=self._remote, in_local=True)),
        ]

    def show(self, value: float) -> str:
        """NR2."""
        return nr2(value)

    def reset(self, now: float) -> None:
        """Fixed mode, no lists."""
        super().reset(now)
        self._mode, self._count, self._triggered = "FIXED", 1.0, False
        self._lists.clear()

    def _list(self, name: str, unit: str, low: float, high: float) -> Command:
        def put(call: Call) -> None:
            self._only_in_fixed()
            self._lists[name] = numbers(call, unit, low, high, self.rating.points)

        return Command(put, lambda call: ",".join(self.show(value) for value in self._lists.get(name, ())))

    def _only_in_fixed(self) -> None:
        """Lists are edited in fixed mode with the trigger off; the manual's order."""
        if self._mode != "FIXED":
            raise ScpiError(-221, f"output mode is {self._mode}")

    def _set_mode(self, call: Call) -> None:
        mode = call.one().upper()
        if mode not in _MODES:
            raise ScpiError(-224, mode)
        if mode not in ("FIXED", "LIST"):
            raise ScpiError(-221, f"mode {mode} is not modelled")
        if self._triggered and self.world.output.progress(call.now) is not None:
            raise ScpiError(-221, "trigger is on")
        self._mode = mode
        if mode == "FIXED":
            self.world.stop(call.now)

    def _set_count(self, value: float) -> None:
        self._only_in_fixed()
        self._count = value

    def _set_delay(self, value: float) -> None:
        self._delay = value

    def _base(self, call: Call) -> None:
        if word(call.one(), ("TIME", "CYCLe")) != "TIME":
            raise ScpiError(-221, "lists in cycles are not modelled")

    def _list_trigger(self, call: Call) -> None:
        if word(call.one(), ("AUTO", "MANUal")) != "AUTO":
            raise ScpiError(-221, "manual steps are not modelled")

    def _trigger(self, call: Call) -> None:
        on = call.one().upper()
        if on not in ("ON", "OFF"):
            raise ScpiError(-224, on)
        if on == "OFF":
            self._triggered = False
            self.world.stop(call.now)
            return
        if self._mode != "LIST" or not self.commanded:
            raise ScpiError(-221, "no list mode, or output is off")
        self.play(self._pieces(), self._count or math.inf, call.now)
        self._triggered = True

    def _pieces(self) -> list[Piece]:
        names = ("dwell", "volts from", "volts to", "hertz from", "hertz to")
        columns = [self._lists.get(name, []) for name in names]
        if not columns[0] or len({len(column) for column in columns}) > 1:
            raise ScpiError(-226)
        highest = self.rating.ranges[self.settings.reach].volts
        return [
            Piece(
                self.point([within(volts_from, 0, highest)], hertz_from),
                self.point([within(volts_to, 0, highest)], hertz_to),
                dwell / 1000,
            )
            for dwell, volts_from, volts_to, hertz_from, hertz_to in zip(*columns, strict=True)
        ]

    def _trigger_state(self, call: Call) -> str:
        return "OFF" if self.world.output.progress(call.now) is None else "RUNNING"

    def _remote(self, call: Call) -> None:
        self.local = False
