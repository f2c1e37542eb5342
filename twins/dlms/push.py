"""Push setup (IC40) of a twin: a data-notification with chosen attributes, sent by itself or when told.

A destination is ``address:port``, on TCP (service 0) or UDP (1). Twins speak to no other machine, so only loopback
addresses are taken: a rule of this project. Layouts are background knowledge of IEC 62056-6-2, unverified.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import msgspec

from protocols.dlms.apdu import Attribute, DataAccessResult, DataNotification
from protocols.dlms.axdr import Data, DataType, array, decode, encode, octets, structure
from protocols.dlms.clock import JST_DEVIATION, DateTime
from protocols.dlms.errors import EncodeError, RefusalError
from protocols.dlms.objects import Attr, Call, CosemObject, ObjectModel
from protocols.dlms.profile_generic import Column
from protocols.dlms.roles import IDENTIFIED, MANAGEMENT
from protocols.dlms.security import protect_general
from protocols.dlms.values import enum, take_array, take_integer, take_octets, take_structure, uint8, uint16
from protocols.dlms.wrapper import Frame
from protocols.errors import ProtocolError
from twins.device.device import Device
from twins.dlms import names
from twins.dlms.security import TwinSecurity
from twins.memory.parts import Push

TCP, UDP = 0, 1
_AXDR = 0  # message type
_MOST_OBJECTS, _MOST_WINDOWS = 32, 8
_DEFAULT = (
    Column(8, names.CLOCK, 2),
    Column(1, names.SERIAL, 2),
    Column(3, names.IMPORT_WH, 2),
    Column(3, names.EXPORT_WH, 2),
)
_TOLD = (*_DEFAULT[:2], Column(1, names.EVENT_CODE, 2))  # what goes out when the meter has something to report


def factory_push() -> Push:
    """A push setup that goes nowhere yet."""
    return Push(objects=encode(array(*(column.to_data() for column in _DEFAULT))))


def destination_of(push: Push) -> tuple[str, int] | None:
    """Loopback address and port of a push setup; None while it has none."""
    if not push.destination:
        return None
    host, _, port = push.destination.decode("ascii").rpartition(":")
    return host.strip("[]"), int(port)


def window_open(push: Push, now: int) -> bool:
    """Whether a push may go out at ``now`` (Unix s); no windows are always open."""
    windows = take_array(decode(push.windows))
    return not windows or any(start <= now < end for start, end in map(_window, windows))


class Pusher:
    """Makes the frames of one device; ``model`` gives the values, with the rights of the management client."""

    def __init__(self, device: Device, security: TwinSecurity, model: Callable[[], ObjectModel]) -> None:
        self._device, self._security, self._model = device, security, model
        self._number = 0
        self.outbox: list[bytes] = []

    def push(self, parameters: Data | None = None) -> None:
        """Method 1: send what the push setup lists."""
        if not self._device.memory.push.destination:
            raise RefusalError(DataAccessResult.TEMPORARY_FAILURE, "the push setup has no destination")
        self._send([Column.from_data(each) for each in take_array(decode(self._device.memory.push.objects))])

    def tell(self, code: int) -> None:
        """Report an event, if there is somebody to report to (requirement A9)."""
        if self._device.memory.push.destination:
            self._send(list(_TOLD))

    def _send(self, columns: list[Column]) -> None:
        values = []
        for column in columns:
            raw = self._model().read(MANAGEMENT, Attribute(column.class_id, column.obis, column.attribute), None)
            values.append(decode(raw))
        self._number = (self._number + 1) % (1 << 24)
        stamp = DateTime.from_unix(self._device.time).to_bytes()
        plain = DataNotification(self._number, stamp, structure(*values)).to_bytes()
        apdu = protect_general(plain, self._security.title, self._security.next_counter(), *self._security.keys())
        try:
            self.outbox.append(Frame(1, MANAGEMENT, apdu).to_bytes())
        except EncodeError:
            raise RefusalError(DataAccessResult.OTHER_REASON, f"a push of {len(apdu)} bytes") from None


def push_object(device: Device, pusher: Pusher) -> CosemObject:
    """The object 0.0.25.9.0.255."""

    def kept() -> Push:
        return device.memory.push

    def change(**fields: object) -> None:
        device.memory.push = msgspec.structs.replace(kept(), **fields)

    def set_objects(value: Data) -> None:
        columns = [Column.from_data(each) for each in take_array(value)]
        if not 1 <= len(columns) <= _MOST_OBJECTS:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{len(columns)} objects")
        change(objects=encode(value))

    def set_destination(value: Data) -> None:
        service, destination, message = take_structure(value, 3)
        number, text = take_integer(service, DataType.ENUM), take_octets(destination)
        if number not in (TCP, UDP) or take_integer(message, DataType.ENUM) != _AXDR:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "only A-XDR over TCP or UDP")
        if text and not _is_loopback(text):
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "not an address:port of this machine")
        change(service=number, destination=text)

    def set_windows(value: Data) -> None:
        windows = take_array(value)
        if len(windows) > _MOST_WINDOWS:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{len(windows)} windows")
        for window in windows:
            _window(window)
        change(windows=encode(value))

    def number(field: str, make: Callable[[int], Data], kind: DataType) -> Attr:
        def set_number(value: Data) -> None:
            change(**{field: take_integer(value, kind)})

        return Attr(lambda: make(getattr(kept(), field)), set_number, read=IDENTIFIED)

    return CosemObject(
        40,
        names.PUSH_SETUP,
        {
            "push_object_list": Attr(lambda: kept().objects, set_objects, read=IDENTIFIED),
            "send_destination_and_method": Attr(
                lambda: structure(enum(kept().service), octets(kept().destination), enum(_AXDR)),
                set_destination,
                read=IDENTIFIED,
            ),
            "communication_window": Attr(lambda: kept().windows, set_windows, read=IDENTIFIED),
            "randomisation_start_interval": number("random_start", uint16, DataType.UINT16),
            "number_of_retries": number("retries", uint8, DataType.UINT8),
            "repetition_delay": number("delay", uint16, DataType.UINT16),
        },
        {"push": Call(pusher.push)},
    )


def _window(value: Data) -> tuple[int, int]:
    """Begin and end (Unix s) of a window; open fields are refused, as this meter knows no recurring windows."""
    try:
        start, end = (DateTime.from_bytes(take_octets(each)).unix(JST_DEVIATION) for each in take_structure(value, 2))
    except ProtocolError as error:
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
    return start, end


def _is_loopback(text: bytes) -> bool:
    host, _, port = text.decode("ascii", "replace").rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65536
    except ValueError:
        return False
