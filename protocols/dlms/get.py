"""The get service beyond one attribute at a time: the next block, and lists (C0 02, C0 03, C4 02, C4 03).

The plain get of one attribute is in :mod:`protocols.dlms.apdu`. Selective access and blocks: ``meter-protocols`` §3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.dlms.apdu import (
    Access,
    Attribute,
    DataAccessResult,
    access_to_bytes,
    choice,
    code,
    read_access,
    uint,
)
from protocols.dlms.axdr import Data, Reader, encode, encode_length
from protocols.errors import ProtocolError

GET_REQUEST_NEXT: Final = b"\xc0\x02"
GET_REQUEST_LIST: Final = b"\xc0\x03"
GET_RESPONSE_BLOCK: Final = b"\xc4\x02"
GET_RESPONSE_LIST: Final = b"\xc4\x03"

MAX_REFERENCES: Final = 64
"""Attributes in one list, our own limit: a short request must not cause unbounded work."""


@dataclass(frozen=True, slots=True)
class GetRequestNext:
    """Ask for the block after ``number`` (u32)."""

    invoke_id: int
    number: int

    def to_bytes(self) -> bytes:
        """The APDU."""
        return GET_REQUEST_NEXT + uint(self.invoke_id, 1) + uint(self.number, 4)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetRequestNext:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_REQUEST_NEXT, "get-request-next")
        request = cls(reader.integer(1), reader.integer(4))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class GetRequestList:
    """Ask for several attributes, each with its own selective access or None."""

    invoke_id: int
    attributes: tuple[tuple[Attribute, Access | None], ...]

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_REQUEST_LIST + uint(self.invoke_id, 1)
        return head + references_to_bytes(self.attributes)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetRequestList:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_REQUEST_LIST, "get-request-with-list")
        request = cls(reader.integer(1), read_references(reader))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class GetResponseBlock:
    """One block of a long answer: ``content`` is a piece of the encoded data, or the reason of the break."""

    invoke_id: int
    last: bool
    number: int
    content: bytes | DataAccessResult

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_RESPONSE_BLOCK + uint(self.invoke_id, 1) + bytes([self.last]) + uint(self.number, 4)
        if isinstance(self.content, DataAccessResult):
            return head + bytes([1, self.content])
        return head + b"\x00" + encode_length(len(self.content)) + self.content

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetResponseBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_RESPONSE_BLOCK, "get-response-with-datablock")
        invoke_id, last, number = reader.integer(1), reader.integer(1) != 0, reader.integer(4)
        content: bytes | DataAccessResult
        if choice(reader, "datablock"):
            content = code(DataAccessResult, reader.integer(1))
        else:
            content = reader.take(reader.length())
        reader.end()
        return cls(invoke_id, last, number, content)


@dataclass(frozen=True, slots=True)
class GetResponseList:
    """Answers to a list in its order: data, or why not."""

    invoke_id: int
    results: tuple[Data | DataAccessResult, ...]

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = GET_RESPONSE_LIST + uint(self.invoke_id, 1) + encode_length(len(self.results))
        return head + b"".join(map(result_to_bytes, self.results))

    @classmethod
    def from_bytes(cls, apdu: bytes) -> GetResponseList:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(GET_RESPONSE_LIST, "get-response-with-list")
        invoke_id = reader.integer(1)
        results = read_results(reader)
        reader.end()
        return cls(invoke_id, results)


def references_to_bytes(references: tuple[tuple[Attribute, Access | None], ...]) -> bytes:
    """A list of attributes with selective access."""
    named = (attribute.to_bytes() + access_to_bytes(access) for attribute, access in references)
    return encode_length(len(references)) + b"".join(named)


def read_references(reader: Reader) -> tuple[tuple[Attribute, Access | None], ...]:
    """Take a list of attributes with selective access, at most :data:`MAX_REFERENCES`."""
    count = reader.length()
    if count > MAX_REFERENCES:
        raise ProtocolError(f"a list of {count} attributes, at most {MAX_REFERENCES} are allowed")
    return tuple([(Attribute.read(reader), read_access(reader)) for _ in range(count)])


def result_to_bytes(result: Data | DataAccessResult) -> bytes:
    """A get-data-result."""
    return bytes([1, result]) if isinstance(result, DataAccessResult) else b"\x00" + encode(result)


def read_result(reader: Reader) -> Data | DataAccessResult:
    """Take a get-data-result."""
    return code(DataAccessResult, reader.integer(1)) if choice(reader, "get-data-result") else reader.data()


def read_results(reader: Reader) -> tuple[Data | DataAccessResult, ...]:
    """Take the results of a list, as they stand in its answer or in the joined blocks of a long one."""
    count = reader.length()
    if count > MAX_REFERENCES:
        raise ProtocolError(f"a list of {count} results, at most {MAX_REFERENCES} are allowed")
    return tuple([read_result(reader) for _ in range(count)])
