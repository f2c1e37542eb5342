"""The B-route over a stick: joining, who is let in, and what the home is told then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from bench.suites.raw_stick import RawStick
from hil_drivers.errors import LinkError, RefusedError
from protocols.echonet.frame import NODE_PROFILE, Frame

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


_INSTANCE_LIST = 0xD5
_GREETING_S = 10.0
_SILENCE_S = 3.0


@pytest.mark.requirement("B1", "B3")
@pytest.mark.needs("stick", "LV")
def test_a_stick_joins_is_greeted_and_reads(meter: Specimen) -> None:
    """Id and password open a session; the meter sends its instance list, then answers what is asked."""
    stick = meter.stick()
    assert stick.radio.join().joined
    deadline = time.monotonic() + _GREETING_S
    heard: list[list[int]] = []
    while not any(_INSTANCE_LIST in each for each in heard):
        data = stick.radio.receive(deadline)
        assert data is not None, f"no instance list (D5) within {_GREETING_S:g} s of joining; heard {heard}"
        frame = Frame.from_bytes(data)
        if frame.seoj.class_code == NODE_PROFILE.class_code:
            heard.append([item.epc for item in frame.properties])
    assert stick.instant().power_w is not None
    assert stick.registers().import_wh is not None


@pytest.mark.requirement("B3")
@pytest.mark.needs("stick", "LV")
def test_a_wrong_password_is_refused(meter: Specimen) -> None:
    """The right id, and a password of the right form that is not the meter's."""
    with pytest.raises((RefusedError, LinkError)) as refusal:
        meter.stick(password="000000000000").radio.join()
    assert isinstance(refusal.value, RefusedError), f"the meter did not say no: {refusal.value}"


@pytest.mark.requirement("B4")
@pytest.mark.needs("twin", "LV", "current", "stick")
def test_one_meter_has_one_controller(meter: Specimen) -> None:
    """While a controller is joined, the meter lets no second one in, and goes on answering the first."""
    first, second = meter.stick("BP35A1"), meter.stick("BP35C2")
    assert first.radio.join().joined
    with pytest.raises((RefusedError, LinkError)):
        second.radio.join()
    assert first.instant().power_w is not None


@pytest.mark.requirement("B7")
@pytest.mark.needs("twin", "LV", "next", "stick")
def test_a_meter_of_the_next_generation_has_several_controllers(meter: Specimen) -> None:
    """Two controllers at once, and both are answered."""
    first, second = meter.stick("BP35A1"), meter.stick("BP35C2")
    assert first.radio.join().joined and second.radio.join().joined
    assert first.instant().power_w is not None
    assert second.instant().power_w is not None


@pytest.mark.requirement("B5", "X2")
@pytest.mark.needs("stick", "LV")
def test_nobody_is_answered_before_joining(meter: Specimen) -> None:
    """A stick that is tuned to the meter asks it without a session, encrypted and in plain."""
    endpoint = meter.endpoint("wi-sun")
    if endpoint.about.get("dialect") != "BP35A1":
        pytest.skip(f"needs a stick that speaks BP35A1; here is {endpoint.about.get('dialect')}")
    assert endpoint.path is not None
    with RawStick(endpoint.path) as stick:
        address = stick.tune(endpoint.ids["route_b_id"])
        heard = stick.ask_power(address, 0, 0.0) + stick.ask_power(address, 2, _SILENCE_S)
    assert "ERXUDP" not in heard, f"without a session, the meter answered: {heard}"
