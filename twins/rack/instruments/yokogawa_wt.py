"""Yokogawa WT (WT300, WT1600, WT3000 family) at the places' end of the cable (rack-instruments §3).

From public drivers: ``NUM:FORM``, ``NUM:NORM:NUM``, ``NUM:NORM:ITEM<n>``, ``NUM:NORM:VAL?``, functions U, I, P, S, Q,
LAMBDA, FU and WH, ``RATE``, ``INTEG:STAR|STOP|RES``, ``COMM:REM``. By memory, unverified: replies carry their headers
until ``COMM:HEAD OFF``, ``INP:VOLT:RANG:ALL`` and ``INP:CURR:RANG:ALL`` (never while it integrates), ``INF`` for what
is over its range, ``NAN`` for what does not exist, ``TIME`` as a function, ``INTEG:STAT?``, element ``SIGMA``.

Values are those of the last update; each has the instrument's own gain error and noise. Integration goes on between
updates, as the instrument's does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

from protocols.scpi.device import Call, Command, Manners
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import boolean, nr1, nr3, number, word
from twins.rack.instruments.ratings import AnalyserRating
from twins.rack.instruments.scpi import ScpiInstrument
from twins.rack.world.circuit import Phase, State
from twins.rack.world.world import World

_SIGMA: Final = 0
_ITEMS_MOST = 255
_OVER_RANGE: Final = 1.4
_FULL_SCALE: Final = {"U": 600.0, "I": 30.0, "P": 18_000.0}
_FUNCTIONS: Final = ("U", "I", "P", "S", "Q", "LAMBda", "FU", "WH", "TIME")


class YokogawaWt(ScpiInstrument):
    """A WT3000 with an element on each phase; elements without one read 0."""

    def __init__(self, rating: AnalyserRating, world: World, pace: float = 1.0) -> None:
        self.rating = rating
        self._headers, self._integrating = True, False
        self._items: dict[int, tuple[str, int]] = {1: ("WH", 1)}
        self._count = 15
        self._ranges = {"U": rating.volt_ranges[-1], "I": rating.amp_ranges[-1]}
        self._update_s = rating.update_s
        self._energy_wh = [0.0] * rating.elements
        self._integrated_s = 0.0
        super().__init__(rating.identity, self._commands(), Manners(), world, pace)
        world.add(self)

    def _commands(self) -> list[tuple[str, Command]]:
        return [
            ("COMMunicate:REMote", Command(set=self._remote, in_local=True)),
            ("COMMunicate:HEADer", Command(set=self._set_headers)),
            ("NUMeric:FORMat", Command(self._format, lambda call: self._with_header(":NUM:FORM", "ASC"))),
            ("NUMeric[:NORMal]:NUMber", Command(self._set_count, self._show_count)),
            ("NUMeric[:NORMal]:ITEM#", Command(set=self._set_item)),
            ("NUMeric[:NORMal]:VALue", Command(query=self._values)),
            ("INPut[:VOLTage]:RANGe[:ALL]", self._range("U", ":INP:VOLT:RANG:ALL", "V")),
            ("INPut:CURRent:RANGe[:ALL]", self._range("I", ":INP:CURR:RANG:ALL", "A")),
            ("RATE", Command(self._set_rate, self._show_rate)),
            ("STATus:CONDition", Command(query=lambda call: nr1(self.questionable))),
            ("INTEGrate:STARt", Command(set=self._start)),
            ("INTEGrate:STOP", Command(set=self._stop)),
            ("INTEGrate:RESet", Command(set=self._clear)),
            ("INTEGrate:STATe", Command(query=self._integration)),
        ]

    def _with_header(self, header: str, text: str) -> str:
        return f"{header} {text}" if self._headers else text

    def _remote(self, call: Call) -> None:
        self.local = not boolean(call.one())

    def _set_headers(self, call: Call) -> None:
        self._headers = boolean(call.one())

    def _format(self, call: Call) -> None:
        if word(call.one(), ("ASCii", "FLOat")) == "FLOat":
            raise ScpiError(-221, "binary values are not modelled")

    def _set_count(self, call: Call) -> None:
        self._count = self._place(round(number(call.one())))

    def _show_count(self, call: Call) -> str:
        return self._with_header(":NUM:NORM:NUM", nr1(self._count))

    def _place(self, value: int) -> int:
        if not 1 <= value <= _ITEMS_MOST:
            raise ScpiError(-222, str(value))
        return value

    def _set_item(self, call: Call) -> None:
        """``ITEM<n> function[,element]``, element 1… or SIGMA."""
        if not 1 <= len(call.arguments) <= 2:
            raise ScpiError(-109)
        function = word(call.arguments[0], _FUNCTIONS).upper()
        text = call.arguments[1] if len(call.arguments) == 2 else "1"
        element = round(number(text, words={"SIGMA": _SIGMA}))
        if not _SIGMA <= element <= self.rating.elements:
            raise ScpiError(-222, text)
        self._items[self._place(call.numbers[0])] = (function, element)

    def _range(self, name: str, header: str, unit: str) -> Command:
        """A range of all elements: one of those that there are."""

        def put(call: Call) -> None:
            value = number(call.one(), unit)
            if self._integrating:
                raise ScpiError(-221, "integration is running")
            if value not in (self.rating.volt_ranges if name == "U" else self.rating.amp_ranges):
                raise ScpiError(-222, f"{value:g}")
            self._ranges[name] = value

        return Command(put, lambda call: self._with_header(header, nr3(self._ranges[name])))

    def _over_range(self, phase: Phase) -> bool:
        seen = {"U": abs(phase.volts), "I": abs(phase.amps)}
        return any(value > _OVER_RANGE * self._ranges[name] for name, value in seen.items())

    def _set_rate(self, call: Call) -> None:
        self._update_s = number(call.one(), "S")

    def _show_rate(self, call: Call) -> str:
        return self._with_header(":RATE", nr3(self._update_s))

    def _values(self, call: Call) -> str:
        """Values of the items 1 to NUM; NAN for places without an item."""
        self.takes(call, self.rating.answer_s)
        period = self.in_world(self._update_s)
        update = math.floor(call.now / period)
        state = self.world.recent(update * period)
        return ",".join(self._value(place, state, update) for place in range(1, self._count + 1))

    def _value(self, place: int, state: State, update: int) -> str:
        if place not in self._items:
            return "NAN"
        function, element = self._items[place]
        value = self._quantity(function, element, lambda name, at: self._seen(name, at, state, update), state)
        if math.isinf(value):
            return "INF"
        return "NAN" if math.isnan(value) else nr3(value)

    def _quantity(self, function: str, element: int, seen: Callable[[str, int], float], state: State) -> float:
        """One function of one element or, by SIGMA, of all."""
        of = range(1, self.rating.elements + 1) if element == _SIGMA else (element,)
        match function:
            case "WH":
                return sum(self._energy_wh[at - 1] for at in of)
            case "TIME":
                return self._integrated_s
            case "FU":
                return state.hertz if any(seen("U", at) for at in of) else math.nan
            case "U" | "I":
                return sum(seen(function, at) for at in of) / len(of)
            case "P" | "Q":
                return sum(seen(function, at) for at in of)
            case "S":
                return sum(seen("U", at) * seen("I", at) for at in of)
        apparent = sum(seen("U", at) * seen("I", at) for at in of)
        return sum(seen("P", at) for at in of) / apparent if apparent else math.nan

    def _seen(self, name: str, element: int, state: State, update: int) -> float:
        """U, I, P or Q of an element with this instrument's errors; the same within one update."""
        if element > len(state.phases):
            return 0.0
        phase = state.phases[element - 1]
        if self._over_range(phase):
            return math.inf
        true = {"U": abs(phase.volts), "I": abs(phase.amps), "P": phase.power.real, "Q": phase.power.imag}[name]
        if not true:
            return 0.0
        kind = "P" if name == "Q" else name
        spread = abs(true) * self.rating.noise_percent / 100 + _FULL_SCALE[kind] * self.rating.noise_part
        noise = random.Random(f"{update} {name} {element}").gauss(0.0, spread)
        return true * (1 + self.rating.gain_percent[kind] / 100) + noise

    def _start(self, call: Call) -> None:
        if self._integrating:
            raise ScpiError(-221, "integration is running")
        self._integrating = True

    def _stop(self, call: Call) -> None:
        self._integrating = False

    def _clear(self, call: Call) -> None:
        if self._integrating:
            raise ScpiError(-221, "integration is running")
        self._energy_wh = [0.0] * self.rating.elements
        self._integrated_s = 0.0

    def _integration(self, call: Call) -> str:
        state = "STAR" if self._integrating else "STOP" if self._integrated_s else "RES"
        return self._with_header(":INTEG:STAT", state)

    def until(self, state: State, now: float) -> float:
        """It bears any state."""
        return math.inf

    def live(self, state: State, start: float, end: float) -> None:
        """Integrate what it sees; noise has no mean. What is over its range is not counted."""
        if not self._integrating:
            return
        hours = (end - start) / 3600
        self._integrated_s += end - start
        gain = 1 + self.rating.gain_percent["P"] / 100
        for element, phase in enumerate(state.phases[: self.rating.elements]):
            if not self._over_range(phase):
                self._energy_wh[element] += phase.power.real * gain * hours
