from datetime import datetime
from decimal import Decimal

import pytest

from protocols.echonet.classes import (
    GAS_METER,
    HV_METER,
    HV_METER_BIDIRECTIONAL,
    LV_METER,
    WATER_METER,
    object_class,
)
from protocols.echonet.controller import Controller, Notification, Response
from protocols.echonet.errors import EncodeError, MissingCoefficientError, UnknownPropertyError
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.frame import NODE_PROFILE, Eoj, Esv, Property
from protocols.echonet.history import DayHistory, Series, Stamped
from protocols.echonet.node import Node
from protocols.echonet.quantities import Quantities
from protocols.echonet.route_b import (
    STARTUP_READS,
    HalfHourNotification,
    accepted_services,
    half_hour_notification,
    response_wait,
)
from protocols.echonet.values import Special
from protocols.errors import ProtocolError
from tests.protocols.echonet.vectors import FRAMES, VALUES, meter, node_a, profile

METER = "fe80::2"
HOME = "fe80::1"


def exchange(controller: Controller, node: Node, wire: bytes) -> list[Response | Notification | None]:
    return [controller.receive(item.data, METER) for item in node.receive(wire, HOME)]


def test_the_spec_derived_set_of_ef_is_what_the_controller_sends() -> None:
    wire, frame = FRAMES["spec-derived SetC EF"]
    request = Controller(first_tid=2).set(METER, LV, frame.properties, now=0)
    assert request.outgoing.data == bytes.fromhex(wire)
    assert request.outgoing.to == METER


def test_a_read_is_answered_and_then_forgotten() -> None:
    controller = Controller()
    request = controller.get(METER, LV, [0xE7, 0xE8], now=0)
    (response,) = exchange(controller, node_a(), request.outgoing.data)
    assert isinstance(response, Response)
    assert response.served == (Property(0xE7, bytes.fromhex("00000278")), Property(0xE8, bytes.fromhex("001E0032")))
    assert (response.refused, response.as_asked, response.sender) == ((), True, METER)
    assert controller.receive(response.frame.to_bytes(), METER) is None
    assert controller.expired(1e9) == []


def test_a_refused_read_tells_good_from_bad() -> None:
    controller = Controller()
    (response,) = exchange(controller, node_a(), controller.get(METER, LV, [0xE7, 0xD0], 0).outgoing.data)
    assert isinstance(response, Response)
    assert ([item.epc for item in response.served], response.refused) == ([0xE7], (0xD0,))


def test_a_refused_set_tells_good_from_bad() -> None:
    controller = Controller()
    request = controller.set(METER, LV, [Property(0xE5, b"\x01"), Property(0xE0, bytes(4))], 0)
    (response,) = exchange(controller, node_a(), request.outgoing.data)
    assert isinstance(response, Response)
    assert ([item.epc for item in response.served], response.refused) == ([0xE5], (0xE0,))


def test_an_unconfirmed_set_that_went_well_only_expires() -> None:
    controller = Controller()
    request = controller.set(METER, LV, [Property(0xE5, b"\x01")], 0, confirmed=False)
    assert exchange(controller, node_a(), request.outgoing.data) == []
    assert controller.expired(request.deadline) == [request]


@pytest.mark.parametrize(("day", "refused"), [(b"\x01", ()), (b"\x64", (0xE5,))])
def test_set_and_get_brings_a_chosen_day_in_one_go(day: bytes, refused: tuple[int, ...]) -> None:
    controller = Controller()
    request = controller.set_get(METER, LV, [Property(0xE5, day)], [0xE2], 0)
    (response,) = exchange(controller, node_a(), request.outgoing.data)
    assert isinstance(response, Response)
    assert response.refused == refused
    assert response.served[-1].epc == 0xE2


def test_a_request_to_notify_ends_with_the_notification() -> None:
    controller = Controller()
    request = controller.ask_to_inform(METER, NODE_PROFILE, [0xD5], 0)
    (response,) = exchange(controller, node_a(), request.outgoing.data)
    assert isinstance(response, Response)
    assert response.frame.esv is Esv.INF
    assert response.served[0].edt == bytes.fromhex("01028801")


