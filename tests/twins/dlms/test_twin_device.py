"""A twin behind DLMS: what is read is the twin's state, what is done is done, logged and remembered over a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.dlms.apdu import Attribute, DataAccessResult, Method
from protocols.dlms.axdr import Data, array, octets, structure
from protocols.dlms.client import AccessRefusedError, AssociationRefusedError
from protocols.dlms.clock import DateTime
from protocols.dlms.image import IMAGE_TRANSFER, Status
from protocols.dlms.interface_classes import CLASSES
from protocols.dlms.limiter import LIMITER
from protocols.dlms.profile import REGISTER_SPAN
from protocols.dlms.roles import CURRENT_ASSOCIATION, SECURITY_SETUP
from protocols.dlms.security import wrap_key
from protocols.dlms.values import enum, int8, uint16, uint32
from protocols.errors import ProtocolError
from protocols.slots import SLOT_SECONDS, jst
from tests.twins.dlms.rig import Link, Rig, manager, mixed_plan, public, reader
from twins.device.device import LIMIT_SCRIPTS, SWITCH_SCRIPTS
from twins.device.factory import event_codes, factory
from twins.device.image import test_image as image_of
from twins.dlms import names
from twins.memory.journal import JOURNAL

SWITCH = bytes([0, 0, 96, 3, 10, 255])
NOTHING = int8(0)


def get(link: Link, class_id: int, name: bytes, number: int = 2) -> object:
    return link.run(link.client.get(Attribute(class_id, name, number))).value


def put(link: Link, class_id: int, name: bytes, number: int, value: Data) -> None:
    link.run(link.client.set(Attribute(class_id, name, number), value))


def call(link: Link, class_id: int, name: bytes, number: int, value: Data = NOTHING) -> None:
    link.run(link.client.action(Method(class_id, name, number), value))


def events(rig: Rig) -> list[str]:
    by_code = {code: name for name, code in event_codes().items()}
    return [by_code[event.code] for event in rig.device.memory.events]


@pytest.mark.parametrize("generation", ["current", "next"])
def test_registers_are_those_of_the_twin(tmp_path: Path, generation: str) -> None:
    rig = Rig(tmp_path, generation=generation)
    link, view = reader(rig).associated(), rig.view
    active, reactive, seen = view.active(rig.now), view.reactive(rig.now), view.electric(rig.now)
    assert get(link, 3, names.IMPORT_WH) == active.import_wh % REGISTER_SPAN
    assert get(link, 3, names.EXPORT_WH) == active.export_wh % REGISTER_SPAN
    assert get(link, 3, names.PLUS_VARH) == reactive.plus_varh % REGISTER_SPAN
    assert get(link, 3, names.MINUS_VARH) == reactive.minus_varh % REGISTER_SPAN
    assert get(link, 3, names.obis(1, 0, 1, 7, 0)) == max(seen.power_w, 0)
    assert get(link, 3, names.obis(1, 0, 2, 7, 0)) == max(-seen.power_w, 0)
    assert get(link, 3, names.obis(1, 0, 16, 7, 0)) == seen.power_w
    assert get(link, 3, names.obis(1, 0, 31, 7, 0)) == abs(seen.current_r_ma)
    assert get(link, 3, names.VOLTAGE_R) == seen.voltage_r_mv
    assert get(link, 1, names.SERIAL) == view.identity.serial.encode()
    assert get(link, 1, names.FIRMWARE) == view.identity.firmware.encode()


@pytest.mark.parametrize("index", range(6))
def test_a_two_wire_meter_has_no_objects_of_a_second_leg(tmp_path: Path, index: int) -> None:
    rig = Rig(tmp_path, index)
    link = reader(rig).associated()
    if rig.view.three_wire:
        assert get(link, 3, names.VOLTAGE_T) == rig.view.electric(rig.now).voltage_t_mv
    else:
        with pytest.raises(AccessRefusedError) as refused:
            get(link, 3, names.VOLTAGE_T)
        assert refused.value.result is DataAccessResult.OBJECT_UNDEFINED


@pytest.mark.parametrize("period", names.PROFILES)
def test_a_load_profile_has_the_rows_of_the_record(tmp_path: Path, period: int) -> None:
    rig = Rig(tmp_path)
    link = reader(rig).associated()
    first = int(rig.now) - 3 * period
    rows = link.run(link.client.get_range(names.PROFILES[period], first, int(rig.now)))
    expected = rig.view.record(period, first, rig.now, rig.now)
    assert len(rows) == len(expected) == 3
    for row, record in zip(rows, expected, strict=True):
        assert DateTime.from_bytes(row[0].value).unix() == record.end
        assert row[2].value == record.active.import_wh % REGISTER_SPAN
        assert row[3].value == record.active.export_wh % REGISTER_SPAN


def test_a_whole_month_of_half_hours_comes_in_blocks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, generation="current", after=48)
    link = reader(rig, max_pdu=1024).associated()
    rows = link.run(link.client.get(Attribute(7, names.PROFILES[1800], 2))).value
    assert len(rows) == get(link, 7, names.PROFILES[1800], 7) == get(link, 7, names.PROFILES[1800], 8) == 45 * 48
    assert len(link.sent) > 20


@pytest.mark.parametrize("client", [public, reader, manager])
def test_every_attribute_of_a_listed_object_is_listed_and_is_given_to_whom_the_list_says(
    tmp_path: Path, client: Callable[[Rig], Link]
) -> None:
    link = client(Rig(tmp_path)).associated()
    objects: Any = get(link, 15, CURRENT_ASSOCIATION)
    for class_id, _, name, rights in ([item.value for item in entry.value] for entry in objects):
        listed = {number.value: mode.value for number, mode, _ in (right.value for right in rights[0].value)}
        assert listed.keys() == {1, *(spec.number for spec in CLASSES[class_id].attributes.values())}, name
        for number in (number for number, mode in listed.items() if mode & 1):
            get(link, class_id, name, number)


def test_a_meter_of_the_current_generation_has_no_record_of_minutes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, generation="current")
    with pytest.raises(AccessRefusedError):
        get(reader(rig).associated(), 7, names.PROFILES[60])


def test_the_highest_demand_is_that_of_the_month_so_far(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = reader(rig).associated()
    watts = get(link, 4, names.MAX_DEMAND)
    captured = DateTime.from_bytes(get(link, 4, names.MAX_DEMAND, 5)).unix()  # type: ignore[arg-type]
    assert jst(captured).month == jst(rig.now).month and captured <= rig.now
    half_hour = rig.view.active(captured).import_wh - rig.view.active(captured - SLOT_SECONDS).import_wh
    assert watts == 2 * half_hour > 0


@pytest.mark.requirement("M10")
def test_the_clock_is_set_logged_and_still_set_after_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    wanted = int(rig.now) + 3600
    put(link, 8, names.CLOCK, 2, octets(DateTime.from_unix(wanted).to_bytes()))
    assert DateTime.from_bytes(get(public(rig).associated(), 8, names.CLOCK)).unix() == wanted  # type: ignore[arg-type]
    call(link, 8, names.CLOCK, 6, Data(uint16(0).type.INT16, -60))
    rig.restart()
    assert rig.device.time == wanted - 60
    assert events(rig) == ["clock_set", "clock_set"]


@pytest.mark.parametrize(("method", "step"), [(1, 900), (2, 1800), (3, 60)])
def test_the_clock_goes_to_the_nearest_quarter_half_hour_or_minute(tmp_path: Path, method: int, step: int) -> None:
    rig = Rig(tmp_path)
    before = rig.device.time
    call(manager(rig).associated(), 8, names.CLOCK, method)
    assert rig.device.time % step == 0
    assert abs(rig.device.time - before) <= step / 2


def test_an_open_switch_stops_the_registers_and_a_closed_one_lets_them_go_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    before = rig.view.active(rig.now)
    call(link, 70, SWITCH, 1)
    assert get(link, 70, SWITCH, 2) is False and get(link, 70, SWITCH, 3) == 0
    rig.later(2000, 500)
    assert rig.view.active(rig.now) == before and get(link, 3, names.obis(1, 0, 1, 7, 0)) == 0
    rig.restart()
    link = manager(rig).associated()
    assert get(link, 70, SWITCH, 2) is False and rig.view.active(rig.now) == before
    call(link, 70, SWITCH, 2)
    rig.later(4000, 1000)
    assert rig.view.active(rig.now).import_wh + rig.view.active(rig.now).export_wh > sum(before)
    assert events(rig) == ["remote_disconnected", "remote_connected"]


def test_the_limiter_opens_the_switch_when_the_current_stays_above_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    put(link, 71, LIMITER, 4, uint16(0))
    assert get(link, 71, LIMITER, 3) == 0
    rig.later(factory().limiter.min_over_s - 1)
    assert get(link, 70, SWITCH, 3) == 1, "not before its time"
    rig.later(3)
    assert get(link, 70, SWITCH, 3) == 2, "ready for reconnection"
    assert get(link, 70, SWITCH, 2) is False
    assert events(rig) == ["limit_changed", "limit_exceeded", "local_disconnected"]


@pytest.mark.parametrize("killed", [False, True])
def test_a_booked_limit_comes_into_force_at_its_time(tmp_path: Path, killed: bool) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    when = jst(rig.device.time + 90)
    at = bytes([when.hour, when.minute, when.second, 0])
    day = when.year.to_bytes(2, "big") + bytes([when.month, when.day, 0xFF])
    put(link, 22, names.LIMIT_BOOKING, 2, structure(octets(LIMIT_SCRIPTS), uint16(45)))
    put(link, 22, names.LIMIT_BOOKING, 4, array(structure(octets(at), octets(day))))
    contract = get(link, 71, LIMITER, 4)
    rig.later(80)
    assert get(link, 71, LIMITER, 4) == contract
    if killed:
        rig.now += 600
        rig.restart()
        link = manager(rig).associated()
    rig.later(15)
    assert get(link, 71, LIMITER, 4) == 45
    rig.later(100, 10)
    assert events(rig).count("booking_done") == 1


def test_a_clock_that_is_set_neither_hastens_nor_delays_the_limiter(tmp_path: Path) -> None:
    for shift in (3600, -3600):
        rig = Rig(tmp_path / str(shift))
        put(manager(rig).associated(), 71, LIMITER, 4, uint16(0))
        rig.later(2)
        rig.device.set_time(rig.device.time + shift)
        rig.later(factory().limiter.min_over_s - 3)
        assert rig.device.memory.switch.output
        rig.later(3)
        assert not rig.device.memory.switch.output


def test_wherever_a_kill_cuts_the_limiter_the_supply_follows_the_switch_and_it_opens_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "whole")
    put(manager(rig).associated(), 71, LIMITER, 4, uint16(0))
    rig.later(factory().limiter.min_over_s + 5)
    rig.journal.close()
    lines = (tmp_path / "whole" / JOURNAL).read_bytes().splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    for number in range(len(lines) + 1):
        (tmp_path / "cut" / JOURNAL).write_bytes(b"".join(lines[:number]))
        cut = Rig(tmp_path / "cut")
        lasting = [opening for opening in cut.device.memory.openings if opening.end is None]
        assert cut.device.memory.switch.output is not bool(lasting)
        assert not (cut.device.memory.limiter.over and cut.device.memory.switch.output)
        if cut.device.memory.limiter.normal == 0:
            cut.later(factory().limiter.min_over_s + 5)
            assert events(cut).count("local_disconnected") == 1
        cut.journal.close()


def test_ready_for_a_hand_at_the_button_is_not_logged_as_switched(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    put(link, 70, SWITCH, 4, enum(1))
    call(link, 70, SWITCH, 1)
    call(link, 70, SWITCH, 2)
    assert get(link, 70, SWITCH, 3) == 2
    assert events(rig) == ["switch_mode_changed", "remote_disconnected"]


def test_a_clock_set_far_ahead_by_mistake_and_back_leaves_bookings_in_force(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link, time = manager(rig).associated(), rig.device.time
    when = jst(time + 60)
    entry = structure(octets(bytes([when.hour, when.minute, 0xFF, 0xFF])), octets(b"\xff\xff\xff\xff\xff"))
    put(link, 22, names.LIMIT_BOOKING, 2, structure(octets(LIMIT_SCRIPTS), uint16(45)))
    put(link, 22, names.LIMIT_BOOKING, 4, array(entry))
    rig.device.set_time(time + 400 * 86_400)
    rig.later(1)
    rig.device.set_time(time + 1)
    rig.later(60)
    assert events(rig).count("booking_done") == 2


def test_a_booked_switch_opens_every_day_until_it_is_cancelled(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    when = jst(rig.device.time + 60)
    entry = structure(octets(bytes([when.hour, when.minute, 0xFF, 0xFF])), octets(b"\xff\xff\xff\xff\xff"))
    put(link, 22, names.SWITCH_BOOKING, 2, structure(octets(SWITCH_SCRIPTS), uint16(1)))
    put(link, 22, names.SWITCH_BOOKING, 4, array(entry))
    rig.later(70)
    assert get(link, 70, SWITCH, 3) == 0
    call(link, 70, SWITCH, 2)
    rig.later(86_400, 600)
    assert get(link, 70, SWITCH, 3) == 0
    call(link, 70, SWITCH, 2)
    put(link, 22, names.SWITCH_BOOKING, 4, array())
    rig.later(86_400, 600)
    assert get(link, 70, SWITCH, 3) == 1


@pytest.mark.parametrize(
    "entry", [(b"\x18\x00\x00\x00", b"\xff\xff\xff\xff\xff"), (b"\x00" * 4, b"\x07\xea\x02\x1e\xff")]
)
def test_a_booking_that_can_never_be_due_is_refused(tmp_path: Path, entry: tuple[bytes, bytes]) -> None:
    link = manager(Rig(tmp_path)).associated()
    with pytest.raises(AccessRefusedError):
        put(link, 22, names.SWITCH_BOOKING, 4, array(structure(*map(octets, entry))))


def load(link: Link, image: bytes, blocks: list[int]) -> None:
    size = factory().image.block_bytes
    for number in blocks:
        part = image[number * size : (number + 1) * size]
        call(link, 18, IMAGE_TRANSFER, 2, structure(uint32(number), octets(part)))


def initiate(link: Link, image: bytes, identifier: bytes = b"FW-2.0.0") -> None:
    call(link, 18, IMAGE_TRANSFER, 1, structure(octets(identifier), uint32(len(image))))


def test_an_image_goes_on_where_a_kill_left_it_and_its_version_is_the_proof(tmp_path: Path) -> None:
    rig, image = Rig(tmp_path), image_of("2.1.0", bytes(range(256)) * 2)  # 9 blocks
    link = manager(rig).associated()
    initiate(link, image)
    load(link, image, [0, 1, 2, 5])
    rig.restart()
    link = manager(rig).associated()
    assert get(link, 18, IMAGE_TRANSFER, 3) == "111001000"
    assert get(link, 18, IMAGE_TRANSFER, 4) == 3
    load(link, image, [3, 4, 6, 7, 8])
    call(link, 18, IMAGE_TRANSFER, 3)
    assert get(link, 18, IMAGE_TRANSFER, 6) == Status.VERIFICATION_SUCCESSFUL
    ((size, identifier, signature),) = [each.value for each in get(link, 18, IMAGE_TRANSFER, 7)]  # type: ignore[attr-defined]
    assert (size.value, identifier.value, signature.value) == (len(image), b"FW-2.0.0", hashlib.sha256(image).digest())
    with pytest.raises(AccessRefusedError) as busy:
        call(link, 18, IMAGE_TRANSFER, 4)
    assert busy.value.result is DataAccessResult.TEMPORARY_FAILURE
    assert rig.device.alive, "time to answer"
    rig.later(factory().image.answer_s + 1)
    assert not rig.device.alive
    rig.restart()
    rig.later(factory().image.restart_s + 1)
    link = manager(rig).associated()
    assert get(link, 1, names.FIRMWARE) == b"2.1.0"
    assert get(link, 18, IMAGE_TRANSFER, 6) == Status.ACTIVATION_SUCCESSFUL
    assert events(rig) == ["image_ready", "image_activated"]


def test_asking_how_far_an_activation_is_does_not_put_it_off(tmp_path: Path) -> None:
    rig, image = Rig(tmp_path), image_of("2.1.0", bytes(10))
    link = manager(rig).associated()
    initiate(link, image)
    load(link, image, [0])
    call(link, 18, IMAGE_TRANSFER, 3)
    for _ in range(3):
        with pytest.raises(AccessRefusedError):
            call(link, 18, IMAGE_TRANSFER, 4)
        rig.later(factory().image.answer_s / 2)
    assert not rig.device.alive


def test_an_image_whose_blocks_are_gone_from_the_disk_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    initiate(link, bytes(200))
    load(link, bytes(200), [0, 1, 2])
    (tmp_path / "images" / f"{rig.index}.bin").unlink()
    load(link, bytes(200), [3])
    (tmp_path / "images" / f"{rig.index}.bin").unlink()
    with pytest.raises(AccessRefusedError):
        call(link, 18, IMAGE_TRANSFER, 3)


def test_a_shorter_image_after_a_longer_one_is_itself(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    for image in (bytes(range(200)), image_of("3", b"short")):
        initiate(link, image)
        load(link, image, list(range(-(-len(image) // factory().image.block_bytes))))
        call(link, 18, IMAGE_TRANSFER, 3)
        ((_, _, signature),) = [each.value for each in get(link, 18, IMAGE_TRANSFER, 7)]  # type: ignore[attr-defined]
        assert signature.value == hashlib.sha256(image).digest()


def test_a_push_that_no_frame_carries_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, generation="current", after=48)
    link = manager(rig).associated()
    put(link, 40, names.PUSH_SETUP, 3, structure(enum(0), octets(b"127.0.0.1:1"), enum(0)))
    month = structure(uint16(7), octets(names.PROFILES[1800]), int8(2), uint16(0))
    put(link, 40, names.PUSH_SETUP, 2, array(month, month))
    with pytest.raises(AccessRefusedError):
        call(link, 40, names.PUSH_SETUP, 1)
    assert not rig.twin.pusher.outbox


def test_a_damaged_image_is_refused_and_the_old_firmware_stays(tmp_path: Path) -> None:
    rig, image = Rig(tmp_path), bytearray(image_of("2.1.0", bytes(100)))
    image[-1] ^= 1
    link = manager(rig).associated()
    initiate(link, bytes(image))
    load(link, bytes(image), [0, 1, 2])
    with pytest.raises(AccessRefusedError):
        call(link, 18, IMAGE_TRANSFER, 3)
    assert get(link, 18, IMAGE_TRANSFER, 6) == Status.VERIFICATION_FAILED
    with pytest.raises(AccessRefusedError):
        call(link, 18, IMAGE_TRANSFER, 4)
    assert get(link, 1, names.FIRMWARE) == rig.view.identity.firmware.encode()


def test_a_transferred_key_holds_at_once_and_after_a_restart_and_the_old_one_never_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    old, wrapping = rig.twin.security.keys(), rig.device.memory.secrets.wrapping
    link, new = manager(rig).associated(), bytes(range(100, 116))
    call(link, 64, SECURITY_SETUP, 2, array(structure(enum(0), octets(wrap_key(wrapping, new)))))
    rig.restart()
    assert rig.twin.security.keys() == (new, old[1])
    assert get(manager(rig).associated(), 1, names.SERIAL) == rig.view.identity.serial.encode()
    with pytest.raises(ProtocolError):
        manager(rig, keys=old).associated()
    assert events(rig) == ["keys_changed"]


def test_a_key_that_comes_back_goes_on_with_its_counters_and_takes_no_replay(tmp_path: Path) -> None:
    rig, used = Rig(tmp_path), []
    first, wrapping = rig.twin.security.keys(), rig.device.memory.secrets.wrapping
    link = manager(rig, counter=1).associated()
    call(link, 70, SWITCH, 1)
    recorded = link.sent[-1]
    call(link, 70, SWITCH, 2)
    for key in (bytes(range(100, 116)), first[0]):
        call(
            manager(rig).associated(), 64, SECURITY_SETUP, 2, array(structure(enum(0), octets(wrap_key(wrapping, key))))
        )
        rig.restart()
    with pytest.raises(ProtocolError):
        manager(rig, counter=1).associated()
    again = manager(rig).associated()
    used = [int.from_bytes(answer[12:16], "big") for answer in link.received[2:]]
    get(again, 1, names.SERIAL)
    assert int.from_bytes(again.received[-1][12:16], "big") > max(used)
    again.send(recorded)
    assert rig.device.memory.switch.output


def test_no_counter_of_the_meter_is_used_twice_over_a_restart(tmp_path: Path) -> None:
    rig, used = Rig(tmp_path), []
    for _ in range(3):
        link = manager(rig).associated()
        for _ in range(5):
            get(link, 1, names.SERIAL)
        used += [int.from_bytes(answer[12:16], "big") for answer in link.received[2:]]
        rig.restart()
    assert len(used) == len(set(used)) and used == sorted(used)


def test_what_was_heard_before_a_restart_is_stale_after_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = manager(rig).associated()
    get(link, 1, names.SERIAL)
    rig.restart()
    again = manager(rig, counter=1)
    with pytest.raises(ProtocolError):
        again.associated()


@pytest.mark.requirement("M11")
def test_a_power_failure_is_counted_logged_and_seen_in_the_rows_it_touched(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.device.lose_line()
    before = rig.view.active(rig.now)
    rig.later(60, 10)
    assert not rig.device.alive
    rig.device.line_returns()
    rig.restart()
    assert rig.device.alive and rig.view.active(rig.now) == before
    link = reader(rig).associated()
    assert get(link, 1, names.POWER_FAILURES) == 1
    rig.later(SLOT_SECONDS, 300)
    rows = link.run(link.client.get_range(names.PROFILES[1800], int(rig.now) - 3 * SLOT_SECONDS, int(rig.now)))
    assert [row[1].value for row in rows].count(0x80) == 1
    log = link.run(link.client.get_range(names.EVENT_LOG, 0, int(rig.now)))
    assert [row[1].value for row in log] == [event_codes()["power_down"], event_codes()["power_up"]]


def test_the_log_is_cleared_by_the_manager_alone_and_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.device.lose_line()
    rig.device.line_returns()
    with pytest.raises(ProtocolError):
        call(reader(rig).associated(), 7, names.EVENT_LOG, 1)
    call(manager(rig).associated(), 7, names.EVENT_LOG, 1)
    assert events(rig) == ["log_cleared"]


def test_the_public_client_reads_names_and_clock_and_nothing_of_the_home(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = public(rig).associated()
    assert get(link, 1, names.obis(0, 0, 42, 0, 0)) == b"TWN%013d" % rig.index
    with pytest.raises(AccessRefusedError):
        get(link, 3, names.IMPORT_WH)


@pytest.mark.requirement("X5")
def test_no_meter_opens_with_the_keys_or_the_password_of_another(tmp_path: Path) -> None:
    one, other = Rig(tmp_path / "a", 3), Rig(tmp_path / "b", 4)
    assert not set(one.twin.security.keys()) & set(other.twin.security.keys())
    with pytest.raises(AssociationRefusedError):
        reader(one, other.twin.password).associated()


# Planted defects: what a healthy twin passes and the defective one does not.


def opens_with_a_wrong_password(rig: Rig) -> bool:
    try:
        reader(rig, b"WRONG").associated()
    except AssociationRefusedError:
        return False
    return True


def takes_a_replay(rig: Rig) -> bool:
    link = manager(rig).associated()
    call(link, 70, SWITCH, 1)
    call(link, 70, SWITCH, 2)
    link.send(link.sent[-2])
    return not rig.device.memory.switch.output


def forgets_blocks(rig: Rig) -> bool:
    link = manager(rig).associated()
    initiate(link, bytes(250))
    load(link, bytes(250), [0, 2])
    rig.restart()
    return get(manager(rig).associated(), 18, IMAGE_TRANSFER, 3) != "1010"


def runs_a_damaged_image(rig: Rig) -> bool:
    image = image_of("9", bytes(9))[:-1] + b"\1"
    link = manager(rig).associated()
    initiate(link, image)
    load(link, image, [0])
    try:
        call(link, 18, IMAGE_TRANSFER, 3)
    except AccessRefusedError:
        return False
    return True


def supplies_with_an_open_switch(rig: Rig) -> bool:
    link = manager(rig).associated()
    call(link, 70, SWITCH, 1)
    before = rig.view.active(rig.now)
    rig.later(SLOT_SECONDS, 300)
    return get(link, 70, SWITCH, 2) is False and rig.view.active(rig.now) != before


def misses_its_booking(rig: Rig) -> bool:
    link = manager(rig).associated()
    when = jst(rig.device.time + 30)
    entry = structure(octets(bytes([when.hour, when.minute, when.second, 0])), octets(b"\xff\xff\xff\xff\xff"))
    put(link, 22, names.LIMIT_BOOKING, 2, structure(octets(LIMIT_SCRIPTS), uint16(45)))
    put(link, 22, names.LIMIT_BOOKING, 4, array(entry))
    rig.later(40)
    return get(link, 71, LIMITER, 4) != 45


def tells_another_history_later(rig: Rig) -> bool:
    end = rig.view.half_hour(rig.now)[0]

    def told() -> object:
        link = reader(rig).associated()
        return link.run(link.client.get_range(names.PROFILES[SLOT_SECONDS], end, end))

    before = told()
    rig.later(2 * SLOT_SECONDS, 300)
    return before != told()


def keeps_its_own_time(rig: Rig) -> bool:
    link = manager(rig).associated()
    before = rig.device.time
    put(link, 8, names.CLOCK, 2, octets(DateTime.from_unix(before + 600).to_bytes()))
    return rig.device.time < before + 600


def keeps_its_own_limit(rig: Rig) -> bool:
    link = manager(rig).associated()
    put(link, 71, LIMITER, 4, uint16(45))
    return get(link, 71, LIMITER, 4) != 45


def forgets_its_limit(rig: Rig) -> bool:
    put(manager(rig).associated(), 71, LIMITER, 4, uint16(45))
    rig.restart()
    return get(reader(rig).associated(), 71, LIMITER, 4) != 45


def rows_of_two_hours(rig: Rig, days: int) -> list[object]:
    link = reader(rig).associated()
    old = int(rig.now) - days * 86_400 + SLOT_SECONDS
    return list(link.run(link.client.get_range(names.PROFILES[SLOT_SECONDS], old, old + 4 * SLOT_SECONDS)))


def reads_energy_as_anybody(rig: Rig) -> bool:
    try:
        get(public(rig).associated(), 3, names.IMPORT_WH)
    except AccessRefusedError:
        return False
    return True


DEFECTS = {
    "clock-not-set": keeps_its_own_time,
    "limit-not-kept": keeps_its_own_limit,
    "forgets-settings": forgets_its_limit,
    "short-history": lambda rig: len(rows_of_two_hours(rig, 44)) < 4,
    "profile-gaps": lambda rig: len(rows_of_two_hours(rig, 2)) < 4,
    "public-reads-energy": reads_energy_as_anybody,
    "accepts-wrong-password": opens_with_a_wrong_password,
    "accepts-replay": takes_a_replay,
    "loses-bitmap": forgets_blocks,
    "accepts-bad-image": runs_a_damaged_image,
    "switch-lies": supplies_with_an_open_switch,
    "ignores-booking": misses_its_booking,
    "rewrites-history": tells_another_history_later,
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_shows_and_a_healthy_twin_has_none(tmp_path: Path, defect: str) -> None:
    assert not DEFECTS[defect](Rig(tmp_path / "healthy"))
    assert DEFECTS[defect](Rig(tmp_path / "defective", defects=[defect]))


# Other classes of meters


def mixed(folder: Path, index: int) -> Rig:
    """A rig of a plan with homes (0 to 3), factories (4, 5), gas (6 to 9) and water meters (10 to 13)."""
    return Rig(folder, index, plan=mixed_plan())


def test_a_host_shows_the_gas_and_water_meters_behind_it_in_cubic_metres(tmp_path: Path) -> None:
    rig = mixed(tmp_path, 2)
    link = reader(rig).associated()
    for place, view in enumerate(rig.attached, start=1):
        end, active = view.half_hour(rig.now)
        name = names.obis(0, place, 24, 2, 1)
        assert get(link, 4, name) == active.import_wh
        scaler, unit = get(link, 4, name, 3)  # type: ignore[misc]
        assert (scaler.value, unit.value) == (-3, 13)  # type: ignore[has-type]
        assert DateTime.from_bytes(get(link, 4, name, 5)).unix() == end  # type: ignore[arg-type]
    assert [view.meter_class for view in rig.attached] == ["gas", "water"]


def test_a_high_voltage_meter_states_its_transformers_and_has_no_switch(tmp_path: Path) -> None:
    rig = mixed(tmp_path, 4)
    link, high = reader(rig).associated(), rig.view.high_voltage
    assert high is not None
    assert get(link, 1, names.CURRENT_RATIO) == high.current_ratio
    assert get(link, 1, names.CURRENT_RATIO) * get(link, 1, names.VOLTAGE_RATIO) == high.ratio  # type: ignore[operator]
    assert get(link, 3, names.IMPORT_WH) == rig.view.active(rig.now).import_wh % REGISTER_SPAN
    with pytest.raises(AccessRefusedError):
        get(link, 70, SWITCH, 3)
