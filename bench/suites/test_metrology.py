"""What a meter measures, against what is known: the analyser of its place, its other values, its other protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import held, parameter

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.places import Place
    from bench.pytest_plugin.specimen import Specimen


@pytest.mark.requirement("M2")
@pytest.mark.needs("LV", "dlms")
def test_instantaneous_values_fit_together(meter: Specimen, measure: Measure) -> None:
    """Voltages are within what the law allows, and the power is what voltages and currents can carry."""
    now = meter.via("dlms").instant()
    apparent = 0.0
    for leg in ("r", "t"):
        volts, amps = getattr(now, f"voltage_{leg}_mv"), getattr(now, f"current_{leg}_ma")
        if volts is None:  # two wires have one leg
            continue
        held(measure, "voltage", volts / 1000, leg, resolution=0.001)
        apparent += volts * (amps or 0) / 1e6
    assert now.power_w is not None
    if apparent >= parameter("least_va"):
        held(measure, "power_factor", abs(now.power_w) / apparent, counted=True)


@pytest.mark.requirement("M2", "B1")
@pytest.mark.needs("LV", "dlms", "echonet")
def test_power_has_the_same_sign_by_every_protocol(meter: Specimen) -> None:
    """Energy that flows in flows in, whoever asks. Power changes from second to second: asked before and after."""
    for _ in range(5):
        before = meter.via("dlms").instant().power_w
        power = meter.via("echonet").instant().power_w
        after = meter.via("dlms").instant().power_w
        assert before is not None and power is not None and after is not None
        if before * after > 0:  # else it changed its direction meanwhile, or nothing flows
            assert power * before >= 0, f"{power} W by ECHONET Lite, {before} and {after} W by DLMS"
            return
    assert meter.has("rack"), "no power flowed in a home that is supplied"


@pytest.mark.requirement("M11")
@pytest.mark.needs("rack", "LV|HV", "source", "analyser", "load")
def test_a_short_dose_is_counted_within_the_class(meter: Specimen, place: Place, measure: Measure) -> None:
    """A dose at about rated current: counted by the register and by the analyser, both from the same zero.

    Short: the register's count and the analyser's accuracy widen the limit. The campaign *metrology* takes its time.
    """
    ratings = place.described.ratings
    amps = min(parameter("dose_amps"), ratings.amps)
    step = meter.reader.registers().resolution_wh or 1
    elements = len(place.described.wiring.source.phases) if place.described.wiring.source else 1
    wanted = step / (parameter("dose_share") / 100) * 3600 / (ratings.volts * elements * amps)
    first = meter.reader.registers().import_wh
    place.integrate("begin", volts=ratings.volts, amps=amps)
    place.load(amps)
    meter.wait(min(wanted, parameter("dose_seconds") * meter.scale))
    place.load(0)
    counted = place.integrate("end")
    last = meter.reader.registers().import_wh
    assert first is not None and last is not None
    assert counted["wh"] > 0, "the analyser has counted nothing"
    error = 100 * ((last - first) / counted["wh"] - 1)
    bound = 100 * step / counted["wh"] + (counted["percent"] or 0.0)
    allowed = float(ratings.accuracy_class.rstrip("S")) + bound
    measure("dose_error", error, "%", low=-allowed, high=allowed, resolution=bound)
