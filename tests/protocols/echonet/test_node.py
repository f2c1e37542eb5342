import pytest

from protocols.echonet.classes import HV_METER, LV_METER, WATER_METER, object_class, resolve
from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.frame import HEMS, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.history import DayHistory
from protocols.echonet.node import Node
from protocols.echonet.objects import NodeObject
from protocols.echonet.transport import PORT, reply_address
from tests.protocols.echonet.vectors import (
    EDT_A,
    FRAMES,
    VALUES,
    HistoryValues,
    Values,
    meter,
    node_a,
    profile,
)

HOME = "fe80::1"
DAY_EDT = object_class(LV_METER).properties[0xE2].codec


def ask(node: Node, wire: str) -> list[str]:
    """The answers to a datagram, which must all go to who asked."""
    outgoing = node.receive(bytes.fromhex(wire), HOME)
    assert {item.to for item in outgoing} <= {HOME}
    return [item.data.hex().upper() for item in outgoing]


def request(esv: str, body: str, deoj: str = "028801") -> str:
    return f"1081000105FF01{deoj}{esv}{body}"


READS = {name: (wire, epc) for name, (wire, epc, _) in VALUES.items() if name[0] == "A" and epc in EDT_A}


@pytest.mark.parametrize(("wire", "epc"), READS.values(), ids=READS.keys())
def test_the_meter_answers_a_read_as_the_captured_one_did(wire: str, epc: int) -> None:
    assert ask(node_a(), request("62", f"01{epc:02X}00")) == [wire.upper()]


def test_a_read_of_what_the_meter_does_not_have_is_refused_as_captured() -> None:
    assert ask(node_a(), request("62", "018300")) == [FRAMES["A6 refused 83"][0].upper()]


def test_one_bad_property_refuses_the_whole_read_but_shows_the_good_values() -> None:  # trap 12
    reply = ask(node_a(), request("62", "03E700" + "D000" + "E800"))
    assert reply == ["1081000102880105FF0152" + "03" + "E70400000278" + "D000" + "E804001E0032"]


def test_an_accepted_set_comes_back_empty_and_is_seen_by_the_next_read() -> None:
    node = node_a()
    assert ask(node, request("61", "01E50103")) == ["1081000102880105FF017101E500"]
    assert ask(node, request("62", "01E500")) == ["1081000102880105FF017201E50103"]


def test_a_refused_set_echoes_what_was_asked_and_the_accepted_part_holds() -> None:
    node = node_a()
    reply = ask(node, request("61", "03" + "E50103" + "E00400000000" + "E50164"))
    assert reply == ["1081000102880105FF015103" + "E500" + "E00400000000" + "E50164"]
    assert ask(node, request("62", "01E500")) == ["1081000102880105FF017201E50103"]


def test_a_set_that_the_meter_itself_refuses_is_refused() -> None:
    values = HistoryValues({**EDT_A, 0xE5: b"\x00"})
    values.refuse_sets = True
    reply = ask(Node(profile(), [meter(values)]), request("61", "01E50103"))
    assert reply == ["1081000102880105FF015101E50103"]


def test_a_set_without_confirmation_is_silent_unless_refused() -> None:
    node = node_a()
    assert ask(node, request("60", "01E50103")) == []
    assert ask(node, request("60", "01E50164")) == ["1081000102880105FF015001E50164"]
    assert ask(node, request("62", "01E500")) == ["1081000102880105FF017201E50103"]


def test_set_and_get_in_one_frame_reads_the_new_selection() -> None:
    (reply,) = ask(node_a(), request("6E", "01E50102" + "01E200"))
    frame = Frame.from_bytes(bytes.fromhex(reply))
    assert (frame.esv, frame.properties) == (Esv.SET_GET_RES, (Property(0xE5),))
    assert DAY_EDT.decode(frame.gets[0].edt) == DayHistory(2, tuple(range(1800, 1848)))


def test_a_refusal_in_either_list_of_set_and_get_refuses_both() -> None:
    bad_set = ask(node_a(), request("6E", "01E50164" + "01E700"))
    assert bad_set == ["1081000102880105FF015E" + "01E50164" + "01E70400000278"]
    bad_get = ask(node_a(), request("6E", "01E50101" + "01D000"))
    assert bad_get == ["1081000102880105FF015E" + "01E500" + "01D000"]


