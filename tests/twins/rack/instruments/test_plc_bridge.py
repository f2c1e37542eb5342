"""The bridge's front end, without a wire: what passes when, what does not, and who answers."""

from __future__ import annotations

import pytest

from protocols.echonet.frame import HEMS, NODE_PROFILE, Esv, Frame, Property
from tests.hil_drivers.bridges.quick import quick_bridge
from tests.twins.echonet.twin import twin_of, view_of
from twins.rack.faults import Conversation, Fault, Faulty, RackError
from twins.rack.instruments.plc_bridge import PlcBridge
from twins.rack.world.power_line import PowerLine

NODE = twin_of(view_of("current", False))
ASK = Frame(7, HEMS, NODE_PROFILE, Esv.GET, (Property(0x8A), Property(0x83))).to_bytes()


def all_of(talk: Conversation, now: float = 0.0) -> list[tuple[float, bytes]]:
    """What comes back, each when it is due."""
    found = []
    while (due := talk.due()) is not None:
        now = max(now, due)
        while answer := talk.take(now):
            found.append((now, answer))
    return found


def asked(bridge: PlcBridge | Faulty, *times: float) -> list[tuple[float, bytes]]:
    talk = bridge.connect(0.0)
    for at in times:
        talk.receive(ASK, at)
    return all_of(talk)


def test_an_answer_comes_back_after_the_way_there_and_the_way_back() -> None:
    bridge = quick_bridge(NODE)
    heard: list[float] = []
    answers = bridge.meter

    def meter(data: bytes, now: float) -> list[bytes]:
        heard.append(now)
        return answers(data, now)

    bridge.meter = meter
    ((at, answer),) = asked(bridge, 0.0)
    assert 0 < heard[0] < at
    assert [item.epc for item in Frame.from_bytes(answer).properties] == [0x8A, 0x83]


def test_datagrams_stay_apart_and_none_is_forgotten() -> None:
    found = asked(quick_bridge(NODE), 0.0, 0.0, 0.0)
    assert len(found) == 3
    assert {len(answer) for _, answer in found} == {len(found[0][1])}


def test_what_is_under_way_when_the_line_goes_dead_does_not_come_back() -> None:
    bridge = quick_bridge(NODE)
    talk = bridge.connect(0.0)
    talk.receive(ASK, 0.0)
    bridge.supplied = lambda now: False
    assert all_of(talk) == []
    assert asked(bridge, 1.0) == []
    bridge.supplied = lambda now: True
    assert len(asked(bridge, 2.0)) == 1


def test_on_a_line_without_margin_nothing_comes_back_and_nothing_waits() -> None:
    bridge = quick_bridge(NODE, margin_db=0.0)
    assert asked(bridge, *map(float, range(20))) == []


def test_where_no_meter_is_nothing_answers() -> None:
    assert asked(PlcBridge("plc-1", PowerLine("plc-1", margin_db=40.0)), 0.0) == []


def test_another_node_behind_it_differs_in_maker_and_number_alone() -> None:
    bridge = quick_bridge(NODE)
    ((_, own),) = asked(bridge, 0.0)
    bridge.afflict(Fault.WRONG_IDENTITY, True, 0.0)
    ((_, other),) = asked(bridge, 0.0)
    for before, after in zip(Frame.from_bytes(own).properties, Frame.from_bytes(other).properties, strict=True):
        assert before.epc == after.epc and len(before.edt) == len(after.edt) and before.edt != after.edt
    bridge.afflict(Fault.WRONG_IDENTITY, False, 0.0)
    assert asked(bridge, 0.0)[0][1] == own


def test_what_is_no_frame_passes_another_node_as_it_is() -> None:
    bridge = quick_bridge(NODE)
    bridge.afflict(Fault.WRONG_IDENTITY, True, 0.0)
    bridge.meter = lambda data, now: [b"no frame", b"\x10\x82\x00\x01free"]
    assert {answer for _, answer in asked(bridge, 0.0)} == {b"no frame", b"\x10\x82\x00\x01free"}


def test_a_fault_it_cannot_have_is_refused() -> None:
    with pytest.raises(RackError, match="cannot have the fault stuck-relay"):
        quick_bridge(NODE).afflict(Fault.STUCK_RELAY, True, 0.0)


def test_a_late_answer_and_the_next_one_are_two_datagrams() -> None:
    faulty = Faulty(quick_bridge(NODE))
    faulty.inject(Fault.LATE_ANSWER, 0.0, times=1, seconds=1.0)
    talk = faulty.connect(0.0)
    talk.receive(ASK, 0.0)
    assert talk.take(0.5) == b""
    talk.receive(ASK, 1.2)
    found = [talk.take(2.0), talk.take(2.0), talk.take(2.0)]
    assert [len(Frame.from_bytes(answer).properties) for answer in found if answer] == [2, 2]
