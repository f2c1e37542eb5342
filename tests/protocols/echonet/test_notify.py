from protocols.echonet.frame import HEMS, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.route_b import REPEATS, Repeats
from protocols.echonet.transport import Outgoing
from tests.protocols.echonet.vectors import EDT_A, node_a

HOME = "fe80::1"
HALF_HOUR = [0xEA, 0xEB]


def confirmation(notification: Outgoing) -> bytes:
    return Frame.from_bytes(notification.data).confirmation(HEMS).to_bytes()


def test_a_confirmed_notification_is_captured_shape_and_repeated_until_it_is_confirmed() -> None:  # trap 13
    node = node_a(repeats=Repeats(sends=3, period=20))
    (first,) = node.inform_confirmed(LV, HALF_HOUR, HOME, now=100)
    body = b"\x02" + b"".join(Property(epc, EDT_A[epc]).to_bytes() for epc in HALF_HOUR)
    assert first == Outgoing(bytes.fromhex("1081000102880105FF0174") + body, HOME)
    assert node.next_due() == 120
    assert node.due(119.9) == []
    assert node.due(120) == [first]
    assert node.receive(confirmation(first), HOME) == []
    assert node.due(1000) == []
    assert (node.next_due(), node.given_up) == (None, 0)


def test_a_notification_that_nobody_confirms_is_given_up_after_the_stated_number() -> None:
    node = node_a(repeats=Repeats(sends=3, period=20))
    sent = [*node.inform_confirmed(LV, HALF_HOUR, HOME, now=0)]
    for now in range(1, 200):
        sent += node.due(now)
    assert len(sent) == 3
    assert (node.next_due(), node.given_up) == (None, 1)


def test_only_the_right_peer_the_right_number_and_the_right_object_confirm() -> None:
    node = node_a()
    (sent,) = node.inform_confirmed(LV, HALF_HOUR, HOME, now=0)
    right = bytearray(confirmation(sent))
    wrong_tid, wrong_object = bytearray(right), bytearray(right)
    wrong_tid[3] ^= 1
    wrong_object[9] ^= 2
    node.receive(bytes(right), "someone else")
    node.receive(bytes(wrong_tid), HOME)
    node.receive(bytes(wrong_object), HOME)
    assert node.due(REPEATS.period) == [sent]
    node.receive(bytes(right), HOME)
    assert node.next_due() is None


def test_two_homes_are_told_and_confirm_each_for_itself() -> None:
    node = node_a()
    (one,) = node.inform_confirmed(LV, HALF_HOUR, "home 1", now=0)
    (two,) = node.inform_confirmed(LV, HALF_HOUR, "home 2", now=5)
    node.receive(confirmation(one), "home 1")
    assert node.due(5 + REPEATS.period) == [two]
