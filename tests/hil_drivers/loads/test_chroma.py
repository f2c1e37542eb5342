from __future__ import annotations

from collections.abc import Iterator

import pytest

from hil_drivers.errors import AnswerError, EnvelopeError, IdentityError, InstrumentError, LinkError
from hil_drivers.loads.chroma import Chroma638
from protocols.errors import MeterBenchError
from tests.hil_drivers.virtual_rack import VirtualRack
from twins.rack.faults import Fault
from twins.rack.world.output import Piece, Point

LOAD = "chroma-638xx"
TIMEOUT_S = 0.8


def point(volts: float) -> Point:
    return Point((volts,), (0.0,), 50.0)


@pytest.fixture
def pair() -> Iterator[tuple[VirtualRack, Chroma638]]:
    with VirtualRack(LOAD) as rack:
        rack.do(lambda: rack.world.set_output(point(100.0), rack.clock.now()))
        rack.do(lambda: rack.world.switch_output(True, rack.clock.now()))
        load = Chroma638(rack.address(LOAD), timeout_s=TIMEOUT_S)
        load.configure(5.0, 0.5)
        load.input(True)
        try:
            yield rack, load
        finally:
            load.close()


def drawn(rack: VirtualRack) -> float:
    rack.volts()
    return round(rack.do(lambda: abs(rack.world.state.phases[0].amps)), 6)


def test_it_draws_what_it_is_set_to_and_lowers_the_voltage(pair: tuple[VirtualRack, Chroma638]) -> None:
    rack, load = pair
    assert drawn(rack) == 5 and load.is_on()
    reading = load.reading()
    assert reading.amps == 5 and reading.watts == pytest.approx(0.5 * reading.volts * 5, rel=1e-4)
    assert reading.volts < 100
    load.configure(2.0, -0.8)
    assert drawn(rack) == 2
    assert rack.do(lambda: rack.world.state.phases[0].power.imag) < 0
    load.input(False)
    assert drawn(rack) == 0 and not load.is_on()


@pytest.mark.parametrize(("volts", "trips"), [(40.0, True), (46.0, False)])
def test_a_dip_below_its_under_voltage_limit_trips_it(
    pair: tuple[VirtualRack, Chroma638], volts: float, trips: bool
) -> None:
    rack, load = pair
    dip = (Piece(point(volts), point(volts), 0.2), Piece(point(100.0), point(100.0), 1.0))
    rack.do(lambda: rack.world.play(dip, 1, rack.clock.now()))
    rack.pass_time(1.0)
    if not trips:
        assert drawn(rack) == 5
        return
    with pytest.raises(InstrumentError, match="under-voltage"):
        load.reading()
    with pytest.raises(InstrumentError, match="under-voltage"):
        load.input(True)
    assert drawn(rack) == 0
    load.clear_protection()
    load.input(True)
    assert drawn(rack) == 5


def test_a_dip_shorter_than_its_delay_is_not_noticed(pair: tuple[VirtualRack, Chroma638]) -> None:
    rack, load = pair
    dip = (Piece(point(0.0), point(0.0), 0.015), Piece(point(100.0), point(100.0), 1.0))
    rack.do(lambda: rack.world.play(dip, 1, rack.clock.now()))
    rack.pass_time(1.0)
    assert drawn(rack) == 5 and load.is_on()


@pytest.mark.parametrize(("volts", "amps", "name"), [(260.0, 8.0, "over-power"), (360.0, 1.0, "over-voltage")])
def test_other_limits_trip_it_too(pair: tuple[VirtualRack, Chroma638], volts: float, amps: float, name: str) -> None:
    rack, load = pair
    load.configure(amps)
    rack.do(lambda: rack.world.set_output(point(volts), rack.clock.now()))
    rack.pass_time(0.1)
    with pytest.raises(InstrumentError, match=name):
        load.reading()


def test_more_than_it_can_is_refused_before_it_is_sent(pair: tuple[VirtualRack, Chroma638]) -> None:
    rack, load = pair
    for amps, factor in ((18.1, 1.0), (-1.0, 1.0), (1.0, 1.1), (1.0, 0.0)):
        with pytest.raises(EnvelopeError):
            load.configure(amps, factor)
    assert drawn(rack) == 5


FAULTS: dict[Fault, tuple[type[MeterBenchError], str]] = {
    Fault.SILENCE: (LinkError, "no answer within"),
    Fault.LATE_ANSWER: (LinkError, "no answer within"),
    Fault.HALF_ANSWER: (LinkError, "half an answer"),
    Fault.GARBAGE: (AnswerError, "was answered with"),
    Fault.LOST_SOCKET: (LinkError, "connection lost"),
    Fault.TRIPPED_PROTECTION: (InstrumentError, "over-power"),
    Fault.PANEL_TOOK_LOCAL: (InstrumentError, "-201"),
}


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda fault: fault.value)
def test_a_fault_is_named_and_the_next_command_is_right(pair: tuple[VirtualRack, Chroma638], fault: Fault) -> None:
    rack, load = pair
    kind, words = FAULTS[fault]
    rack.inject(LOAD, fault, times=1, seconds=TIMEOUT_S * 1.2)
    with pytest.raises(kind, match=words):
        load.reading()
        load.configure(4.0, 0.9)
    rack.clear(LOAD, fault)
    load.clear_protection()
    load.configure(3.0)
    load.input(True)
    assert load.reading().amps == 3 and drawn(rack) == 3


@pytest.mark.parametrize("fault", [*list(FAULTS)[:5], Fault.PANEL_TOOK_LOCAL], ids=lambda fault: fault.value)
def test_safety_is_reached_through_a_fault(pair: tuple[VirtualRack, Chroma638], fault: Fault) -> None:
    rack, load = pair
    rack.inject(LOAD, fault, times=1, seconds=TIMEOUT_S * 1.2)
    load.safe()
    load.safe()
    assert drawn(rack) == 0


def test_a_stuck_relay_is_seen_by_the_current_that_flows(pair: tuple[VirtualRack, Chroma638]) -> None:
    rack, load = pair
    rack.inject(LOAD, Fault.STUCK_RELAY)
    with pytest.raises(InstrumentError, match="although the load is off"):
        load.safe()
    rack.clear(LOAD, Fault.STUCK_RELAY)
    load.safe()


def test_another_instrument_is_named(pair: tuple[VirtualRack, Chroma638]) -> None:
    rack, load = pair
    rack.inject(LOAD, Fault.WRONG_IDENTITY)
    with pytest.raises(IdentityError):
        load.identity()
    with pytest.raises(IdentityError):
        load.safe()
