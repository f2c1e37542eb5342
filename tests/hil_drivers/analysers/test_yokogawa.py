from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from hil_drivers.analyser import Accuracy
from hil_drivers.analysers.yokogawa import YokogawaWt
from hil_drivers.errors import AnswerError, IdentityError, InstrumentError, LinkError
from protocols.errors import MeterBenchError
from tests.hil_drivers.virtual_rack import VirtualRack
from twins.rack.faults import Fault
from twins.rack.world.circuit import Draw
from twins.rack.world.output import Point
from twins.rack.world.world import WorldSpec

WT = "yokogawa-wt"
TIMEOUT_S = 0.8


@pytest.fixture
def pair() -> Iterator[tuple[VirtualRack, YokogawaWt]]:
    with VirtualRack(WT, spec=WorldSpec(phases=2)) as rack:
        rack.do(lambda: rack.world.set_output(Point((101.0, 99.0), (0.0, 180.0), 50.0), rack.clock.now()))
        rack.do(lambda: rack.world.switch_output(True, rack.clock.now()))
        rack.do(lambda: rack.world.draw((Draw(5.0, 0.5), Draw(2.0, -0.8)), rack.clock.now()))
        rack.pass_time(1.0)
        analyser = YokogawaWt(rack.address(WT), timeout_s=TIMEOUT_S)
        try:
            yield rack, analyser
        finally:
            analyser.close()


def power(rack: VirtualRack) -> float:
    return rack.do(lambda: sum(phase.power.real for phase in rack.world.state.phases))


def test_values_of_one_update_are_those_of_the_world_within_its_accuracy(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    seen, true = analyser.reading(), rack.do(lambda: rack.world.state.phases)
    for element in (0, 1):
        assert seen.volts[element] == pytest.approx(abs(true[element].volts), rel=2e-4)
        assert seen.amps[element] == pytest.approx(abs(true[element].amps), rel=3e-4)
        assert seen.watts[element] == pytest.approx(true[element].power.real, rel=3e-4)
    assert seen.power_factor[:2] == pytest.approx((0.5, 0.8), rel=1e-3)
    assert seen.vars[0] > 0 > seen.vars[1]
    assert (seen.volts[2], seen.watts[2], seen.hertz) == (0, 0, 50)
    assert math.isnan(seen.power_factor[2])
    assert seen.total_watts == pytest.approx(power(rack), rel=2e-4)


def test_values_change_with_the_update_and_not_within(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    readings = []
    for _ in range(3):
        readings.append(analyser.reading())
        rack.pass_time(1.0)
    assert len(set(readings)) == 3


def test_a_change_shows_after_the_next_update(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    rack.do(lambda: rack.world.switch_output(False, rack.clock.now()))
    rack.pass_time(0.3)
    dark = analyser.reading()
    assert dark.volts == (0, 0, 0) and math.isnan(dark.hertz)


def test_energy_is_counted_between_begin_and_end(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    assert analyser.integrate(1800, rack.pass_time) == pytest.approx(power(rack) / 2, rel=1e-4)
    rack.pass_time(1800)
    counted = analyser.integral()
    assert counted.seconds == pytest.approx(1800, abs=1)
    assert counted.wh / counted.seconds * 3600 == pytest.approx(power(rack), rel=5e-5)
    analyser.begin_integration()
    assert analyser.end_integration().wh < 0.1
    analyser.safe()


def test_how_far_it_is_to_be_trusted_depends_on_the_reading() -> None:
    accuracy = Accuracy(reading_percent=0.02, range_percent=0.04, range=750.0)
    assert accuracy.percent_at(750) == pytest.approx(0.06)
    assert accuracy.percent_at(-75) == pytest.approx(0.42)
    assert math.isinf(accuracy.percent_at(0))


FAULTS: dict[Fault, tuple[type[MeterBenchError], str]] = {
    Fault.SILENCE: (LinkError, "no answer within"),
    Fault.LATE_ANSWER: (LinkError, "no answer within"),
    Fault.HALF_ANSWER: (LinkError, "half an answer"),
    Fault.GARBAGE: (AnswerError, "was answered with"),
    Fault.LOST_SOCKET: (LinkError, "connection lost"),
}


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda fault: fault.value)
def test_a_fault_of_the_wire_is_named_and_the_next_values_are_right(
    pair: tuple[VirtualRack, YokogawaWt], fault: Fault
) -> None:
    rack, analyser = pair
    kind, words = FAULTS[fault]
    analyser.reading()
    rack.inject(WT, fault, times=1, seconds=TIMEOUT_S * 1.2)
    with pytest.raises(kind, match=words):
        analyser.reading()
    assert analyser.reading().total_watts == pytest.approx(power(rack), rel=2e-4)
    assert analyser.integral().wh == 0


def test_the_panel_and_another_instrument_are_named(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    rack.inject(WT, Fault.PANEL_TOOK_LOCAL)
    with pytest.raises(InstrumentError, match="-201"):
        analyser.begin_integration()
    rack.clear(WT, Fault.PANEL_TOOK_LOCAL)
    rack.inject(WT, Fault.WRONG_IDENTITY)
    with pytest.raises(IdentityError):
        analyser.identity()
    with pytest.raises(IdentityError):
        analyser.reading()
    rack.clear(WT, Fault.WRONG_IDENTITY)
    assert analyser.reading().total_watts == pytest.approx(power(rack), rel=2e-4)


def test_the_smallest_ranges_that_hold_the_values_are_taken_and_trusted_more(
    pair: tuple[VirtualRack, YokogawaWt],
) -> None:
    rack, analyser = pair
    for amps, amp_range in ((5.0, 5.0), (5.1, 10.0), (0.01, 0.5), (math.inf, 30.0)):
        analyser.choose_ranges(110.0, amps)
        assert analyser.capabilities.amps.range == amp_range
        assert analyser.capabilities.watts.range == 150.0 * amp_range
    assert analyser.reading().total_watts == pytest.approx(power(rack), rel=2e-4)


def test_what_is_over_its_range_is_infinite_and_not_counted(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    analyser.choose_ranges(110.0, 2.0)
    rack.pass_time(1.0)
    seen = analyser.reading()
    assert math.isinf(seen.amps[0]) and math.isinf(seen.watts[0]) and math.isfinite(seen.amps[1])
    analyser.begin_integration()
    rack.pass_time(3600)
    counted = analyser.end_integration()
    assert counted.element_wh[0] == 0 and counted.element_wh[1] > 100
    analyser.choose_ranges(math.inf, math.inf)
    rack.pass_time(1.0)
    assert analyser.reading().total_watts == pytest.approx(power(rack), rel=2e-4)


def test_ranges_are_refused_while_it_integrates(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    _, analyser = pair
    before = analyser.capabilities
    analyser.begin_integration()
    with pytest.raises(InstrumentError, match="-221"):
        analyser.choose_ranges(110.0, 1.0)
    assert analyser.capabilities == before
    analyser.safe()


def test_a_lost_choice_of_items_is_told_and_made_again(pair: tuple[VirtualRack, YokogawaWt]) -> None:
    rack, analyser = pair
    assert analyser.integral().wh == 0
    rack.inject(WT, Fault.SILENCE, times=1)  # swallows what chooses the items of a reading, and no question
    with pytest.raises((AnswerError, LinkError)):
        analyser.reading()
    assert analyser.reading().total_watts == pytest.approx(power(rack), rel=2e-4)
