"""Yokogawa WT300, WT1600 and WT3000, ASCII values.

::

    - id: analyser-1
      driver: yokogawa-wt
      address: TCPIP::192.168.10.15::10001::SOCKET
      settings: {model: WT3000, elements: 3}

From public drivers (rack-instruments §3): NUM:FORM, NUM:NORM:NUM, NUM:NORM:ITEM, NUM:NORM:VAL, RATE, INTEG, COMM:REM; a
WT3000 wants a login on its raw port, which this driver does not do: use a unit with it disabled, or GPIB or USB. By
memory, **unverified**: INP:VOLT:RANG:ALL and INP:CURR:RANG:ALL with their ranges, COMM:HEAD OFF, the function TIME, NAN
for what does not exist, SYST:ERR? on these instruments, and the accuracy in ``data/accuracy.toml``. A WT1600 wants
``functions: {U: URMS, I: IRMS}``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from hil_drivers.analyser import Accuracy, AnalyserCapabilities, AnalyserReading, Integral
from hil_drivers.converted import converted
from hil_drivers.errors import AnswerError
from hil_drivers.session import InstrumentIdentity, Session
from protocols.scpi.values import reading

_FUNCTIONS: Final = ("U", "I", "P", "Q", "LAMBDA")


class YokogawaWt:
    """A WT at a VISA address, connected and set to ASCII values; raises as :class:`~hil_drivers.session.Session`."""

    def __init__(
        self,
        address: str,
        *,
        model: str | None = None,
        elements: int | None = None,
        functions: Mapping[str, str] | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        own = _capabilities()["yokogawa-wt"]
        self.capabilities = msgspec.structs.replace(own, elements=elements or own.elements).made()
        self._functions = functions or {}
        self._asked: tuple[int, list[str]] = (0, [])
        self.session = Session(address, family=r"(?i)^YOKOGAWA,.*WT", model=model, timeout_s=timeout_s)

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""
        return self.session.identity()

    def reading(self) -> AnalyserReading:
        """The values of its last update, all of the same one."""
        elements = range(1, self.capabilities.elements + 1)
        items = [f"{self._functions.get(name, name)},{element}" for element in elements for name in _FUNCTIONS]
        values = self._values([*items, "FU,1"])
        volts, amps, watts, vars_, factors = (tuple(values[place : -1 : len(_FUNCTIONS)]) for place in range(5))
        return AnalyserReading(volts, amps, watts, vars_, factors, hertz=values[-1])

    def choose_ranges(self, volts: float, amps: float) -> None:
        """Ranges of all elements; the accuracy follows them."""
        chosen = self.capabilities.in_ranges(volts, amps)
        self.session.write(f"INP:VOLT:RANG:ALL {chosen.volts.range:g}", f"INP:CURR:RANG:ALL {chosen.amps.range:g}")
        self.capabilities = chosen

    def begin_integration(self) -> None:
        """Begin to count energy, from 0."""
        self.session.write("INTEG:STOP", "INTEG:RES", "INTEG:STAR")

    def integral(self) -> Integral:
        """Energy and seconds counted."""
        items = [f"WH,{element}" for element in range(1, self.capabilities.elements + 1)]
        *energies, seconds = self._values([*items, "TIME,1"])
        return Integral(tuple(energies), seconds)

    def end_integration(self) -> Integral:
        """Stop counting."""
        self.session.write("INTEG:STOP")
        return self.integral()

    def integrate(self, seconds: float, wait: Callable[[float], None]) -> float:
        """Energy (Wh) over some time; the session is free for others while it waits."""
        self.begin_integration()
        try:
            wait(seconds)
        finally:
            counted = self.end_integration()
        return counted.wh

    def safe(self) -> None:
        """End an integration."""
        self.session.write("COMM:REM ON", "INTEG:STOP")

    def close(self) -> None:
        """Let go of it."""
        self.session.close()

    def _values(self, items: list[str]) -> list[float]:
        """The values of these items, of one update."""

        def job() -> list[float]:
            wanted = (self.session.connect(), items)
            if wanted != self._asked:
                chosen = (f":NUM:NORM:ITEM{place} {item}" for place, item in enumerate(items, 1))
                # One message: it arrives whole or not at all, so a lost choice shows in the number of values.
                self.session.write(
                    ";".join(("COMM:REM ON", ":COMM:HEAD OFF", ":NUM:FORM ASC", f":NUM:NORM:NUM {len(items)}", *chosen))
                )
                self._asked = wanted
            values = self.session.query("NUM:NORM:VAL?", _numbers)
            if len(values) != len(items):
                self._asked = (0, [])  # what was to choose them has been lost: choose them again
                raise AnswerError(f"{self.session.address}: {len(values)} values for {len(items)} items")
            return values

        return self.session.run(job)


class _Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the data file."""

    elements: int
    update_s: float
    volts: Accuracy
    amps: Accuracy
    watts: Accuracy
    volt_ranges: tuple[float, ...]
    amp_ranges: tuple[float, ...]
    source: str
    verified: bool

    def made(self) -> AnalyserCapabilities:
        """As capabilities."""
        return AnalyserCapabilities(
            self.elements, self.update_s, self.volts, self.amps, self.watts, self.volt_ranges, self.amp_ranges
        )


@cache
def _capabilities() -> dict[str, _Figures]:
    text = resources.files(__package__).joinpath("data", "accuracy.toml").read_text("utf-8")
    return converted(tomllib.loads(text), dict[str, _Figures])


def _numbers(answer: str) -> list[float]:
    return [reading(text) for text in answer.split(",")]
