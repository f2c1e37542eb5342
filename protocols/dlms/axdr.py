"""A-XDR: COSEM typed data to bytes and back (IEC 61334-6 as used by IEC 62056-5-3).

A value travels as one type tag and its content, big-endian; lengths below 128 take one byte, longer ones ``80 | n``
and ``n`` bytes (the same form as a BER length). The decoder takes bytes from strangers: it raises
:class:`~protocols.errors.ProtocolError` and nothing else, and its work is bounded by the limits below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

MAX_APDU = 65_535
"""Bytes in one APDU: the length field of the wrapper (IEC 62056-47) has 16 bits."""

MAX_DEPTH = 16
"""Structures within structures; our own choice. A read by range nests 3 deep, Python's stack ends near 1,000."""


class DataType(IntEnum):
    """Tags of the COSEM data types that are supported."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    INT32 = 5
    UINT32 = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    INT8 = 15
    INT16 = 16
    UINT8 = 17
    UINT16 = 18
    INT64 = 20
    UINT64 = 21
    ENUM = 22
    DATE_TIME = 25
    DATE = 26
    TIME = 27


_INTEGERS: dict[DataType, tuple[int, bool]] = {  # bytes, signed
    DataType.INT8: (1, True),
    DataType.INT16: (2, True),
    DataType.INT32: (4, True),
    DataType.INT64: (8, True),
    DataType.UINT8: (1, False),
    DataType.UINT16: (2, False),
    DataType.UINT32: (4, False),
    DataType.UINT64: (8, False),
    DataType.ENUM: (1, False),
}

_FIXED: dict[DataType, int] = {DataType.DATE_TIME: 12, DataType.DATE: 5, DataType.TIME: 4}  # bytes

Value: TypeAlias = "bool | int | bytes | str | tuple[Data, ...] | None"


@dataclass(frozen=True, slots=True)
class Data:
    """One typed value.

    ``value`` is None for null, a tuple of :class:`Data` for array and structure, bytes for octet-string, str for
    visible-string (ASCII) and bit-string (``"0"`` and ``"1"``, first bit first), 12, 5 or 4 bytes for date-time, date
    and time (:mod:`protocols.dlms.clock`), else bool or int.
    """

    type: DataType
    value: Value


NULL = Data(DataType.NULL, None)


def structure(*items: Data) -> Data:
    """A structure of these members."""
    return Data(DataType.STRUCTURE, items)


def array(*items: Data) -> Data:
    """An array of these elements; COSEM wants them all of one type, which is not checked."""
    return Data(DataType.ARRAY, items)


def octets(value: bytes) -> Data:
    """An octet-string."""
    return Data(DataType.OCTET_STRING, value)


def encode_length(length: int) -> bytes:
    """Shortest form of a length, A-XDR and BER alike."""
    if length < 0x80:
        return bytes([length])
    size = (length.bit_length() + 7) // 8
    return bytes([0x80 | size]) + length.to_bytes(size, "big")


def encode(data: Data) -> bytes:
    """Tag and content of a value; raises :class:`EncodeError` when the value does not fit its type."""
    return bytes([data.type]) + _encode_content(data)


def _encode_content(data: Data) -> bytes:
    match data.type, data.value:
        case DataType.NULL, None:
            return b""
        case DataType.BOOLEAN, bool(value):
            return b"\x01" if value else b"\x00"
        case DataType.ARRAY | DataType.STRUCTURE, tuple(items):
            return encode_length(len(items)) + b"".join(map(encode, items))
        case DataType.OCTET_STRING, bytes(value):
            return encode_length(len(value)) + value
        case type_, bytes(value) if len(value) == _FIXED.get(type_):
            return value
        case DataType.VISIBLE_STRING, str(value) if value.isascii():
            return encode_length(len(value)) + value.encode("ascii")
        case DataType.BIT_STRING, str(bits) if not bits.strip("01"):
            size = (len(bits) + 7) // 8
            return encode_length(len(bits)) + int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")
        case type_, int(value) if type_ in _INTEGERS:
            size, signed = _INTEGERS[type_]
            try:
                return value.to_bytes(size, "big", signed=signed)
            except OverflowError:
                raise EncodeError(f"{value} does not fit {type_.name}") from None
    raise EncodeError(f"{data.value!r} is no {data.type.name}")


class Reader:
    """Takes fields from the front of some bytes; every short or wrong one is a :class:`ProtocolError`.

    ``limit`` in bytes is above that of an APDU only for values that came in blocks.
    """

    def __init__(self, raw: bytes, limit: int = MAX_APDU) -> None:
        if len(raw) > limit:
            raise ProtocolError(f"{len(raw)} bytes, at most {limit} are allowed")
        self._raw = raw
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return len(self._raw) - self._at

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        if size > self.left:
            raise ProtocolError(f"{size} bytes expected at {self._at}, {self.left} left")
        self._at += size
        return self._raw[self._at - size : self._at]

    def integer(self, size: int, *, signed: bool = False) -> int:
        """The next ``size`` bytes as a big-endian integer."""
        return int.from_bytes(self.take(size), "big", signed=signed)

    def length(self) -> int:
        """A length in short or long form; what it counts is at least a bit each, and cannot be more than is left."""
        first = self.integer(1)
        length = first if first < 0x80 else self._long_length(first & 0x7F)
        if length > 8 * self.left:
            raise ProtocolError(f"a length of {length} at {self._at}, {self.left} bytes left")
        return length

    def _long_length(self, size: int) -> int:
        if not 1 <= size <= 4:
            raise ProtocolError(f"a length of {size} bytes")
        return self.integer(size)

    def expect(self, constant: bytes, what: str) -> None:
        """Take bytes that can only be these."""
        found = self.take(len(constant))
        if found != constant:
            raise ProtocolError(f"{what}: {found.hex()} instead of {constant.hex()}")

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise ProtocolError(f"{self.left} bytes too many")

    def data(self, depth: int = 0) -> Data:
        """One typed value."""
        if depth > MAX_DEPTH:
            raise ProtocolError(f"data nested deeper than {MAX_DEPTH}")
        tag = self.integer(1)
        try:
            type_ = DataType(tag)
        except ValueError:
            raise ProtocolError(f"unsupported data type {tag}") from None
        if type_ is DataType.NULL:
            return NULL
        if type_ in _INTEGERS:
            size, signed = _INTEGERS[type_]
            return Data(type_, self.integer(size, signed=signed))
        if type_ in (DataType.ARRAY, DataType.STRUCTURE):
            return Data(type_, self._items(depth))
        return Data(type_, self._simple(type_))

    def _items(self, depth: int) -> tuple[Data, ...]:
        count = self.length()
        if count > self.left:  # every element has a tag, so this bounds the memory by the message's size
            raise ProtocolError(f"{count} elements announced, {self.left} bytes left")
        return tuple([self.data(depth + 1) for _ in range(count)])

    def _simple(self, type_: DataType) -> Value:
        if type_ is DataType.BOOLEAN:
            return self.integer(1) != 0
        if type_ in _FIXED:
            return self.take(_FIXED[type_])
        length = self.length()
        if type_ is DataType.BIT_STRING:
            size = (length + 7) // 8
            return "".join(f"{byte:08b}" for byte in self.take(size))[:length]
        raw = self.take(length)
        if type_ is DataType.OCTET_STRING:
            return raw
        if not raw.isascii():
            raise ProtocolError("a visible-string that is not ASCII")
        return raw.decode("ascii")


def decode(raw: bytes, limit: int = MAX_APDU) -> Data:
    """The one value that these bytes, at most ``limit``, are."""
    reader = Reader(raw, limit)
    data = reader.data()
    reader.end()
    return data
