"""What can be done to a twin, as COSEM objects: clock, switch, limiter, bookings, scripts, firmware, log."""

from __future__ import annotations

import hashlib

import msgspec

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.clock import JST_DEVIATION, DateTime
from protocols.dlms.disconnect import SwitchState, disconnect_object
from protocols.dlms.errors import RefusalError
from protocols.dlms.image import ImageState, ImageTransfer, Status, image_transfer_object
from protocols.dlms.limiter import Limits, limiter_object
from protocols.dlms.objects import Attr, Call, CosemObject
from protocols.dlms.roles import CONTROLLERS, IDENTIFIED, NOBODY
from protocols.dlms.values import (
    boolean,
    enum,
    int8,
    take_array,
    take_integer,
    take_octets,
    take_structure,
    uint8,
    uint16,
)
from protocols.errors import ProtocolError
from protocols.slots import SLOT_SECONDS
from twins.device.device import LIMIT_SCRIPTS, LIMITER_SCRIPTS, SWITCH_SCRIPT, SWITCH_SCRIPTS, Device
from twins.device.factory import factory
from twins.device.image import ImageFile, is_good, version_of
from twins.dlms import names
from twins.memory.parts import Booking, Transfer

_SCHEDULE_TYPE = 5  # several times, different ones, open fields in the dates
_METHOD = {1: 1, 2: 2, 3: 1, 4: 2}  # of the disconnect control, by script
_MOST_TIMES = 16  # of one booking; our own limit
_CLOCK_RANGE = range(946_684_800, 4_102_444_800)  # the years 2000 to 2099: beyond 9999 the clock could not be told
_NEVER = b"\xff" * 9 + b"\x80\x00\xff"  # a date-time without any field: Japan has no summer time
_STEPS_A = (10, 15, 20, 30, 40, 50, 60)  # contract steps of Japan: the scripts that the limit's table lists


