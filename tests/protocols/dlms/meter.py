"""A meter in memory for the server's tests: every object of it, with a state that the tests can look at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.association import sap_list
from protocols.dlms.axdr import Data, DataType, encode, octets
from protocols.dlms.ciphering import Form
from protocols.dlms.client import Client, run
from protocols.dlms.client_protection import Protection
from protocols.dlms.clock import DateTime
from protocols.dlms.device import LogicalDevice
from protocols.dlms.disconnect import SwitchState, disconnect_object
from protocols.dlms.errors import RefusalError
from protocols.dlms.image import ImageState, ImageTransfer, image_transfer_object
from protocols.dlms.limiter import LimiterState, Limits, limiter_object
from protocols.dlms.objects import Attr, Call, CosemObject, ObjectModel
from protocols.dlms.profile_generic import CLOCK_COLUMN, Column, Row, profile_object
from protocols.dlms.roles import EVERYBODY, IDENTIFIED, MANAGEMENT, PUBLIC, READER
from protocols.dlms.security_setup import SecuritySetup, SecurityState, receive_counter_object, security_setup_object
from protocols.dlms.server import Session
from protocols.dlms.values import int8, scaler_unit, take_octets, uint8, uint32
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, KEY, SERVER_TITLE

T = TypeVar("T")
WRAPPING_KEY = bytes(range(0x10, 0x20))
NEW_KEY = bytes(range(0x20, 0x30))
PASSWORD = b"12345678"
CHALLENGE = b"client's challenge"
NOON = 1_779_246_000  # 2026-05-20 12:00 JST
HALF_HOUR = 1800
ROWS = 45 * 48

CLOCK = bytes([0, 0, 1, 0, 0, 255])
SERIAL = bytes([0, 0, 96, 1, 0, 255])
IMPORT = bytes([1, 0, 1, 8, 0, 255])
PROFILE = bytes([1, 0, 99, 1, 0, 255])
NOTE = bytes([0, 0, 96, 10, 1, 255])


class HalfHours:
    """Rows {clock, status, +A}, the oldest first; the newest is stamped :data:`NOON`."""

    columns = (CLOCK_COLUMN, Column(1, SERIAL, 2), Column(3, IMPORT, 2))
    period = HALF_HOUR
    capacity = ROWS

    def __init__(self) -> None:
        self.times = [NOON - HALF_HOUR * back for back in reversed(range(ROWS))]

    def count(self) -> int:
        return len(self.times)

    def between(self, first: int | None, last: int | None) -> list[Row]:
        return [
            self._row(time)
            for time in self.times
            if (first is None or time >= first) and (last is None or time <= last)
        ]

    def entries(self, first: int, last: int) -> list[Row]:
        return [self._row(time) for time in self.times[first - 1 : last]]

    def _row(self, time: int) -> Row:
        return (encode(octets(DateTime.from_unix(time).to_bytes())), encode(uint8(0)), encode(uint32(register(time))))


def register(time: int) -> int:
    """+A in Wh at the end of a half-hour."""
    return time // HALF_HOUR % 100_000_000


@dataclass
class Store:
    """Keeps an image and judges it by ``good``; None is *still at it*."""

    content: bytearray = field(default_factory=bytearray)
    writes: list[int] = field(default_factory=list)
    good: bool | None = True
    started: bool | None = True

    def begin(self, identifier: bytes, size: int) -> None:
        if identifier.startswith(b"OTHER"):
            raise RefusalError(DataAccessResult.OTHER_REASON, "an image for another device")
        self.content = bytearray(size)

    def write(self, offset: int, content: bytes) -> None:
        self.writes.append(offset)
        self.content[offset : offset + len(content)] = content

    def verify(self) -> bool | None:
        return self.good

    def activate(self) -> bool | None:
        return self.started


class Meter:
    """The device and everything behind it."""

    def __init__(self, *, max_pdu: int = 1024, answers_under_new_key: bool = False) -> None:
        self.time = DateTime.from_unix(NOON).to_bytes()
        self.note = b"-"
        self.security = SecuritySetup(
            SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY), answers_under_new_key=answers_under_new_key
        )
        self.store = Store()
        self.image = ImageTransfer(ImageState(block_size=64), self.store, max_size=10_000)
        self.switch = SwitchState()
        self.limit = LimiterState(normal=60, emergency=10)
        self.associations: list[tuple[int, bool]] = []
        challenges = itertools.count(1)
        self.device = LogicalDevice(
            ObjectModel(self._objects()),
            self.security,
            lambda size: next(challenges).to_bytes(size, "big"),
            {READER: PASSWORD},
            max_pdu=max_pdu,
            associated=lambda client, stands: self.associations.append((client, stands)),
        )

    def _objects(self) -> list[CosemObject]:
        def set_time(value: Data) -> None:
            self.time = take_octets(value)

        def set_note(value: Data) -> None:
            self.note = take_octets(value)

        def echo(parameters: Data | None) -> Data | None:
            return parameters

        return [
            CosemObject(17, bytes([0, 0, 41, 0, 0, 255]), {"sap_assignment_list": Attr(sap_list(1, b"TWN"))}),
            CosemObject(1, bytes([0, 0, 42, 0, 0, 255]), {"value": Attr(octets(b"TWN0000000000001"))}),
            CosemObject(1, SERIAL, {"value": Attr(octets(b"S-42"), read=IDENTIFIED)}),
            CosemObject(1, NOTE, {"value": Attr(lambda: octets(self.note), set_note, read=IDENTIFIED)}),
            CosemObject(
                8,
                CLOCK,
                {"time": Attr(lambda: octets(self.time), set_time, read=EVERYBODY)},
                {"shift_time": Call(echo)},
            ),
            CosemObject(
                3,
                IMPORT,
                {
                    "value": Attr(uint32(register(NOON)), read=IDENTIFIED),
                    "scaler_unit": Attr(scaler_unit(0, 30), read=IDENTIFIED),
                },
            ),
            profile_object(PROFILE, HalfHours()),
            security_setup_object(self.security),
            receive_counter_object(self.security),
            image_transfer_object(self.image),
            disconnect_object(lambda: self.switch, self._set_switch),
            limiter_object(
                Limits((3, IMPORT, 2), (bytes([0, 0, 10, 0, 106, 255]), 1, 2)),
                lambda: self.limit,
                self._set_limit,
                lambda: NOON,
            ),
        ]

    def _set_switch(self, state: SwitchState) -> None:
        self.switch = state

    def _set_limit(self, state: LimiterState) -> None:
        self.limit = state


class Link:
    """A client and its session, wired together; remembers what went over the wire."""

    def __init__(self, meter: Meter, address: int, client: Client) -> None:
        self.meter = meter
        self.session = Session(meter.device, address)
        self.client = client
        self.sent: list[bytes] = []
        self.received: list[bytes] = []

    def send(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        (answer,) = self.session.receive(apdu)
        self.received.append(answer)
        return answer

    def run(self, exchange: Generator[bytes, bytes, T]) -> T:
        return run(exchange, self.send)


def public(meter: Meter, **options: Any) -> Link:
    return Link(meter, PUBLIC, Client(**options))


def reader(meter: Meter, password: bytes = PASSWORD) -> Link:
    return Link(meter, READER, Client(Mechanism.LLS, password))


def manager(
    meter: Meter,
    *,
    form: Form = Form.GENERAL,
    key: bytes = KEY,
    auth_key: bytes = AUTH_KEY,
    counter: int = 1,
    **options: Any,
) -> Link:
    protection = Protection(CLIENT_TITLE, key, auth_key, counter, form)
    return Link(meter, MANAGEMENT, Client(Mechanism.HLS_GMAC, CHALLENGE, protection, **options))


def associated(link: Link) -> Link:
    link.run(link.client.associate())
    return link


EACH_CLIENT: dict[str, Callable[[Meter], Link]] = {
    "public": public,
    "reader": reader,
    "management, general-glo": manager,
    "management, glo": lambda meter: manager(meter, form=Form.GLO),
}

NO_PARAMETER = int8(0)
UINT32 = DataType.UINT32
