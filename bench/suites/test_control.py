"""What a head-end does to a meter: the switch, the limiter, and changes that are booked for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.suites.support import restored, soon
from hil_drivers.meter import Action, Booking

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


_A_WHILE = 600.0


@pytest.mark.requirement("A9")
@pytest.mark.needs("LV", "dlms")
def test_the_switch_opens_tells_so_and_closes(meter: Specimen) -> None:
    """Open means that no power flows; closed, that it may again. Told and done are the same."""
    with restored(meter) as reader:
        reader.close_switch()
        assert reader.switch().closed
        reader.open_switch()
        state = reader.switch()
        assert (state.closed, state.state) == (False, "disconnected"), f"opened, the meter tells {state}"
        assert not reader.instant().power_w, f"{reader.instant().power_w} W flow behind an open switch"
        before = reader.registers().import_wh
        meter.wait(min(_A_WHILE, meter.scale))
        assert reader.registers().import_wh == before, "the register goes on behind an open switch"
        reader.close_switch()
        assert reader.switch().closed


@pytest.mark.requirement("A10")
@pytest.mark.needs("LV", "dlms")
def test_the_limit_is_set_and_told(meter: Specimen) -> None:
    """Another ampere limit is in force as soon as it is set."""
    with restored(meter) as reader:
        other = reader.limit().normal_a + 10
        reader.set_limit(other)
        found = reader.limit()
        assert (found.normal_a, found.active_a) == (other, other), f"set to {other} A, the meter tells {found}"


@pytest.mark.requirement("A9", "A10")
@pytest.mark.needs("LV", "dlms")
def test_a_booked_limit_comes_into_force_at_its_time(meter: Specimen) -> None:
    """Booked for later it is told as booked, and not in force; at its time it is in force."""
    with restored(meter) as reader:
        other, at = reader.limit().normal_a + 10, soon(meter)
        reader.book(Booking(Action.LIMIT, at, other))
        if reader.clock().time < at:  # this machine was fast enough to look before
            assert Booking(Action.LIMIT, at, other) in reader.bookings()
            early = reader.limit().normal_a
            assert early != other or reader.clock().time >= at, "in force before its time"
        assert meter.until(lambda: reader.limit().normal_a == other, 2 * (at - meter.now()) + _A_WHILE), (
            f"booked for {at}, the limit is still {reader.limit().normal_a} A at {reader.clock().time}"
        )