def test_answers_of_all_objects_are_collected_until_the_time_is_over() -> None:
    controller = Controller()
    node = Node(profile(), [meter(), meter(instance=2)])
    request = controller.get(None, Eoj(0x0288, 0), [0xE7], 0)
    responses = exchange(controller, node, request.outgoing.data)
    assert [response.frame.seoj for response in responses if isinstance(response, Response)] == [LV, Eoj(0x0288, 2)]
    assert controller.expired(19.9) == []
    assert controller.expired(20) == [request]


@pytest.mark.parametrize(
    "wire",
    [
        "1081000202880105FF017201E70400000278",  # another TID
        "1081000102880205FF017201E70400000278",  # another instance
        "1081000102880105FF027201E70400000278",  # to another controller
        "1081000102880105FF017101E700",  # the answer to another service
        "1082000102880105FF017201E70400000278",
        "1081000102880105FF017201E704000002",
    ],
)
def test_what_does_not_fit_the_request_is_no_answer(wire: str) -> None:
    controller = Controller()
    request = controller.get(METER, LV, [0xE7], 0)
    assert controller.receive(bytes.fromhex(wire), METER) is None
    assert controller.expired(request.deadline) == [request]


def test_an_answer_from_another_peer_is_no_answer() -> None:
    controller = Controller()
    controller.get(METER, LV, [0xE7], 0)
    wire = bytes.fromhex(VALUES["A1 power"][0])
    assert controller.receive(wire, "someone else") is None
    assert isinstance(controller.receive(wire, METER), Response)


def test_an_answer_with_other_properties_than_asked_is_shown_as_such() -> None:
    controller = Controller()
    controller.get(METER, LV, [0xE8], 0)
    response = controller.receive(bytes.fromhex(VALUES["A1 power"][0]), METER)
    assert isinstance(response, Response)
    assert not response.as_asked


def test_a_captured_confirmed_notification_is_confirmed() -> None:
    wire, frame = FRAMES["C12 half-hour INFC"]
    notification = Controller().receive(bytes.fromhex(wire), METER)
    assert isinstance(notification, Notification)
    assert notification.properties == frame.properties
    assert notification.confirmation is not None
    assert notification.confirmation.to == METER
    assert notification.confirmation.data == bytes.fromhex("1081029F05FF010288017A02EA00EB00")


@pytest.mark.parametrize("name", ["A8 instance list", "B10 half-hour INF"])
def test_captured_notifications_need_no_confirmation(name: str) -> None:
    wire, frame = FRAMES[name]
    assert Controller().receive(bytes.fromhex(wire), METER) == Notification(METER, frame, None)


def test_a_tid_under_way_is_not_taken_again_and_zero_never() -> None:
    controller = Controller(first_tid=0xFFFE)
    tids = [controller.get(METER, LV, [0xE7], 0).frame.tid for _ in range(3)]
    assert tids == [0xFFFE, 0xFFFF, 1]
    for _ in range(0xFFFF - 3):
        controller.get(METER, LV, [0xE7], 0)
    with pytest.raises(EncodeError, match="every TID"):
        controller.get(METER, LV, [0xE7], 0)


def test_a_request_that_cannot_be_sent_does_not_wait() -> None:
    controller = Controller()
    with pytest.raises(EncodeError, match="does not fit"):
        controller.get(METER, LV, range(256 + 1), 0)
    assert controller.expired(1e9) == []


def test_a_controller_waits_20_or_60_seconds() -> None:  # trap 22
    assert response_wait([0xE7]) == 20
    assert [response_wait([epc]) for epc in (0xE2, 0xE4)] == [60, 60]
    assert response_wait([0xE7, 0xE8]) == 60


def test_the_start_up_reads_are_all_answered_by_the_captured_meter() -> None:
    controller = Controller()
    for epcs in STARTUP_READS:
        (response,) = exchange(controller, node_a(), controller.get(METER, LV, epcs, 0).outgoing.data)
        assert isinstance(response, Response)
        assert [item.epc for item in response.served] == list(epcs)


def test_the_rules_of_the_route_name_what_they_rule() -> None:
    assert half_hour_notification(0x0288) == HalfHourNotification((0xEA, 0xEB), 300)
    assert Esv.SET_I not in accepted_services(0x028A)
    assert Esv.SET_GET in accepted_services(0x0288)
    assert accepted_services(0x0281) == accepted_services(0x0EF0)


