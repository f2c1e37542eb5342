"""NF EC750SA and its kin (rack-instruments §1.2 to §1.4, from a public driver; its makers' tables were not readable).

``VOLT:RANG``, ``PHAS`` and ``*RST`` are refused while the output is on. ``PHAS`` is the angle at which the output comes
on, which the world does not look at. Sequences can be run and asked for, but no command to write their steps is known,
so there is nothing to run. By memory, unverified: error numbers of the refusals, STAT:QUES:COND, SYST:REM.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from protocols.scpi.device import Call, Command
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import boolean, nr1, nr2, word
from twins.rack.instruments import ac_source
from twins.rack.instruments.ac_source import AcSource
from twins.rack.instruments.scpi import numeric, switch, within

_RANGES: Final = (100.0, 200.0)
_STEPS = 255


class NfEc(AcSource):
    """A single-phase EC."""

    def dialect(self) -> Iterable[tuple[str, Command]]:
        """Headers of this instrument."""
        self._step, self._start_angle, self._power_on = 1.0, 0.0, False
        measured = {
            "VOLTage": ac_source.volts,
            "CURRent": ac_source.amps,
            "FREQuency": ac_source.hertz,
            "POWer:AC[:REAL]": ac_source.watts,
            "POWer:AC:APParent": ac_source.volt_amps,
            "POWer:AC:REACtive": ac_source.vars_,
            "POWer:AC:PFACtor": ac_source.power_factor,
        }
        return [
            ("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self.volts_command()),
            ("[SOURce:]VOLTage:RANGe", self._range()),
            ("[SOURce:]VOLTage:LIMit:HIGH", self.volts_limit_command()),
            ("[SOURce:]FREQuency[:IMMediate]", self.hertz_command()),
            ("[SOURce:]FREQuency:LIMit:LOW", self.hertz_limit_command(0)),
            ("[SOURce:]FREQuency:LIMit:HIGH", self.hertz_limit_command(1)),
            ("[SOURce:]PHASe[:IMMediate]", self._phase()),
            ("[SOURce:]CURRent:LIMit:RMS", self.amps_command()),
            *self.measurements(measured, fetch=False),
            ("SYSTem:WRELease", Command(set=self._release)),
            ("SYSTem:PON", switch(lambda: self._power_on, self._set_power_on)),
            ("SYSTem:REMote", Command(set=self._remote, in_local=True)),
            ("[SOURce:]SEQuence:STEP", self._edit_pointer()),
            ("[SOURce:]SEQuence:CONDition", Command(query=lambda call: "0")),
            ("[SOURce:]SEQuence:CSTep", Command(query=lambda call: "-1")),
            ("[SOURce:]PROGram:EXECute", Command(set=self._execute)),
        ]

    def show(self, value: float) -> str:
        """Numbers with a fixed point."""
        return nr2(value, 2)

    def reset(self, now: float) -> None:
        """Refused while the output is on."""
        self._only_off("*RST")
        super().reset(now)

    def _only_off(self, what: str) -> None:
        if self.commanded:
            raise ScpiError(-221, f"{what} while the output is on")

    def _range(self) -> Command:
        def put(value: float) -> None:
            self._only_off("range")
            if value not in _RANGES:
                raise ScpiError(-224, f"{value:g}")
            self.set_range(self.rating.ranges[_RANGES.index(value)].volts)

        return numeric("V", lambda: _RANGES, lambda: _RANGES[self.settings.reach], put, nr1)

    def _phase(self) -> Command:
        def put(value: float) -> None:
            self._only_off("start phase")
            self._start_angle = within(value, 0, 359.9)

        return numeric("DEG", lambda: (0.0, 359.9), lambda: self._start_angle, put, self.show)

    def _edit_pointer(self) -> Command:
        def put(value: float) -> None:
            self._step = value

        return numeric("", lambda: (1, _STEPS), lambda: self._step, put, nr1)

    def _execute(self, call: Call) -> None:
        word(call.one(), ("STARt", "STOP", "HOLD", "BRANCH0", "BRANCH1"))
        if not self.commanded:
            raise ScpiError(-221, "output is off")

    def _release(self, call: Call) -> None:
        if boolean(call.one()):
            self.clear_protection(call)

    def _set_power_on(self, on: bool, now: float) -> None:
        self._power_on = on

    def _remote(self, call: Call) -> None:
        self.local = False
