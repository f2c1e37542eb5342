"""Keysight 6811 to 6843 and AC6800, here three phases (rack-instruments §1.2 to §1.4, §8).

From guides and public drivers: ``INST:COUP``, ``INST:NSEL``, modes FIX and LIST by function, lists of equal length or
length 1 (found out at INIT), slews, ``TRIG:TRAN:SOUR``, ``INIT``, ``ABOR``, coupled commands, ``OUTP:PROT:CLE`` that
gives the output back (said of the DC families, assumed here). By memory, unverified: the 6834B as a three-phase model
with ``PHAS``, ``STAT:OPER:COND?`` with bit 3 while a transient runs, that the last point stands afterwards, and the
watchdog (``OUTP:PROT:WDOG`` of the DC families; the AC6800B has one, its words were not seen), its questionable bit 14
too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from protocols.scpi.device import Call, Command
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import INFINITY, nr1, number, word
from twins.rack.instruments import ac_source
from twins.rack.instruments.ac_source import AcSource
from twins.rack.instruments.lists import Track, pieces
from twins.rack.instruments.scpi import numbers, numeric, switch
from twins.rack.world.circuit import State

WATCHDOG: Final = 1 << 14
_TRANSIENT_RUNS = 1 << 3
_COUNT_MOST = 2e8


class Keysight68(AcSource):
    """A 6834B."""

    coupled = True
    clear_restores = True

    def dialect(self) -> Iterable[tuple[str, Command]]:
        """Headers of this instrument."""
        self._watch, self._watch_s, self._heard = False, 60.0, -math.inf
        self._count = 1.0
        self._modes = {"volts": "FIXed", "hertz": "FIXed"}
        self._lists: dict[tuple[str, int], list[float]] = {}
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
            ("INSTrument:COUPle", Command(self._couple, lambda call: "ALL" if len(self.selected) > 1 else "NONE")),
            ("INSTrument:NSELect", Command(self._select, lambda call: nr1(self.selected[0] + 1))),
            ("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self.volts_command()),
            ("[SOURce:]VOLTage:RANGe", self.range_command()),
            ("[SOURce:]VOLTage:MODE", self._mode("volts")),
            ("[SOURce:]VOLTage:SLEW:MODE", self._mode("volts slew")),
            ("[SOURce:]FREQuency[:CW][:IMMediate]", self.hertz_command()),
            ("[SOURce:]FREQuency:MODE", self._mode("hertz")),
            ("[SOURce:]FREQuency:SLEW:MODE", self._mode("hertz slew")),
            ("[SOURce:]PHASe[:IMMediate]", self.angle_command()),
            ("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", self.amps_command()),
            *self.measurements(measured),
            ("[SOURce:]LIST:VOLTage[:LEVel]", self._list("volts", "V", 0, top)),
            ("[SOURce:]LIST:VOLTage:SLEW", self._list("volts slew", "", 0, INFINITY)),
            ("[SOURce:]LIST:FREQuency[:LEVel]", self._list("hertz", "HZ", *hertz)),
            ("[SOURce:]LIST:FREQuency:SLEW", self._list("hertz slew", "", 0, INFINITY)),
            ("[SOURce:]LIST:DWELl", self._list("dwell", "S", 1e-4, 1e6)),
            ("[SOURce:]LIST:STEP", Command(set=self._step)),
            ("[SOURce:]LIST:COUNt", numeric("", lambda: (1, _COUNT_MOST), lambda: self._count, self._set_count, nr1)),
            ("TRIGger:TRANsient:SOURce", Command(set=self._trigger_source)),
            ("INITiate[:IMMediate][:TRANsient]", Command(set=self._start)),
            ("ABORt", Command(set=lambda call: self.world.stop(call.now))),
            ("STATus:OPERation:CONDition", Command(query=self._operation)),
            ("OUTPut:PROTection:CLEar", Command(set=self.clear_protection)),
            ("OUTPut:PROTection:WDOG[:STATe]", switch(lambda: self._watch, self._set_watch)),
            (
                "OUTPut:PROTection:WDOG:DELay",
                numeric("S", lambda: (1, 3600), lambda: self._watch_s, self._set_watch_s, self.show),
            ),
            ("SYSTem:REMote", Command(set=self._remote, in_local=True)),
        ]

    def handle(self, message: str, now: float) -> tuple[str | None, float]:
        """Whatever is said feeds the watchdog."""
        self.world.advance(now)
        self._heard = now
        return super().handle(message, now)

    def reset(self, now: float) -> None:
        """All phases together, functions fixed, watchdog off."""
        super().reset(now)
        self.selected = list(range(self.rating.phases))
        self._watch, self._count = False, 1.0
        self._modes = dict.fromkeys(self._modes, "FIXed")
        self._lists.clear()

    def _couple(self, call: Call) -> None:
        every = word(call.one(), ("ALL", "NONE")) == "ALL"
        self.selected = list(range(self.rating.phases)) if every else [0]

    def _select(self, call: Call) -> None:
        place = round(number(call.one()))
        if not 1 <= place <= self.rating.phases:
            raise ScpiError(-222, f"phase {place}")
        self.selected = [place - 1]

    def _mode(self, what: str) -> Command:
        def put(call: Call) -> None:
            mode = word(call.one(), ("FIXed", "STEP", "PULSe", "LIST"))
            if mode in ("STEP", "PULSe"):
                raise ScpiError(-221, f"mode {mode} is not modelled")
            self._modes[what] = mode

        return Command(put, lambda call: self._modes.get(what, "FIXed").upper()[:4].rstrip("E"))

    def _list(self, name: str, unit: str, low: float, high: float) -> Command:
        def put(call: Call) -> None:
            values = numbers(call, unit, low, high, self.rating.points)
            for phase in self.selected:
                self._lists[name, phase] = values

        def query(call: Call) -> str:
            return ",".join(self.show(value) for value in self._lists.get((name, self.selected[0]), ()))

        return Command(put, query)

    def _set_count(self, value: float) -> None:
        self._count = value

    def _step(self, call: Call) -> None:
        if word(call.one(), ("AUTO", "ONCE")) != "AUTO":
            raise ScpiError(-221, "triggered steps are not modelled")

    def _trigger_source(self, call: Call) -> None:
        if word(call.one(), ("IMMediate", "BUS")) != "IMMediate":
            raise ScpiError(-221, "bus triggers are not modelled")

    def _start(self, call: Call) -> None:
        phases = range(self.world.spec.phases)
        before = self.point(self.settings.volts, self.settings.hertz)
        volts = [self._track("volts", phase, before.volts[phase]) for phase in phases]
        if max(max(track.targets) for track in volts) > self.rating.ranges[self.settings.reach].volts:
            raise ScpiError(-222, "a voltage of the list is above its range")
        made = pieces(before, volts, self._track("hertz", 0, before.hertz), self._lists.get(("dwell", 0), [1.0]))
        self.play(made, self._count, call.now)

    def _track(self, name: str, phase: int, fixed: float) -> Track:
        """The list of one quantity, if its mode is LIST, else the value in force."""
        if self._modes.get(name) != "LIST":
            return Track([fixed], [math.inf])
        slews = self._lists.get((f"{name} slew", phase), [INFINITY])
        listed = self._modes.get(f"{name} slew") == "LIST"
        return Track(
            self._lists.get((name, phase), [fixed]),
            [math.inf if slew >= INFINITY else slew for slew in slews] if listed else [math.inf],
        )

    def _operation(self, call: Call) -> str:
        return nr1(0 if self.world.output.progress(call.now) is None else _TRANSIENT_RUNS)

    def _set_watch(self, on: bool, now: float) -> None:
        self._watch = on

    def _set_watch_s(self, value: float) -> None:
        self._watch_s = value

    def _remote(self, call: Call) -> None:
        self.local = False

    def until(self, state: State, now: float) -> float:
        """Until a protection trips."""
        bites = self._heard + self.in_world(self._watch_s) if self._watch and not self.tripped else math.inf
        return min(super().until(state, now), bites)

    def live(self, state: State, start: float, end: float) -> None:
        """Trip when nobody has spoken for too long."""
        super().live(state, start, end)
        if self._watch and not self.tripped and end - self._heard >= self.in_world(self._watch_s) - 1e-6:
            self.trip(WATCHDOG)

    def clear_protection(self, call: Call) -> None:
        """Release the watchdog too; the output comes back if it was on."""
        self.questionable &= ~WATCHDOG
        super().clear_protection(call)
