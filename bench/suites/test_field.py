"""The radio path of a place: what its attenuator does to the level at the stick, and where nothing is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import held, parameter
from hil_drivers.errors import LinkError

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.places import Attenuator
    from bench.pytest_plugin.specimen import Specimen


@pytest.mark.requirement("B2", "U1")
@pytest.mark.needs("rack", "stick", "attenuator")
def test_the_level_follows_the_attenuator(meter: Specimen, attenuator: Attenuator, measure: Measure) -> None:
    """The same meter is heard at two settings: the levels differ by the step."""
    radio, step = meter.stick().radio, parameter("attenuation_step")
    levels = []
    for db in (0.0, step):
        attenuator.set(db)
        levels.append(radio.scan().rssi_dbm)
    first, second = levels
    measure("level", first, "dBm", resolution=0.275)
    held(measure, "level_step", None if first is None or second is None else first - second, resolution=0.275)


@pytest.mark.requirement("B9", "U1")
@pytest.mark.needs("rack", "stick", "attenuator")
def test_a_meter_out_of_reach_is_not_heard_and_comes_back(meter: Specimen, attenuator: Attenuator) -> None:
    """At the highest attenuation the stick finds nobody, which is an answer of its own; without it, it joins."""
    radio = meter.stick().radio
    attenuator.set(95.0)
    with pytest.raises(LinkError):
        radio.scan()
    attenuator.set(0.0)
    assert radio.join().joined
