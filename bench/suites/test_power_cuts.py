"""A supply that fails and comes back: what a meter forgets, what it keeps, and what it tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import real_pause, restored
from hil_drivers.errors import LinkError

if TYPE_CHECKING:
    from bench.pytest_plugin.places import Place
    from bench.pytest_plugin.specimen import Specimen


_OFF_S = 1.0


@pytest.mark.requirement("M11")
@pytest.mark.needs("LV|HV", "relay|twin")
def test_the_register_survives_a_power_cut(meter: Specimen) -> None:
    """Behind the cut it is not lower, and no higher than what may have flowed meanwhile."""
    before = meter.reader.registers()
    meter.power_cycle()
    after = meter.reader.registers()
    assert before.import_wh is not None and after.import_wh is not None
    assert after.import_wh >= before.import_wh, f"{before.import_wh} Wh before, {after.import_wh} Wh after"


@pytest.mark.requirement("M11", "A10")
@pytest.mark.needs("LV", "dlms", "relay|twin")
def test_a_setting_survives_a_power_cut(meter: Specimen) -> None:
    """The ampere limit is still the one that was set."""
    with restored(meter) as reader:
        other = reader.limit().normal_a + 10
        reader.set_limit(other)
        meter.power_cycle()
        try:
            assert meter.via("dlms").limit().normal_a == other
        finally:
            meter.via("dlms").set_limit(other - 10)


@pytest.mark.requirement("M11", "A8")
@pytest.mark.needs("rack", "relay", "dlms")
def test_a_power_cut_is_counted_and_logged(meter: Specimen, place: Place) -> None:
    """One failure more, and the events of going and coming."""
    reader = meter.via("dlms")
    failures, since = reader.power_failures(), reader.clock().time
    _cut(meter, place)
    reader = meter.via("dlms")
    assert reader.power_failures() == failures + 1
    logged = reader.events(since - 1, reader.clock().time + 1)
    assert len(logged) >= 2, f"the log has {logged} since the supply went"


@pytest.mark.requirement("A8")
@pytest.mark.needs("rack", "relay", "dlms")
def test_a_meter_without_supply_is_silent(meter: Specimen, place: Place) -> None:
    """That is how an outage shows from afar; with the supply the meter is back."""
    place.power("off")
    real_pause(_OFF_S)
    try:
        with pytest.raises(LinkError):
            meter.another("dlms", 3.0).clock()
    finally:
        place.power("on")
    meter.comes_up()


def _cut(meter: Specimen, place: Place) -> None:
    meter.close()
    place.power("off")
    real_pause(_OFF_S)
    place.power("on")
    meter.comes_up()
