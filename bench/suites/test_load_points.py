"""The power that a meter tells, against the analyser of its place: fine enough to see it drift from night to night.

A register of whole counts needs hours for a tenth of a per cent; the power of one moment shows it at once. What the
register counts is looked at by ``test_metrology.py`` and the campaign *metrology*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import parameter, real_pause

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.places import Place
    from bench.pytest_plugin.specimen import Specimen


_POINTS = ((0.5, 1.0), (1.0, 1.0), (1.0, 0.8), (1.0, 0.5))
"""Part of the largest current that this looks at, and power factor."""

_ONE_W = 1.0  # what a meter's power is told in


@pytest.mark.requirement("M2", "M11")
@pytest.mark.needs("rack", "LV|HV", "dlms", "source", "analyser", "load")
def test_power_is_that_of_the_analyser_at_every_load(meter: Specimen, place: Place, measure: Measure) -> None:
    """Some currents and power factors, each held until analyser and meter show it."""
    ratings = place.described.ratings
    largest, allowed = min(parameter("point_amps"), ratings.amps), float(ratings.accuracy_class.rstrip("S"))
    names, errors = [], []
    for part, factor in _POINTS:
        amps = part * largest
        place.integrate("begin", volts=ratings.volts, amps=amps)  # for its ranges, and the bound on its error
        place.load(amps, factor)
        real_pause(parameter("point_update"))
        told, true = meter.via("dlms").instant().power_w, _true_watts(place)
        bound = place.integrate("read")["percent"] or 0.0
        place.load(0)
        assert told is not None and true > 0, f"the meter tells {told} W, the analyser {true:g} W"
        names.append(f"{amps:g} A {factor:g}")
        errors.append(100 * (told / true - 1))
        step = 100 * _ONE_W / true
        measure(
            f"power_error {names[-1]}", errors[-1], "%", low=-allowed, high=allowed, bound=bound + step / 2,
            resolution=step,
        )  # fmt: skip
    place.integrate("end")
    from bench.report.points import points_picture  # most sessions collect this file and draw nothing

    picture = points_picture(names, errors, -allowed, allowed, "error of the power", "%")
    measure.attach("error over load", picture, "svg")


def _true_watts(place: Place) -> float:
    """What the analyser reads in the elements of the place."""
    wired = place.described.wiring.analyser
    assert wired is not None
    watts = place.measure()["analyser"]["watts"]
    return float(sum(watts[element - 1] for element in wired.elements))
