"""Application services, each as a value with ``to_bytes`` and ``from_bytes`` (IEC 62056-5-3).

Here are what all services share (names of attributes and methods, result codes) and the services of the reading path:
data-notification (0F), event-notification (C2), get-request-normal (C0 01) with selective access, get-response-normal
(C4 01) and exception-response (D8). The others have a module per service (:mod:`~protocols.dlms.get`,
:mod:`~protocols.dlms.set`, :mod:`~protocols.dlms.action`); :func:`protocols.dlms.services.parse` reads any of them.
``from_bytes`` raises :class:`~protocols.errors.ProtocolError` for anything else. Vectors: ``meter-protocols`` §3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias, TypeVar

from protocols.dlms.axdr import Data, Reader, encode, encode_length
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

_Code = TypeVar("_Code", bound=IntEnum)

DATA_NOTIFICATION = b"\x0f"
GET_REQUEST_NORMAL = b"\xc0\x01"
GET_RESPONSE_NORMAL = b"\xc4\x01"
EVENT_NOTIFICATION = b"\xc2"
EXCEPTION_RESPONSE = b"\xd8"

CONFIRMED_HIGH = 0xC0
"""Invoke-id-and-priority of our requests, or-ed with the id 0…15: bit 6 wants an answer, bit 7 is high priority."""


class DataAccessResult(IntEnum):
    """Why a get, set or action was refused (or 0: it was not).

    The results of an action have codes of their own in the standard, equal to these except that 15 and 16 speak of a
    long *action*; one enumeration serves both.
    """

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_GET_ABORTED = 15
    NO_LONG_GET_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


class StateError(IntEnum):
    """First code of an exception-response."""

    SERVICE_NOT_ALLOWED = 1
    SERVICE_UNKNOWN = 2


class ServiceError(IntEnum):
    """Second code of an exception-response."""

    OPERATION_NOT_POSSIBLE = 1
    SERVICE_NOT_SUPPORTED = 2
    OTHER_REASON = 3
    PDU_TOO_LONG = 4
    DECIPHERING_ERROR = 5
    INVOCATION_COUNTER_ERROR = 6


@dataclass(frozen=True, slots=True)
class Attribute:
    """Name of a COSEM attribute: class id u16, logical name (OBIS code, 6 bytes), attribute number i8."""

    class_id: int
    obis: bytes
    number: int

    def to_bytes(self) -> bytes:
        """The 9 bytes of a COSEM attribute descriptor."""
        if len(self.obis) != 6:
            raise EncodeError(f"an OBIS code has 6 bytes, not {len(self.obis)}")
        return uint(self.class_id, 2) + self.obis + uint(self.number & 0xFF, 1)

    @classmethod
    def read(cls, reader: Reader) -> Attribute:
        """Take an attribute descriptor from a reader."""
        return cls(reader.integer(2), reader.take(6), reader.integer(1, signed=True))


@dataclass(frozen=True, slots=True)
class Method:
    """Name of a COSEM method: class id u16, logical name (OBIS code, 6 bytes), method number i8."""

    class_id: int
    obis: bytes
    number: int

    def to_bytes(self) -> bytes:
        """The 9 bytes of a COSEM method descriptor, laid out like an attribute's."""
        return Attribute(self.class_id, self.obis, self.number).to_bytes()

    @classmethod
    def read(cls, reader: Reader) -> Method:
        """Take a method descriptor from a reader."""
        return cls(reader.integer(2), reader.take(6), reader.integer(1, signed=True))


Access: TypeAlias = tuple[int, Data]
"""Selective access: which selector, and its parameters."""


def access_to_bytes(access: Access | None) -> bytes:
    """Optional selective access, behind an attribute descriptor."""
    if access is None:
        return b"\x00"
    selector, parameters = access
    return b"\x01" + uint(selector, 1) + encode(parameters)


def read_access(reader: Reader) -> Access | None:
    """Take the optional selective access that follows an attribute descriptor."""
    return (reader.integer(1), reader.data()) if choice(reader, "selective access") else None


@dataclass(frozen=True, slots=True)
class EventNotification:
    """An unasked value of one attribute; ``date_time`` is empty or 12 bytes (:mod:`protocols.dlms.clock`)."""

    date_time: bytes
    attribute: Attribute
    value: Data

    def to_bytes(self) -> bytes:
        """The APDU."""
        when = b"\x01" + encode_length(len(self.date_time)) + self.date_time if self.date_time else b"\x00"
        return EVENT_NOTIFICATION + when + self.attribute.to_bytes() + encode(self.value)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> EventNotification:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(EVENT_NOTIFICATION, "event-notification")
        date_time = reader.take(reader.length()) if choice(reader, "time") else b""
        if len(date_time) not in (0, 12):
            raise ProtocolError(f"event-notification: a date-time of {len(date_time)} bytes")
        attribute, value = Attribute.read(reader), reader.data()
        reader.end()
        return cls(date_time, attribute, value)


