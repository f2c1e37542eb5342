"""A twin's node: who it is, what it announces, what it refuses, when it tells its half-hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.frame import HEMS, NODE_PROFILE, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.route_b import HALF_HOUR_WITHIN, REPEATS
from protocols.slots import SLOT_SECONDS
from tests.twins.echonet.twin import HOME, NOW, ask, read, request, twin_of, view_of
from twins.echonet.notices import HalfHourNotices

BOUNDARY = int(NOW // SLOT_SECONDS) * SLOT_SECONDS


def test_at_start_the_node_announces_its_one_meter_to_everybody() -> None:
    (told,) = twin_of(view_of("current", False)).announce()
    assert told.to is None
    assert told.data[4:] == bytes.fromhex("0EF0010EF0017301D50401028801")


def test_the_node_answers_what_discoveries_ask() -> None:
    twin = twin_of(view_of("current", False))
    who = twin.view.identity
    maker, product, unique, instances = read(twin, 0x8A, 0x8C, 0x83, 0xD6, deoj=NODE_PROFILE)
    assert (maker, product.rstrip(b"\0")) == (who.maker, who.product.encode())
    assert unique[:4] == b"\xfe" + who.maker
    assert len(unique) == 17
    assert instances == bytes.fromhex("01028801")


def test_node_numbers_differ_from_twin_to_twin() -> None:
    views = [view_of("current", False), view_of("current", True), view_of("next", False)]
    assert len({read(twin_of(view), 0x83, deoj=NODE_PROFILE)[0] for view in views}) == len(views)


def test_one_property_that_is_not_there_refuses_the_read_and_shows_the_others() -> None:
    twin = twin_of(view_of("current", False))
    answer = ask(twin, Esv.GET, Property(0xE1), Property(0xEB), Property(0xD7))
    assert answer.esv is Esv.GET_SNA
    assert [(item.epc, len(item.edt)) for item in answer.properties] == [(0xE1, 1), (0xEB, 0), (0xD7, 1)]


@pytest.mark.parametrize("deoj", [Eoj.of(0x028802), Eoj.of(0x028701), HEMS])
def test_objects_that_a_twin_does_not_have_are_silent(deoj: Eoj) -> None:
    assert twin_of(view_of("current", False)).receive(request(Esv.GET, Property(0xE7), deoj=deoj), HOME, NOW) == []


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_met_with_silence_or_a_refusal_and_the_next_request_is_served(garbage: list[bytes]) -> None:
    twin = twin_of(view_of("next", True))
    for data in garbage:
        for start in (b"", bytes.fromhex("1081000105FF01028801")):
            twin.receive(start + data, "stranger", NOW)
    assert read(twin, 0xE1) == [b"\x03"]


@pytest.mark.parametrize(("generator", "epcs"), [(True, [0xEA, 0xEB]), (False, [0xEA])])
def test_a_half_hour_is_told_to_everybody_unasked(generator: bool, epcs: list[int]) -> None:
    twin = twin_of(view_of("current", generator))
    (told,) = twin.tell_half_hour(BOUNDARY + 40)
    frame = Frame.from_bytes(told.data)
    assert (told.to, frame.esv, frame.seoj, frame.deoj) == (None, Esv.INF, LV, HEMS)
    assert [item.epc for item in frame.properties] == epcs
    assert [item.edt for item in frame.properties] == read(twin, *epcs, now=BOUNDARY)


def test_a_half_hour_for_a_controller_is_repeated_until_it_confirms() -> None:
    twin = twin_of(view_of("current", True))
    (told,) = twin.tell_half_hour(BOUNDARY + 40, HOME, steady=5.0)
    frame = Frame.from_bytes(told.data)
    assert (told.to, frame.esv) == (HOME, Esv.INFC)
    assert twin.due(5.0 + REPEATS.period - 1) == []
    assert [item.data for item in twin.due(5.0 + REPEATS.period)] == [told.data]
    twin.receive(frame.confirmation(HEMS).to_bytes(), HOME, NOW)
    assert twin.due(5.0 + 10 * REPEATS.period) == []
    assert twin.given_up == 0


def test_each_twin_tells_each_half_hour_once_within_five_minutes() -> None:
    notices = HalfHourNotices(1, range(50), BOUNDARY + 1)
    told: dict[int, list[float]] = {place: [] for place in range(50)}
    while (moment := notices.next_due()) < BOUNDARY + 3 * SLOT_SECONDS:
        for place in notices.due(moment):
            told[place].append(moment)
    for moments in told.values():
        first, second = moments
        assert 0 < first - (BOUNDARY + SLOT_SECONDS) < HALF_HOUR_WITHIN
        assert second - first == SLOT_SECONDS
    assert len({first for first, _ in told.values()}) == 50


def test_half_hours_that_were_slept_through_are_told_once() -> None:
    notices = HalfHourNotices(1, range(5), BOUNDARY)
    awake = BOUNDARY + 7 * SLOT_SECONDS + 400
    assert sorted(notices.due(awake)) == list(range(5))
    assert notices.next_due() > BOUNDARY + 8 * SLOT_SECONDS
