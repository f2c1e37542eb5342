"""The IoT route: gas and water meters, by themselves and through the smart meter that they hang on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import newest_half_hours

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


@pytest.mark.requirement("A15")
@pytest.mark.needs("host", "dlms")
def test_a_host_tells_the_newest_half_hour_of_the_meters_behind_it(meter: Specimen) -> None:
    """Kind, volume and time of every gas and water meter, no older than the half-hour that ended last."""
    before = meter.now()
    found = meter.via("dlms").attached()
    newest = newest_half_hours(before, meter.now())
    assert found, "nothing is read through this meter"
    for each in found:
        assert each.kind in ("gas", "water") and each.volume_l >= 0
        assert each.end in newest, f"the {each.kind} meter's half-hour ended at {each.end}"


@pytest.mark.requirement("A15")
@pytest.mark.needs("gas|water", "echonet")
def test_a_volume_is_read_and_does_not_fall(meter: Specimen) -> None:
    """The register of a gas or water meter, twice."""
    reader = meter.via("echonet")
    first, second = reader.registers().volume_l, reader.registers().volume_l
    assert first is not None and second is not None
    assert second >= first, f"the volume fell from {first} to {second} l"
