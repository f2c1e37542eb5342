from __future__ import annotations

import pytest

from tests.twins.rack.world.meters import T
from twins.rack.faults import RackError
from twins.rack.world.circuit import Draw, Impedance
from twins.rack.world.output import Point
from twins.rack.world.world import World, WorldSpec


def on(spec: WorldSpec) -> World:
    world = World(spec, T)
    world.set_output(Point((100.0,) * spec.phases, (0.0,) * spec.phases, 50.0), T)
    world.switch_output(True, T)
    return world


def test_load_current_lowers_the_voltage_at_the_places_and_less_so_at_the_source() -> None:
    world = on(WorldSpec(source=Impedance(ohms=0.1), cable=Impedance(ohms=0.05)))
    world.draw((Draw(10.0),), T + 1)
    (phase,) = world.state.phases
    assert (abs(phase.volts), abs(phase.at_source)) == pytest.approx((98.5, 99.0))


def test_a_phantom_load_costs_the_source_nothing() -> None:
    world = on(WorldSpec(phantom=True))
    world.draw((Draw(60.0, 0.5),), T)
    assert abs(world.state.phases[0].volts) == pytest.approx(100)
    assert world.state.phases[0].power.real == pytest.approx(3000)
    assert world.source_amps(world.state) == (0.0,)


def test_the_recent_past_can_be_looked_up() -> None:
    world = on(WorldSpec())
    world.switch_output(False, T + 2)
    world.advance(T + 4)
    assert [round(abs(world.recent(T + at).phases[0].volts)) for at in (0, 1.9, 2, 3)] == [100, 100, 0, 0]


def test_time_does_not_go_back() -> None:
    world = on(WorldSpec())
    world.advance(T + 5)
    world.advance(T + 3)
    assert world.now == T + 5


@pytest.mark.parametrize("phases", [0, 4])
def test_a_world_has_one_to_three_phases(phases: int) -> None:
    with pytest.raises(RackError):
        World(WorldSpec(phases=phases), T)


def test_a_setting_names_all_phases() -> None:
    with pytest.raises(RackError):
        World(WorldSpec(phases=2), T).set_output(Point((1.0,), (0.0,), 50.0), T)
