"""Each named fault against each source driver: reported as what it is in time, and the next command is right."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hil_drivers.errors import AnswerError, IdentityError, InstrumentError, LinkError
from hil_drivers.sources.scpi_source import ScpiSource
from protocols.errors import MeterBenchError
from tests.hil_drivers.sources.dialects import DRIVERS, volts
from tests.hil_drivers.virtual_rack import VirtualRack
from twins.rack.faults import Fault

TIMEOUT_S = 0.8

WIRE: dict[Fault, tuple[type[MeterBenchError], str]] = {
    Fault.SILENCE: (LinkError, "no answer within"),
    Fault.LATE_ANSWER: (LinkError, "no answer within"),
    Fault.HALF_ANSWER: (LinkError, "half an answer"),
    Fault.GARBAGE: (AnswerError, "was answered with"),
    Fault.LOST_SOCKET: (LinkError, "connection lost"),
}


@pytest.fixture(params=list(DRIVERS))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[VirtualRack, ScpiSource]]:
    with VirtualRack(request.param) as rack:
        source = DRIVERS[request.param](rack.address(request.param), timeout_s=TIMEOUT_S)
        source.configure(volts(101.0))
        source.output(True)
        try:
            yield rack, source
        finally:
            source.close()


def answers_are_right(source: ScpiSource) -> None:
    """Questions whose answers all differ get the answers that are theirs."""
    assert source.reading().volts[0] == pytest.approx(101.0, rel=2e-3)
    assert source.ask("FREQ?") == 50.0
    assert source.is_on()
    source.configure(volts(101.0, 60.0))
    assert source.ask("FREQ?") == 60.0


@pytest.mark.parametrize("fault", list(WIRE), ids=lambda fault: fault.value)
def test_a_fault_of_the_wire_is_named_and_leaves_nothing_behind(
    pair: tuple[VirtualRack, ScpiSource], fault: Fault
) -> None:
    rack, source = pair
    kind, words = WIRE[fault]
    rack.inject(source.dialect, fault, times=1, seconds=TIMEOUT_S * 1.2)
    started = time.monotonic()
    with pytest.raises(kind, match=words):
        source.ask("FREQ?")
    assert time.monotonic() - started < TIMEOUT_S + 3.0
    answers_are_right(source)


@pytest.mark.parametrize("pair", ["keysight-68xx"], indirect=True)  # the way to safety is the same in all
@pytest.mark.parametrize("fault", list(WIRE), ids=lambda fault: fault.value)
def test_safety_is_reached_through_a_fault_of_the_wire(pair: tuple[VirtualRack, ScpiSource], fault: Fault) -> None:
    rack, source = pair
    rack.inject(source.dialect, fault, times=1, seconds=TIMEOUT_S * 1.2)
    source.safe()
    assert rack.volts() == 0


def test_a_dead_wire_is_reported_and_safety_admits_that_it_was_not_reached(
    pair: tuple[VirtualRack, ScpiSource],
) -> None:
    rack, source = pair
    rack.inject(source.dialect, Fault.SILENCE)
    with pytest.raises(LinkError, match="no answer"):
        source.safe()
    assert rack.volts() == 101
    rack.clear(source.dialect, Fault.SILENCE)
    answers_are_right(source)


def test_a_stuck_relay_is_seen_by_the_voltage_that_stays(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    rack.inject(source.dialect, Fault.STUCK_RELAY)
    with pytest.raises(InstrumentError, match="stuck"):
        source.output(False)
    with pytest.raises(InstrumentError, match="stuck"):
        source.safe()
    assert rack.volts() == 101
    rack.clear(source.dialect, Fault.STUCK_RELAY)
    source.safe()
    source.output(True)
    answers_are_right(source)


def test_a_tripped_protection_is_named_until_it_is_cleared(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    rack.inject(source.dialect, Fault.TRIPPED_PROTECTION)
    for call in (source.reading, lambda: source.output(True)):
        with pytest.raises(InstrumentError, match="protection has tripped"):
            call()
    source.safe()
    source.clear_protection()
    source.output(True)
    answers_are_right(source)


def test_a_panel_that_took_local_is_named_and_not_overridden(pair: tuple[VirtualRack, ScpiSource]) -> None:
    rack, source = pair
    rack.inject(source.dialect, Fault.PANEL_TOOK_LOCAL)
    with pytest.raises(InstrumentError, match="-201 Invalid while in local"):
        source.configure(volts(90.0))
    assert rack.volts() == 101 and source.is_on()
    rack.clear(source.dialect, Fault.PANEL_TOOK_LOCAL)
    answers_are_right(source)


def test_another_instrument_at_the_address_is_named_and_nothing_is_sent_to_it(
    pair: tuple[VirtualRack, ScpiSource],
) -> None:
    rack, source = pair
    rack.inject(source.dialect, Fault.WRONG_IDENTITY)
    rack.inject(source.dialect, Fault.LOST_SOCKET, times=1)  # who swaps instruments pulls the plug
    with pytest.raises(LinkError):
        source.is_on()
    for call in (source.identity, source.is_on, source.safe, lambda: source.configure(volts(90.0))):
        with pytest.raises(IdentityError, match="SOMETHING-ELSE"):
            call()
    assert rack.volts() == 101
    rack.clear(source.dialect, Fault.WRONG_IDENTITY)
    answers_are_right(source)