def clock_object(device: Device, *, ignores: bool = False) -> CosemObject:
    """The meter's clock (IC8): read by everybody, set and shifted by the management client and on site.

    ``ignores`` plants the defect of a clock that is never set, though the meter says that it was.
    """

    def put(to: int) -> None:
        if to not in _CLOCK_RANGE:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a clock at {to} s")
        if not ignores:
            device.set_time(to)

    def set_time(value: Data) -> None:
        try:
            put(DateTime.from_bytes(take_octets(value)).unix(JST_DEVIATION))
        except ProtocolError as error:
            raise RefusalError(DataAccessResult.TYPE_UNMATCHED, str(error)) from None

    def shift(value: Data | None) -> None:
        put(device.time + take_integer(value, DataType.INT16))

    def to_nearest(seconds: int) -> Call:
        return Call(lambda value: put((device.time + seconds // 2) // seconds * seconds), CONTROLLERS)

    return CosemObject(
        8,
        names.CLOCK,
        {
            "time": Attr(lambda: octets(DateTime.from_unix(device.time).to_bytes()), set_time, write=CONTROLLERS),
            "time_zone": Attr(Data(DataType.INT16, JST_DEVIATION)),
            "status": Attr(uint8(0)),
            "daylight_savings_begin": Attr(octets(_NEVER)),
            "daylight_savings_end": Attr(octets(_NEVER)),
            "daylight_savings_deviation": Attr(int8(0)),
            "daylight_savings_enabled": Attr(boolean(False)),
            "clock_base": Attr(enum(1)),
        },
        {
            "adjust_to_quarter": to_nearest(900),
            "adjust_to_measuring_period": to_nearest(SLOT_SECONDS),
            "adjust_to_minute": to_nearest(60),
            "shift_time": Call(shift, CONTROLLERS),
        },
    )


def switch_object(device: Device, *, lies: bool = False) -> CosemObject:
    """Disconnect control. ``lies`` plants the defect of a relay that sticks: the state moves, the supply does not."""

    def change(state: SwitchState) -> None:
        if lies:
            device.memory.switch = state
            return
        before = device.memory.switch
        event = None
        if state.control is not before.control:
            event = "remote_connected" if state.output else "remote_disconnected"
        device.set_switch(state, event)

    return disconnect_object(lambda: device.memory.switch, change)


def limit_object(device: Device, *, ignores: bool = False) -> CosemObject:
    """The limiter, in whole ampere of the leg that carries more; ``ignores`` plants that a new limit is not kept."""
    return limiter_object(
        Limits((3, names.CURRENT, 2), (SWITCH_SCRIPTS, *LIMITER_SCRIPTS), DataType.UINT16),
        lambda: device.memory.limiter,
        (lambda state: None) if ignores else device.set_limiter,
        lambda: device.time,
    )


def script_objects(device: Device) -> list[CosemObject]:
    """The script tables of the switch and of the limit."""

    def table(name: bytes, scripts: list[Data]) -> CosemObject:
        def execute(value: Data | None) -> None:
            device.run_script(name, take_integer(value, DataType.UINT16))

        return CosemObject(
            9, name, {"scripts": Attr(array(*scripts), read=IDENTIFIED)}, {"execute": Call(execute, CONTROLLERS)}
        )

    switch = [
        _script(selector, 2, 70, bytes([0, 0, 96, 3, 10, 255]), 1 + (selector + 1) % 2) for selector in SWITCH_SCRIPT
    ]
    limit = [_script(a, 1, 71, bytes([0, 0, 17, 0, 0, 255]), 4, uint16(a)) for a in _STEPS_A]
    return [table(SWITCH_SCRIPTS, switch), table(LIMIT_SCRIPTS, limit)]


def _script(selector: int, service: int, class_id: int, name: bytes, index: int, value: Data | None = None) -> Data:
    """A script of one action: service 1 writes an attribute, 2 executes a method."""
    action = structure(enum(service), uint16(class_id), octets(name), int8(index), value or int8(0))
    return structure(uint16(selector), array(action))


def booking_object(device: Device, part: str, name: bytes, table: bytes) -> CosemObject:
    """A single-action schedule that may run scripts of one table."""

    def booking() -> Booking:
        found: Booking = device.memory.part(part)
        return found

    def script() -> Data:
        return structure(octets(booking().table if booking().selector else table), uint16(booking().selector))

    def set_script(value: Data) -> None:
        wanted, selector = take_structure(value, 2)
        if take_octets(wanted) != table:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a script of another table")
        number = take_integer(selector, DataType.UINT16)
        device.book(part, msgspec.structs.replace(booking(), table=table, selector=number))

    def set_times(value: Data) -> None:
        entries = []
        for entry in take_array(value):
            at, day = take_structure(entry, 2)
            entries.append((_raw(at, DataType.TIME), _raw(day, DataType.DATE)))
        if len(entries) > _MOST_TIMES:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{len(entries)} times")
        device.book(part, msgspec.structs.replace(booking(), times=tuple(entries)))

    return CosemObject(
        22,
        name,
        {
            "executed_script": Attr(script, set_script, read=IDENTIFIED, write=CONTROLLERS),
            "type": Attr(enum(_SCHEDULE_TYPE), read=IDENTIFIED, write=NOBODY),
            "execution_time": Attr(
                lambda: array(*(structure(octets(at), octets(day)) for at, day in booking().times)),
                set_times,
                read=IDENTIFIED,
                write=CONTROLLERS,
            ),
        },
    )


def _raw(value: Data, also: DataType) -> bytes:
    """Bytes of an octet-string, or of a time or date that travels under its own tag."""
    if value.type is also and isinstance(value.value, bytes):
        return value.value
    return take_octets(value)


class TwinImage:
    """What a twin does with an image: an :class:`protocols.dlms.image.ImageStore`."""

    def __init__(self, device: Device, file: ImageFile, *, believes_all: bool = False) -> None:
        self._device, self._file, self._believes_all = device, file, believes_all

    def begin(self, identifier: bytes, size: int) -> None:
        """Nothing has come of another image."""
        self._device.memory.note("blocks", None)

    def write(self, offset: int, content: bytes) -> None:
        """Keep a block, then note that it is there."""
        self._file.write(offset, content)
        self._device.memory.note("blocks", offset // factory().image.block_bytes)

    def verify(self) -> bool:
        """Whether the image is good."""
        size = self._device.memory.transfer.size
        image = self._file.read(size)
        good = self._believes_all or (len(image) == size and is_good(image))
        self._device.log("image_ready" if good else "image_refused")
        return good

    def activate(self) -> None:
        """Begin to start into the image; whether it runs, the restart shows."""
        image = self._file.read(self._device.memory.transfer.size)
        self._device.restart_into(version_of(image, self._device.memory.transfer.identifier))


def image_object(device: Device, file: ImageFile, defects: frozenset[str]) -> tuple[CosemObject, ImageTransfer]:
    """Image transfer, as it stood when the meter was last on."""
    kept = device.memory.transfer
    state = ImageState(factory().image.block_bytes, kept.enabled, Status(kept.status), kept.identifier, kept.size)
    state.signature = kept.signature
    state.received = bytearray(-(-state.blocks // 8))
    for number in () if "loses-bitmap" in defects else device.memory.blocks:
        state.mark(number)

    def note(now: ImageState) -> None:
        if now.status in (Status.INITIATED, Status.VERIFICATION_SUCCESSFUL):
            now.signature = hashlib.sha256(file.read(now.size)).digest() if now.status is not Status.INITIATED else b""
        after = Transfer(now.status, now.identifier, now.size, now.enabled, now.signature)
        if after != device.memory.transfer:  # a block changes nothing here: it is a part of its own
            device.memory.transfer = after

    store = TwinImage(device, file, believes_all="accepts-bad-image" in defects)
    transfer = ImageTransfer(state, store, max_size=factory().image.most_bytes, changed=note)
    return image_transfer_object(transfer), transfer


def control_objects(device: Device, defects: frozenset[str]) -> list[CosemObject]:
    """All of it but the image transfer; only low-voltage meters have a switch and a limit."""
    clock = clock_object(device, ignores="clock-not-set" in defects)
    if device.view.meter_class != "LV":
        return [clock]
    return [
        clock,
        switch_object(device, lies="switch-lies" in defects),
        limit_object(device, ignores="limit-not-kept" in defects),
        *script_objects(device),
        booking_object(device, "limit_booking", names.LIMIT_BOOKING, LIMIT_SCRIPTS),
        booking_object(device, "switch_booking", names.SWITCH_BOOKING, SWITCH_SCRIPTS),
    ]
