"""A world with one emulated meter in it, for the tests of both."""

from __future__ import annotations

from twins.rack.world.circuit import Draw, Impedance
from twins.rack.world.hidden import Hidden
from twins.rack.world.meter import EmulatedMeter, MeterSpec
from twins.rack.world.output import Point
from twins.rack.world.world import World, WorldSpec

T = 1_700_000_100.0
STIFF = WorldSpec(source=Impedance(), cable=Impedance())


def supplied(
    spec: WorldSpec = STIFF, volts: float = 100.0, amps: float = 5.0, factor: float = 1.0, **meter: object
) -> tuple[World, EmulatedMeter]:
    """A meter that has just booted, under voltage and load; the world stands 10 s after T."""
    world = World(spec, T)
    own = EmulatedMeter(MeterSpec(name="m", **meter), world)  # type: ignore[arg-type]
    angles = tuple(-120.0 * phase for phase in range(spec.phases))
    world.set_output(Point((volts,) * spec.phases, angles, 50.0), T)
    world.switch_output(True, T)
    world.advance(T + 10)
    world.draw((Draw(amps, factor),) * spec.phases, T + 10)
    return world, own


def hidden(**errors: float | bool) -> Hidden:
    """A hidden error set."""
    return Hidden(**errors)  # type: ignore[arg-type]
