"""Chroma 63800 AC load in constant-current mode.

::

    - id: load-1
      driver: chroma-638xx
      address: TCPIP::192.168.10.16::2101::SOCKET
      settings: {model: "63802", amps_max: 18.0}

From its manual (rack-instruments §3): MODE, the bits of PROT?, PROT:CLE, trips below 45 V (a 100 V service dipped to
40 % trips it). By memory, **unverified**: LOAD ON and OFF, CURR, PFAC and that negative means leading, MEAS, SYST:REM.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from hil_drivers.converted import converted
from hil_drivers.errors import AnswerError, EnvelopeError, InstrumentError, LinkError
from hil_drivers.load import LoadCapabilities, LoadReading
from hil_drivers.session import InstrumentIdentity, Session
from protocols.scpi.values import reading, switched

PROTECTIONS: Final = {
    0: "frequency out of range",
    1: "under-voltage",
    2: "under-voltage",
    3: "over-voltage",
    4: "peak voltage",
    5: "over-current",
    6: "over-power",
    7: "over-temperature",
    8: "fan",
    9: "load failure",
    10: "frequency changed",
    11: "input failure",
}
"""Bits of ``PROT?``."""

_OFF_AMPS: Final = 0.05
_SAME: Final = 1e-2


class Chroma638:
    """A 63800 at a VISA address, connected and identified; raises as :class:`~hil_drivers.session.Session`.

    ``amps_max`` narrows its rating.
    """

    def __init__(
        self, address: str, *, model: str | None = None, amps_max: float | None = None, timeout_s: float = 2.0
    ) -> None:
        rating = _ratings()["chroma-638xx"]
        amps = rating.amps if amps_max is None else min(amps_max, rating.amps)
        self.capabilities = LoadCapabilities(amps, rating.watts, rating.power_factor_least, *rating.volts)
        self.session = Session(address, family=r"(?i)^CHROMA\b.*\b638\d\d", model=model, timeout_s=timeout_s)

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""
        return self.session.identity()

    def configure(self, amps: float, power_factor: float = 1.0) -> None:
        """Set current and power factor; read back."""
        if not 0 <= amps <= self.capabilities.amps_max:
            raise EnvelopeError(f"{amps:g} A: the load draws 0 to {self.capabilities.amps_max:g} A")
        if not self.capabilities.power_factor_min < abs(power_factor) <= 1:
            raise EnvelopeError(f"power factor {power_factor:g}: its magnitude is above 0 and at most 1")

        def job() -> None:
            self.session.write("MODE CURR", f"CURR {amps:.3f}", f"PFAC {power_factor:.4f}")
            for query, wanted in (("CURR?", amps), ("PFAC?", power_factor)):
                got = self.session.query(query, reading)
                if not math.isclose(got, wanted, rel_tol=_SAME, abs_tol=_SAME):
                    raise InstrumentError(f"{self.session.address}: {query} says {got:g} after {wanted:g} was set")

        self.session.run(job)

    def input(self, on: bool) -> None:
        """Switch it and see that it did."""
        self.session.run(self._on if on else self._off)

    def is_on(self) -> bool:
        """Whether it draws, as it says."""
        return self.session.query("LOAD?", switched)

    def reading(self) -> LoadReading:
        """Measure; raises InstrumentError that names what has tripped."""

        def job() -> LoadReading:
            self._refuse_tripped()
            return self._measured()

        return self.session.run(job)

    def clear_protection(self) -> None:
        """Switch it off and release its protections."""

        def job() -> None:
            self._off()
            self.session.write("PROT:CLE")

        self.session.run(job)

    def safe(self) -> None:
        """Off, verified; tries once more whatever went wrong, over a fresh connection if need be."""

        def job() -> None:
            try:
                self._off()
            except (LinkError, AnswerError, InstrumentError):  # a lost "off" shows as a load that stays on
                self._off()

        self.session.run(job)

    def close(self) -> None:
        """Let go of it; it goes on drawing."""
        self.session.close()

    def _on(self) -> None:
        self._refuse_tripped()
        self.session.write("LOAD ON")
        self._refuse_tripped()
        if not self.session.query("LOAD?", switched):
            raise InstrumentError(f"{self.session.address}: the load did not come on")

    def _off(self) -> None:
        self.session.send("SYST:REM", "LOAD OFF", "*CLS")
        if self.session.query("LOAD?", switched):
            raise InstrumentError(f"{self.session.address}: the load does not go off")
        amps = self._measured().amps
        if not amps < _OFF_AMPS:
            raise InstrumentError(f"{self.session.address}: {amps:g} A flow although the load is off")

    def _measured(self) -> LoadReading:
        return LoadReading(*(self.session.query(f"MEAS:{what}?", reading) for what in ("VOLT", "CURR", "POW")))

    def _refuse_tripped(self) -> None:
        bits = self.session.query("PROT?", int)
        if bits:
            names = [name for bit, name in PROTECTIONS.items() if bits >> bit & 1]
            raise InstrumentError(f"{self.session.address}: the load has tripped: {', '.join(names) or bits}")


class _Rating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amps: float
    watts: float
    power_factor_least: float
    volts: tuple[float, float]
    source: str
    verified: bool


@cache
def _ratings() -> dict[str, _Rating]:
    text = resources.files(__package__).joinpath("data", "ratings.toml").read_text("utf-8")
    return converted(tomllib.loads(text), dict[str, _Rating])
