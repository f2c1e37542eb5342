"""Time as an object: scaled from one origin for all processes, virtual only when somebody moves it, never backwards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins import clock
from twins.clock import ClockSpec, ScaledClock, VirtualClock, make_clock

START = 1_768_402_800.0
instants = st.floats(0, 1e10)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The system's time, to be set by the test."""
    now = [5000.0]
    monkeypatch.setattr(clock.time, "time", lambda: now[0])
    return now


def scaled(scale: float, origin: float = 5000.0) -> ScaledClock:
    made = make_clock(ClockSpec(mode="scaled", start=START, scale=scale, origin=origin))
    assert isinstance(made, ScaledClock)
    return made


def test_scaled_time_runs_faster_by_its_scale(real: list[float]) -> None:
    one = scaled(60)
    assert one.now() == START
    real[0] += 2.5
    assert one.now() == START + 150
    assert scaled(60).now() == one.now()  # a process that is started later agrees


def test_scaled_time_before_its_origin_is_before_its_start(real: list[float]) -> None:
    assert scaled(10, origin=5008.0).now() == START - 80


def test_real_time_until_a_simulated_instant(real: list[float]) -> None:
    one = scaled(60)
    assert one.real_until(START + 120) == 2
    real[0] += 3
    assert one.real_until(START + 120) == 0


def test_the_wall_clock_is_the_scaled_one_that_tells_the_real_time(real: list[float]) -> None:
    wall = make_clock(ClockSpec(mode="wall", start=real[0], origin=real[0]))
    real[0] += 7.25
    assert wall.now() == real[0]
    assert wall.real_until(real[0] + 1) == 1


@given(moves=st.lists(instants))
def test_virtual_time_never_goes_back(moves: list[float]) -> None:
    virtual = make_clock(ClockSpec(mode="virtual", start=START))
    assert isinstance(virtual, VirtualClock)
    seen = [virtual.now()]
    for move in moves:
        virtual.move_to(move)
        seen.append(virtual.now())
    assert seen == sorted(seen)
    assert seen[-1] == max([START, *moves])


def test_only_a_tick_brings_the_virtual_future() -> None:
    virtual = VirtualClock(START)
    assert virtual.real_until(START + 1) == math.inf
    virtual.move_to(START + 1)
    assert virtual.real_until(START + 1) == 0


def test_real_time_goes_on_whatever_the_clock_says() -> None:
    for one in (VirtualClock(START), scaled(60)):
        first = one.monotonic()
        assert one.monotonic() >= first
        assert first != one.now()