def lv(*known: str) -> Quantities:
    quantities = Quantities(object_class(LV_METER))
    quantities.learn(Property(bytes.fromhex(item)[0], bytes.fromhex(item)[1:]) for item in known)
    return quantities


@pytest.mark.parametrize(
    ("known", "kwh"),
    [
        (["E101"], "6513.9"),  # trap 8: without D3 the coefficient is 1
        (["E101", "D300000001"], "6513.9"),
        (["E101", "D300000078"], "781668.0"),
        (["E10A"], "651390"),
        (["E10D", "D300000002"], "1302780000"),
    ],
)
def test_energy_is_the_register_times_coefficient_times_unit(known: list[str], kwh: str) -> None:
    quantity = lv(*known).decode(Property(0xE0, bytes.fromhex("0000FE73")))
    assert (quantity.value, quantity.unit) == (Decimal(kwh), "kWh")


def test_without_the_unit_there_is_no_energy() -> None:
    with pytest.raises(MissingCoefficientError, match="E1 was never read"):
        lv().decode(Property(0xE0, bytes.fromhex("0000FE73")))


def test_power_and_current_are_signed_and_need_no_coefficient() -> None:  # trap 7
    quantities = lv()
    assert quantities.decode(Property(0xE7, bytes.fromhex("FFFFFD88"))).value == Decimal(-632)
    currents = quantities.decode(Property(0xE8, bytes.fromhex("FFE27FFE")))
    assert (currents.value, currents.unit) == ((Decimal("-3.0"), Special.NO_DATA), "A")


def test_every_shape_of_history_is_scaled_and_gaps_stay_gaps() -> None:
    quantities = lv("E102")
    gap, hundredth = Special.NO_DATA, Decimal("0.01")
    stamped = quantities.decode(Property(0xEA, bytes.fromhex("07EA05140E000000000001"))).value
    assert stamped == Stamped(datetime(2026, 5, 20, 14), (hundredth,))
    day = quantities.decode(Property(0xE2, bytes.fromhex("0001" + "FFFFFFFE" + "00000001" * 47))).value
    assert day == DayHistory(1, (gap, *[hundredth] * 47))
    series = quantities.decode(Property(0xEE, bytes.fromhex("07EA05140A1E01" + "00000001FFFFFFFE"))).value
    assert isinstance(series, Series)
    assert series.rows == ((hundredth, gap),)


def test_what_has_no_unit_stays_as_it_is() -> None:
    quantity = lv().decode(Property(0xD7, b"\x06"))
    assert (quantity.name, quantity.value, quantity.unit) == ("effective digits of energy", 6, "")


@pytest.mark.parametrize(
    ("name", "known", "item", "value", "unit"),
    [
        (HV_METER, "D30000003C D401 E601", "E2 07EA05140E0000 00000064", "60.000", "kWh"),
        (HV_METER, "D30000003C D400 C502", "C1 0000000A", "6.00", "kW"),
        (HV_METER_BIDIRECTIONAL, "D300000002 D400 E60E", "D0 07EA05140E0000 00000003 00000000", "600000", "kWh"),
        (HV_METER_BIDIRECTIONAL, "", "EA FFFFFFFF", "-1", "W"),
        (WATER_METER, "E103", "E0 000004D2", "1.234", "m³"),
        (GAS_METER, "", "E0 000004D2", "1.234", "m³"),
    ],
)
def test_other_classes_scale_by_their_own_tables(name: str, known: str, item: str, value: str, unit: str) -> None:
    quantities = Quantities(object_class(name))
    quantities.learn(Property(bytes.fromhex(part)[0], bytes.fromhex(part)[1:]) for part in known.split())
    raw = bytes.fromhex(item)
    quantity = quantities.decode(Property(raw[0], raw[1:]))
    number = quantity.value.values[0] if isinstance(quantity.value, Stamped) else quantity.value
    assert (number, quantity.unit) == (Decimal(value), unit)


def test_nothing_is_learned_from_a_refused_read() -> None:
    quantities = lv("E101", "E1")
    assert quantities.decode(Property(0xE0, bytes(4))).value == 0


def test_malformed_and_unknown_properties_say_so() -> None:
    with pytest.raises(ProtocolError, match="means nothing"):
        lv("E105")
    with pytest.raises(UnknownPropertyError, match="no EPC B0"):
        lv().decode(Property(0xB0, b"\x00"))
