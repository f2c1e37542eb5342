"""The application services of the A-route, each as a value with ``to_bytes`` and ``from_bytes`` (IEC 62056-5-3).

Supported: data-notification (0F), get-request-normal (C0 01) with selective access, get-response-normal (C4 01) and
exception-response (D8). ``from_bytes`` raises :class:`~protocols.errors.ProtocolError` for anything else.
Vectors: ``meter-protocols`` §3.2.
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
EXCEPTION_RESPONSE = b"\xd8"

CONFIRMED_HIGH = 0xC0
"""Invoke-id-and-priority of our requests, or-ed with the id 0…15: bit 6 wants an answer, bit 7 is high priority."""


class DataAccessResult(IntEnum):
    """Why a get was refused (or 0: it was not)."""

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
        return _uint(self.class_id, 2) + self.obis + _uint(self.number & 0xFF, 1)

    @classmethod
    def read(cls, reader: Reader) -> Attribute:
        """Take an attribute descriptor from a reader."""
        return cls(reader.integer(2), reader.take(6), reader.integer(1, signed=True))


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
        return DATA_NOTIFICATION + _uint(self.invoke_id, 4) + date_time + encode(self.body)

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
    access: tuple[int, Data] | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_REQUEST_NORMAL + _uint(self.invoke_id, 1) + self.attribute.to_bytes()
        if self.access is None:
            return head + b"\x00"
        selector, parameters = self.access
        return head + b"\x01" + _uint(selector, 1) + encode(parameters)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetRequestNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_REQUEST_NORMAL, "get-request-normal")
        invoke_id, attribute = reader.integer(1), Attribute.read(reader)
        access = (reader.integer(1), reader.data()) if _choice(reader, "selective access") else None
        reader.end()
        return cls(invoke_id, attribute, access)


@dataclass(frozen=True, slots=True)
class GetResponseNormal:
    """Answer to a get: the data, or why not. ``invoke_id`` repeats the request's byte."""

    invoke_id: int
    result: Data | DataAccessResult

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_RESPONSE_NORMAL + _uint(self.invoke_id, 1)
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
    if not _choice(reader, "get-data-result"):
        return invoke_id, None
    return invoke_id, _code(DataAccessResult, reader.integer(1))


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
            + (b"" if self.counter is None else _uint(self.counter, 4))
        )

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ExceptionResponse:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(EXCEPTION_RESPONSE, "exception-response")
        state, service = _code(StateError, reader.integer(1)), _code(ServiceError, reader.integer(1))
        counter = reader.integer(4) if service is ServiceError.INVOCATION_COUNTER_ERROR else None
        reader.end()
        return cls(state, service, counter)


Apdu: TypeAlias = DataNotification | GetRequestNormal | GetResponseNormal | ExceptionResponse
_BY_TAG: dict[int, type[Apdu]] = {
    0x0F: DataNotification,
    0xC0: GetRequestNormal,
    0xC4: GetResponseNormal,
    0xD8: ExceptionResponse,
}


def parse(apdu: bytes) -> Apdu:
    """Read any supported plain APDU by its tag."""
    kind = _BY_TAG.get(apdu[0]) if apdu else None
    if kind is None:
        raise ProtocolError(f"unsupported APDU {apdu[:1].hex() or '(empty)'}")
    return kind.from_bytes(apdu)


def _choice(reader: Reader, what: str) -> bool:
    choice = reader.integer(1)
    if choice > 1:
        raise ProtocolError(f"{what}: choice {choice}")
    return choice == 1


def _code(kind: type[_Code], value: int) -> _Code:
    try:
        return kind(value)
    except ValueError:
        raise ProtocolError(f"unknown {kind.__name__} {value}") from None


def _uint(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise EncodeError(f"{value} does not fit {size} bytes") from None