@dataclass(frozen=True, slots=True)
class DataNotification:
    """Unasked data.

    ``invoke_id`` is the long form (u32), ``date_time`` empty or 12 bytes (:mod:`protocols.dlms.clock`).
    """

    invoke_id: int
    date_time: bytes
    body: Data

    def to_bytes(self) -> bytes:
        """The APDU."""
        date_time = encode_length(len(self.date_time)) + self.date_time
        return DATA_NOTIFICATION + uint(self.invoke_id, 4) + date_time + encode(self.body)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> DataNotification:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(DATA_NOTIFICATION, "data-notification")
        invoke_id = reader.integer(4)
        date_time = reader.take(reader.length())
        if len(date_time) not in (0, 12):
            raise ProtocolError(f"data-notification: a date-time of {len(date_time)} bytes")
        body = reader.data()
        reader.end()
        return cls(invoke_id, date_time, body)


@dataclass(frozen=True, slots=True)
class GetRequestNormal:
    """Ask for one attribute.

    ``invoke_id`` is the whole invoke-id-and-priority byte; ``access`` is (selector, parameters) or None for all of
    it.
    """

    invoke_id: int
    attribute: Attribute
    access: Access | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_REQUEST_NORMAL + uint(self.invoke_id, 1) + self.attribute.to_bytes()
        return head + access_to_bytes(self.access)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetRequestNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_REQUEST_NORMAL, "get-request-normal")
        invoke_id, attribute = reader.integer(1), Attribute.read(reader)
        access = read_access(reader)
        reader.end()
        return cls(invoke_id, attribute, access)


@dataclass(frozen=True, slots=True)
class GetResponseNormal:
    """Answer to a get: the data, or why not. ``invoke_id`` repeats the request's byte."""

    invoke_id: int
    result: Data | DataAccessResult

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_RESPONSE_NORMAL + uint(self.invoke_id, 1)
        if isinstance(self.result, DataAccessResult):
            return head + bytes([1, self.result])
        return head + b"\x00" + encode(self.result)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetResponseNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        invoke_id, refusal = read_response_head(reader)
        result = reader.data() if refusal is None else refusal
        reader.end()
        return cls(invoke_id, result)


def read_response_head(reader: Reader) -> tuple[int, DataAccessResult | None]:
    """Take a get-response-normal up to its data: the invoke byte, and the refusal if there is no data."""
    reader.expect(GET_RESPONSE_NORMAL, "get-response-normal")
    invoke_id = reader.integer(1)
    if not choice(reader, "get-data-result"):
        return invoke_id, None
    return invoke_id, code(DataAccessResult, reader.integer(1))


@dataclass(frozen=True, slots=True)
class ExceptionResponse:
    """A request that could not be served at all.

    ``counter`` (u32, the next one expected) goes with an invocation-counter error, and with that only.
    """

    state: StateError
    service: ServiceError
    counter: int | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        if (self.counter is None) == (self.service is ServiceError.INVOCATION_COUNTER_ERROR):
            raise EncodeError("an expected counter goes with an invocation-counter error only")
        return (
            EXCEPTION_RESPONSE
            + bytes([self.state, self.service])
            + (b"" if self.counter is None else uint(self.counter, 4))
        )

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ExceptionResponse:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(EXCEPTION_RESPONSE, "exception-response")
        state, service = code(StateError, reader.integer(1)), code(ServiceError, reader.integer(1))
        counter = reader.integer(4) if service is ServiceError.INVOCATION_COUNTER_ERROR else None
        reader.end()
        return cls(state, service, counter)


def choice(reader: Reader, what: str) -> bool:
    """Take the byte that says whether something optional follows (or which of two things)."""
    choice = reader.integer(1)
    if choice > 1:
        raise ProtocolError(f"{what}: choice {choice}")
    return choice == 1


def code(kind: type[_Code], value: int) -> _Code:
    """The member with this code; raises :class:`~protocols.errors.ProtocolError` when there is none."""
    try:
        return kind(value)
    except ValueError:
        raise ProtocolError(f"unknown {kind.__name__} {value}") from None


def uint(value: int, size: int) -> bytes:
    """An unsigned integer of ``size`` bytes; raises :class:`EncodeError` when it does not fit."""
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise EncodeError(f"{value} does not fit {size} bytes") from None
