"""Chroma 63800 AC load, one of them on every phase of the world (rack-instruments §3).

From its manual: ``[LOAD:]MODE``, ``[LOAD:]PROT?`` with its bits, ``PROT:CLE``, under-voltage below 45 V. By memory,
unverified: ``LOAD ON|OFF``, ``CURR``, ``PFAC`` (negative is leading here), the measurement headers, SYST:REM. A load
that trips lets go and stays so until it is cleared and switched on again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from protocols.scpi.device import Call, Command, Manners
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import nr1, nr2, number, word
from twins.rack.faults import Fault
from twins.rack.instruments.ratings import LoadRating
from twins.rack.instruments.scpi import ScpiInstrument, numeric, switch, within
from twins.rack.world.circuit import Draw, Phase, State
from twins.rack.world.world import World

FREQUENCY, UNDER_VOLTAGE, OVER_VOLTAGE, PEAK_VOLTAGE, OVER_CURRENT, OVER_POWER = 0, 1, 3, 4, 5, 6
"""Bits of the protection status."""

_MODES: Final = ("CURRent", "POWer", "VOLTage", "RESistance", "RLC", "RLCP", "INRUsh", "RECTified")


class Chroma638(ScpiInstrument):
    """A 63802."""

    def __init__(self, rating: LoadRating, world: World, pace: float = 1.0) -> None:
        self.rating = rating
        self.protection = 0
        self._on = self._stuck = False
        self._amps, self._factor = 0.0, 1.0
        self._bad_since = math.inf
        super().__init__(rating.identity, self._commands(), Manners(), world, pace)
        world.add(self)

    def _commands(self) -> list[tuple[str, Command]]:
        amps = numeric("A", lambda: (0, self.rating.amps_most), lambda: self._amps, self._set_amps, nr2)
        factor = numeric("", lambda: (-1, 1), lambda: self._factor, self._set_factor, nr2)
        return [
            ("LOAD[:STATe]", switch(lambda: self._on, self._switch)),
            ("[LOAD:]MODE", Command(self._set_mode, lambda call: "CURR")),
            ("[LOAD:]CURRent[:LEVel]", amps),
            ("[LOAD:]PFACtor", factor),
            ("[LOAD:]PROTection", Command(query=lambda call: nr1(self.protection))),
            ("[LOAD:]PROTection:CLEar", Command(set=self._clear)),
            ("MEASure[:SCALar]:VOLTage", self._measurement(lambda phase: abs(phase.volts))),
            ("MEASure[:SCALar]:CURRent", self._measurement(lambda phase: abs(phase.amps))),
            ("MEASure[:SCALar]:POWer", self._measurement(lambda phase: phase.power.real)),
            ("SYSTem:REMote", Command(set=self._remote, in_local=True)),
        ]

    def _measurement(self, what: Callable[[Phase], float]) -> Command:
        def query(call: Call) -> str:
            self.takes(call, self.rating.measure_s)
            return nr2(what(self.world.state.phases[0]))

        return Command(query=query)

    def _set_amps(self, value: float) -> None:
        self._amps = value

    def _set_factor(self, value: float) -> None:
        if not value:
            raise ScpiError(-222, "power factor 0")
        self._factor = value

    def _set_mode(self, call: Call) -> None:
        text = call.one()
        mode = _MODES[round(within(number(text), 0, 7))] if text.isdigit() else word(text, _MODES)
        if mode != "CURRent":
            raise ScpiError(-221, f"mode {mode} is not modelled")

    def _switch(self, on: bool, now: float) -> None:
        if on and self.protection:
            raise ScpiError(-221, "protection has tripped")
        self._on = on

    def _clear(self, call: Call) -> None:
        self.protection = 0

    def _remote(self, call: Call) -> None:
        self.local = False

    def commit(self, now: float) -> None:
        """Draw what is set."""
        if not self._stuck:
            self.world.draw(self._drawn(), now)

    def _drawn(self) -> tuple[Draw, ...]:
        return (Draw(self._amps, self._factor),) * self.world.spec.phases if self._on else ()

    def reset(self, now: float) -> None:
        """Off, 0 A, and deaf for a while."""
        self._on, self._amps, self._factor, self.protection = False, 0.0, 1.0, 0
        self.commit(now)
        self.go_deaf(self.rating.reset_s, now)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault of the instrument itself."""
        if fault is Fault.STUCK_RELAY:
            self._stuck = present
            self.commit(now)
        elif fault is Fault.TRIPPED_PROTECTION:
            self.world.advance(now)
            self.protection = 1 << OVER_POWER if present else 0
            self._on = self._on and not present
            self.commit(now)
        else:
            super().afflict(fault, present, now)

    def _wrong(self, state: State) -> int:
        """The bits of what its limits do not allow in this state."""
        rating, bits = self.rating, 0
        if not self._on:
            return bits
        for phase in state.phases:
            volts = abs(phase.volts)
            bits |= (volts < rating.volts_least) << UNDER_VOLTAGE
            bits |= (volts > rating.volts_most) << OVER_VOLTAGE
            bits |= (volts * math.sqrt(2) > rating.peak_volts_most) << PEAK_VOLTAGE
            bits |= (phase.power.real > rating.watts_most) << OVER_POWER
        return bits | (not rating.hertz[0] <= state.hertz <= rating.hertz[1]) << FREQUENCY

    def until(self, state: State, now: float) -> float:
        """Until a protection trips."""
        if not self._wrong(state):
            self._bad_since = math.inf
        elif math.isinf(self._bad_since):
            self._bad_since = now
        return self._bad_since + self.rating.trip_s

    def live(self, state: State, start: float, end: float) -> None:
        """Trip when a limit has been left for long enough."""
        if end - self._bad_since >= self.rating.trip_s - 1e-6:
            self.protection |= self._wrong(state)
            self._on = False
            self._bad_since = math.inf
            if not self._stuck:
                self.world.let_go()
