"""The B-route over a stick: joining, who is let in, and what the home is told then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.suites.half_hours import Listener
from bench.suites.raw_stick import RawStick
from bench.suites.support import HALF_HOUR, held, wire
from hil_drivers.errors import LinkError, RefusedError
from hil_drivers.meters.echonet_node import EchonetNode
from protocols.echonet.frame import HEMS, NODE_PROFILE, Esv, Frame, Property
from protocols.echonet.route_b import HALF_HOUR_WITHIN, REPEATS

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.specimen import Specimen


_INSTANCE_LIST = 0xD5
_GREETING_S = 10.0
_SILENCE_S = 3.0
_STATUS = 0x80
_STRANGER = 0xF000  # a TID that no request of ours has
_AT_ONCE = 400
_AGAIN_S = 2.0
_PATIENCE_S = 30.0
_REPEATED = 2  # periods of a repeat that we wait for it


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
    path, ids = _by_hand(meter)
    with RawStick(path) as stick:
        address = stick.tune(ids["route_b_id"])
        heard = stick.ask_power(address, 0, 0.0) + stick.ask_power(address, 2, _SILENCE_S)
    assert "ERXUDP" not in heard, f"without a session, the meter answered: {heard}"


@pytest.mark.requirement("B3")
@pytest.mark.needs("stick", "LV")
def test_a_session_is_granted_for_a_limited_time(meter: Specimen, measure: Measure) -> None:
    """The lifetime in the meter's last packet of the joining: then the controller has to prove itself again."""
    path, ids = _by_hand(meter)
    with RawStick(path) as stick:
        lifetime = stick.join(stick.tune(ids["route_b_id"]), ids["password"])
    if lifetime is None:
        pytest.skip("this stick does not show the packets of its joining")
    held(measure, "session_lifetime", lifetime)


@pytest.mark.requirement("B6", "B1")
@pytest.mark.needs("twin", "LV", "echonet")
def test_a_half_hour_that_nobody_confirms_is_told_again(meter: Specimen) -> None:
    """What a controller does not confirm comes a second time, byte by byte; then it is confirmed."""
    meter.affords(HALF_HOUR + HALF_HOUR_WITHIN, "a half-hour is told")
    heard: set[bytes] = set()
    with Listener(meter.endpoint("echonet")) as controller:
        until = time.monotonic() + (HALF_HOUR + HALF_HOUR_WITHIN) / meter.scale + _REPEATED * REPEATS.period
        while (data := controller.hear(until)) not in heard:
            assert data is not None, f"{len(heard)} half-hours were told, none of them twice"
            heard.add(data)
        controller.confirm(data)


@pytest.mark.requirement("B6")
@pytest.mark.needs("echonet")
def test_a_meter_that_was_asked_too_often_answers_again(meter: Specimen) -> None:
    """Many requests at once, answered or not: the meter is there for the one that comes after them."""
    carrier, eoj = wire(meter, wait_s=_AGAIN_S)
    frame = Frame(_STRANGER, HEMS, eoj, Esv.GET, (Property(_STATUS, b""),)).to_bytes()
    with closing(EchonetNode(carrier, eoj)) as node:
        for _ in range(_AT_ONCE):
            carrier.send(frame)
        assert meter.until(lambda: _answers(node), _PATIENCE_S * meter.scale), "it answers no more"


def _answers(node: EchonetNode) -> bool:
    try:
        return _STATUS in node.read((_STATUS,))
    except LinkError:
        return False


def _by_hand(meter: Specimen) -> tuple[str, Mapping[str, str]]:
    """Path and credentials of a stick that can be told each command; skips where there is none."""
    endpoint = meter.endpoint("wi-sun")
    if endpoint.about.get("dialect") != "BP35A1":
        pytest.skip(f"needs a stick that speaks BP35A1; here is {endpoint.about.get('dialect')}")
    assert endpoint.path is not None
    return endpoint.path, endpoint.ids
