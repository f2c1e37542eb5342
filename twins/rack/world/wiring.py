"""How a meter's measuring elements lie on the phases of the world: the service names of Japan, and 3P4W.

An element is (phase of its voltage, phase its voltage is taken against or None for the neutral, phase of its current).
1P3W has its two legs on phases 0 and 1, which the source sets 180 degrees apart; 3P3W is the two-wattmeter circuit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from twins.rack.faults import RackError
from twins.rack.world.circuit import State

WIRINGS: Final[dict[str, tuple[tuple[int, int | None, int], ...]]] = {
    "1P2W": ((0, None, 0),),
    "1P3W": ((0, None, 0), (1, None, 1)),
    "3P3W": ((0, 1, 0), (2, 1, 2)),
    "3P4W": ((0, None, 0), (1, None, 1), (2, None, 2)),
}


class Element(NamedTuple):
    """Voltage and current phasors (rms) at one measuring element."""

    volts: complex
    amps: complex

    @property
    def power(self) -> complex:
        """Active power (W) and reactive power (var, positive is inductive)."""
        return self.volts * self.amps.conjugate()


def check(wiring: str, phases: int, lies_on: Sequence[int] = (0, 1, 2)) -> None:
    """Raise :class:`RackError` for a wiring that does not exist or needs more phases than there are."""
    if wiring not in WIRINGS:
        raise RackError(f"wiring {wiring!r}; there are {', '.join(WIRINGS)}")
    needed = 1 + max(max(plus, current) for plus, _, current in WIRINGS[wiring])
    if needed > len(lies_on):
        raise RackError(f"wiring {wiring} needs {needed} phases, and lies on {len(lies_on)}")
    if 1 + max(lies_on[:needed]) > phases:
        raise RackError(f"wiring {wiring} needs {1 + max(lies_on[:needed])} phases, the world has {phases}")


def elements(wiring: str, state: State, lies_on: Sequence[int] = (0, 1, 2)) -> tuple[Element, ...]:
    """What the elements of a meter with this wiring see; ``lies_on`` are the world's phases that it lies on."""
    phases = state.phases
    return tuple(
        Element(
            phases[lies_on[plus]].volts - (0 if minus is None else phases[lies_on[minus]].volts),
            phases[lies_on[current]].amps,
        )
        for plus, minus, current in WIRINGS[wiring]
    )
