"""Source, load, analyser and an emulated meter in one world, each met over its own wire but the meter."""

from __future__ import annotations

import math

import pytest

from hil_drivers.analysers.yokogawa import YokogawaWt
from hil_drivers.loads.chroma import Chroma638
from hil_drivers.source import Segment
from hil_drivers.sources.kikusui import KikusuiPcr
from tests.hil_drivers.sources.dialects import volts
from tests.hil_drivers.virtual_rack import VirtualRack
from twins.rack.world.hidden import Hidden
from twins.rack.world.meter import EmulatedMeter, MeterSpec


@pytest.mark.requirement("U1", "M11")
@pytest.mark.parametrize(
    "hidden",
    [Hidden(), Hidden(gain_percent=1.5), Hidden(phase_deg=3.0), Hidden(gain_percent=-0.3, phase_deg=-0.5)],
    ids=["healthy", "gain", "phase", "both"],
)
def test_the_error_measured_against_the_analyser_is_the_hidden_one(hidden: Hidden) -> None:
    with VirtualRack("kikusui-pcr", "chroma-638xx", "yokogawa-wt") as rack:
        meter = rack.do(lambda: EmulatedMeter(MeterSpec(name="m", hidden=hidden), rack.world))
        source = KikusuiPcr(rack.address("kikusui-pcr"))
        load = Chroma638(rack.address("chroma-638xx"))
        analyser = YokogawaWt(rack.address("yokogawa-wt"))
        source.configure(volts(100.0))
        source.output(True)
        rack.pass_time(5.0)
        for factor in (1.0, 0.5):
            load.configure(5.0, factor)
            load.input(True)
            registers: list[float] = []

            def hour(seconds: float, registers: list[float] = registers) -> None:
                registers.append(rack.do(lambda: meter.registers.import_wh))
                rack.pass_time(seconds)
                registers.append(rack.do(lambda: meter.registers.import_wh))

            reference = analyser.integrate(36_000, hour)
            measured = 100 * ((registers[1] - registers[0]) / reference - 1)
            lag = math.acos(factor)
            turned = math.cos(lag + math.radians(hidden.phase_deg)) / math.cos(lag)
            true = 100 * ((1 + hidden.gain_percent / 100) * turned - 1)
            assert measured == pytest.approx(true, abs=0.05)
            assert rack.do(meter.error_percent) == pytest.approx(true, abs=1e-6)
        for instrument in (load, source, analyser):
            instrument.safe()
            instrument.close()
        assert rack.volts() == 0


def test_a_dip_reboots_the_meter_and_trips_the_load() -> None:
    with VirtualRack("kikusui-pcr", "chroma-638xx") as rack:
        meter = rack.do(lambda: EmulatedMeter(MeterSpec(name="m"), rack.world))
        source = KikusuiPcr(rack.address("kikusui-pcr"))
        load = Chroma638(rack.address("chroma-638xx"))
        source.configure(volts(100.0))
        source.output(True)
        rack.pass_time(5.0)
        load.configure(5.0)
        load.input(True)
        source.play([Segment(volts(40.0), 0.2), Segment(volts(100.0), 1.0)])
        rack.pass_time(1.0)
        assert (meter.power_failures, meter.running, load.is_on()) == (1, False, False)
        rack.pass_time(5.0)
        assert meter.running
        source.safe()
        for instrument in (load, source):
            instrument.close()