def test_two_homes_share_one_selection() -> None:  # trap 11
    node = node_a()
    node.receive(bytes.fromhex(request("61", "01E50101")), "home 1")
    node.receive(bytes.fromhex(request("61", "01E50107")), "home 2")
    (reply,) = node.receive(bytes.fromhex(request("62", "01E200")), "home 1")
    assert DAY_EDT.decode(Frame.from_bytes(reply.data).properties[0].edt).day == 7
    assert reply.to == "home 1"


def test_a_day_history_read_across_midnight_cannot_be_told_apart() -> None:  # trap 10
    values = HistoryValues({**EDT_A, 0xE5: b"\x00"})
    node = Node(profile(), [meter(values)])
    (before,) = ask(node, request("62", "01E200"))
    values.today += 1
    (after,) = ask(node, request("62", "01E200"))
    heading = slice(0, 2 * (14 + 2))
    assert before[heading] == after[heading]
    assert before != after


def test_a_request_to_notify_is_answered_to_everybody() -> None:
    node = node_a()
    (reply,) = node.receive(bytes.fromhex(request("63", "01EA00")), HOME)
    assert (reply.to, reply.data.hex().upper()) == (None, VALUES["A3 half-hour import"][0].replace("0172", "0173", 1))
    (listing,) = node.receive(bytes.fromhex(request("63", "01D500", "0EF001")), HOME)
    assert listing.data.hex().upper() == "108100010EF00105FF017301D50401028801"
    (refused,) = node.receive(bytes.fromhex(request("63", "01D000")), HOME)
    assert (refused.to, refused.data.hex().upper()) == (HOME, "1081000102880105FF015301D000")


def test_what_is_only_announced_cannot_be_read() -> None:
    assert ask(node_a(), request("62", "01D500", "0EF001")) == ["108100010EF00105FF015201D500"]


def test_the_profile_tells_what_discovery_asks_for() -> None:
    node = Node(profile(), [meter(), meter(instance=2)])
    reply = ask(node, request("62", "06" + "8200" + "8A00" + "D300" + "D400" + "D600" + "D700", "0EF001"))
    assert reply == [
        "108100010EF00105FF017206"
        "8204010E0100" + "8A03000016" + "D303000002" + "D4020002" + "D60702028801028802" + "D703010288"
    ]


def test_instance_zero_means_every_object_of_the_class() -> None:
    node = Node(profile(), [meter(instance=1), meter(instance=3)])
    assert ask(node, request("62", "01E700", "028800")) == [
        "1081000102880105FF017201E70400000278",
        "1081000102880305FF017201E70400000278",
    ]


@pytest.mark.parametrize("deoj", ["028802", "028A01", "028A00", "0EF002"])
def test_an_object_that_is_not_there_is_silent_unless_the_fault_is_planted(deoj: str) -> None:
    assert ask(node_a(), request("62", "01E700", deoj)) == []
    faulty = node_a(answer_unknown_objects=True)
    assert ask(faulty, request("62", "01E700", deoj)) == [f"10810001{deoj}05FF015201E700"]


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "10",
        "1181000105FF010288016201E700",
        "1082000105FF010288016201E700",
        "1083000105FF010288016201E700",
        "1081000105FF010288016401E700",
        "1081000105FF010288016202E700",
        "1081000105FF010288016200",
        "1081000105FF010288016E0000",
        "1081000105FF010288017201E70400000278",
        "1081000105FF010288017301E70400000278",
        "1081000105FF010288015201E700",
    ],
)
def test_what_is_no_request_is_met_with_silence(wire: str) -> None:
    assert ask(node_a(), wire) == []


def test_a_confirmed_notification_to_the_meter_is_confirmed_unless_it_came_to_the_group() -> None:
    wire = "1081000905FF010EF0017401D50401" + "05FF01"
    assert ask(node_a(), wire) == ["108100090EF00105FF017A01D500"]
    assert node_a().receive(bytes.fromhex(wire), HOME, multicast=True) == []


def test_reads_that_no_longer_fit_the_frame_are_refused() -> None:
    (reply,) = ask(node_a(), request("62", "08" + "E200" * 7 + "E700"))
    frame = Frame.from_bytes(bytes.fromhex(reply))
    assert frame.esv is Esv.GET_SNA
    assert [len(item.edt) for item in frame.properties] == [194] * 6 + [0, 4]
    assert len(reply) // 2 <= 1232


