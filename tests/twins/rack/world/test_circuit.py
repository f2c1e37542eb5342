from __future__ import annotations

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.rack.world.circuit import Draw, Impedance, solve

ANGLES = st.floats(-math.pi, math.pi)


@given(
    st.floats(50, 300),
    ANGLES,
    st.floats(0, 0.2),
    st.floats(0, 0.2),
    st.floats(0, 0.2),
    st.floats(0, 60),
    st.floats(-1, 1),
)
def test_voltages_around_the_circuit_sum_up(
    volts: float, angle: float, ohms: float, reactance: float, cable: float, amps: float, factor: float
) -> None:
    force, source, line = cmath.rect(volts, angle), complex(ohms, reactance), complex(cable)
    phase = solve(force, source, line, Draw(amps, factor))
    assert phase.volts + (source + line) * phase.amps == pytest.approx(force)
    assert phase.at_source == pytest.approx(phase.volts + line * phase.amps)
    assert abs(phase.amps) == pytest.approx(amps)


@given(st.floats(0.1, 60), st.floats(0.01, 1), st.booleans())
def test_a_load_draws_at_its_power_factor_behind_any_impedance(amps: float, factor: float, leading: bool) -> None:
    phase = solve(cmath.rect(100, 1.0), 0.02 + 0.01j, 0.01, Draw(amps, -factor if leading else factor))
    assert phase.power.real == pytest.approx(abs(phase.power) * factor)
    assert (phase.power.imag <= 1e-9) if leading else (phase.power.imag >= -1e-9)


def test_resistance_lowers_the_voltage_by_its_current() -> None:
    assert abs(solve(100, 0.02, 0.01, Draw(10)).volts) == pytest.approx(99.7)


def test_a_load_that_cannot_be_fed_collapses_the_voltage() -> None:
    assert solve(1.0, 1.0, 0j, Draw(10)).power == 0
    assert solve(0j, 0.02, 0.01, Draw(10)).amps == 0


def test_inductance_counts_by_frequency() -> None:
    assert Impedance(ohms=1, henries=0.01).at(50) == pytest.approx(1 + math.pi * 1j)