def test_a_high_voltage_meter_accepts_fewer_services() -> None:
    table = resolve(object_class(HV_METER), "F")
    values = Values({0xE1: b"\x00", 0xE0: b"\x01"})
    node = Node(profile(), [NodeObject(Eoj.of(0x028A01), table, values)])
    assert ask(node, request("61", "01E10105", "028A01")) == ["10810001028A0105FF017101E100"]
    assert ask(node, request("60", "01E10107", "028A01")) == ["10810001028A0105FF015001E10107"]
    assert ask(node, request("6E", "01E10107" + "01E000", "028A01")) == [
        "10810001028A0105FF015E" + "01E10107" + "01E000"
    ]
    assert ask(node, request("62", "02E100E000", "028A01")) == ["10810001028A0105FF017202" + "E10105" + "E00101"]


def test_after_joining_the_instance_list_goes_to_everybody() -> None:  # trap 14
    (announcement,) = node_a().announce()
    captured = bytes.fromhex(FRAMES["A8 instance list"][0])
    assert announcement.to is None
    assert announcement.data[:2] + announcement.data[4:] == captured[:2] + captured[4:]  # the TID is free


def test_a_half_hour_notification_goes_out_as_captured() -> None:
    node = node_a()
    (own,) = node.inform(LV, [0xEA, 0xEB], HOME)
    ea, eb = Property(0xEA, EDT_A[0xEA]), Property(0xEB, EDT_A[0xEB])
    assert Frame.from_bytes(own.data) == Frame(1, LV, HEMS, Esv.INF, (ea, eb))
    assert own.to == HOME
    (second,) = node.inform(LV, [0xEA])
    assert (second.to, second.data[2:4]) == (None, b"\x00\x02")


def test_only_properties_of_the_announcement_map_are_announced_on_change() -> None:
    node = node_a()
    (announcement,) = node.changed(LV, 0x80)
    assert (announcement.to, announcement.data[4:].hex().upper()) == (None, "02880105FF017301800130")
    assert node.changed(LV, 0xE7) == []


def test_what_has_no_value_cannot_be_told() -> None:
    for epcs in ([0xD0], [], [0xEA, 0x83]):
        with pytest.raises(UnknownPropertyError, match="no value to tell"):
            node_a().inform(LV, epcs)


def test_more_than_a_property_can_carry_is_refused() -> None:
    values = Values({**EDT_A, 0xE7: bytes(256)})
    assert ask(Node(profile(), [meter(values)]), request("62", "01E700")) == ["1081000102880105FF015201E700"]


def test_an_answer_goes_to_port_3610_whatever_port_the_request_came_from() -> None:  # trap 1
    assert PORT == 3610
    assert reply_address(("127.0.0.2", 23610)) == ("127.0.0.2", 3610)
    assert reply_address(("fe80::1", 50000, 0, 7)) == ("fe80::1", 3610, 0, 7)


def test_objects_that_cannot_stand_in_one_node_are_refused() -> None:
    water = resolve(object_class(WATER_METER), "R")
    with pytest.raises(UnknownPropertyError, match="028800 is no object"):
        meter(instance=0)
    with pytest.raises(UnknownPropertyError, match="028801 is no object of the class water"):
        NodeObject(LV, water, Values({}))
    with pytest.raises(UnknownPropertyError, match="no node profile"):
        Node(meter(), [])
    with pytest.raises(UnknownPropertyError, match="each only once"):
        Node(profile(), [meter(), meter()])
    with pytest.raises(UnknownPropertyError, match="each only once"):
        Node(profile(), [profile()])
    with pytest.raises(UnknownPropertyError, match="at most 84"):
        Node(profile(), [meter(instance=n) for n in range(1, 86)])


def test_the_release_that_an_object_states_is_that_of_its_table() -> None:
    item = NodeObject(LV, resolve(object_class(LV_METER), "R"), Values({}), revision=2)
    assert item.value(0x82) == bytes.fromhex("00005202")


def test_an_object_that_the_node_does_not_have_cannot_tell_anything() -> None:
    with pytest.raises(UnknownPropertyError, match="no object 028802"):
        node_a().inform(Eoj(0x0288, 2), [0xEA])
    with pytest.raises(UnknownPropertyError, match="no object 028802"):
        node_a().changed(Eoj(0x0288, 2), 0x80)
