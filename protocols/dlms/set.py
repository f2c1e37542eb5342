"""The set service: one attribute, a value in blocks, and lists (C1 01…04, C5 01…03 and 05)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.dlms.apdu import (
    Access,
    Attribute,
    DataAccessResult,
    access_to_bytes,
    code,
    read_access,
    uint,
)
from protocols.dlms.axdr import Data, Reader, encode, encode_length
from protocols.dlms.blocks import Block
from protocols.dlms.get import MAX_REFERENCES, read_references, references_to_bytes
from protocols.errors import ProtocolError

SET_REQUEST_NORMAL: Final = b"\xc1\x01"
SET_REQUEST_FIRST_BLOCK: Final = b"\xc1\x02"
SET_REQUEST_BLOCK: Final = b"\xc1\x03"
SET_REQUEST_LIST: Final = b"\xc1\x04"
SET_RESPONSE_NORMAL: Final = b"\xc5\x01"
SET_RESPONSE_BLOCK: Final = b"\xc5\x02"
SET_RESPONSE_LAST_BLOCK: Final = b"\xc5\x03"
SET_RESPONSE_LIST: Final = b"\xc5\x05"


@dataclass(frozen=True, slots=True)
class SetRequestNormal:
    """Write one attribute; ``invoke_id`` is the whole invoke-id-and-priority byte."""

    invoke_id: int
    attribute: Attribute
    value: Data
    access: Access | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = SET_REQUEST_NORMAL + uint(self.invoke_id, 1) + self.attribute.to_bytes()
        return head + access_to_bytes(self.access) + encode(self.value)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetRequestNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_REQUEST_NORMAL, "set-request-normal")
        invoke_id, attribute, access = reader.integer(1), Attribute.read(reader), read_access(reader)
        value = reader.data()
        reader.end()
        return cls(invoke_id, attribute, value, access)


@dataclass(frozen=True, slots=True)
class SetRequestFirstBlock:
    """Begin to write one attribute whose encoded value comes in blocks."""

    invoke_id: int
    attribute: Attribute
    block: Block
    access: Access | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = SET_REQUEST_FIRST_BLOCK + uint(self.invoke_id, 1) + self.attribute.to_bytes()
        return head + access_to_bytes(self.access) + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetRequestFirstBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_REQUEST_FIRST_BLOCK, "set-request-with-first-datablock")
        invoke_id, attribute, access = reader.integer(1), Attribute.read(reader), read_access(reader)
        block = Block.read(reader)
        reader.end()
        return cls(invoke_id, attribute, block, access)


@dataclass(frozen=True, slots=True)
class SetRequestBlock:
    """A further block of the value."""

    invoke_id: int
    block: Block

    def to_bytes(self) -> bytes:
        """The APDU."""
        return SET_REQUEST_BLOCK + uint(self.invoke_id, 1) + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetRequestBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_REQUEST_BLOCK, "set-request-with-datablock")
        request = cls(reader.integer(1), Block.read(reader))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class SetRequestList:
    """Write several attributes: as many ``values`` as ``attributes``."""

    invoke_id: int
    attributes: tuple[tuple[Attribute, Access | None], ...]
    values: tuple[Data, ...]

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = SET_REQUEST_LIST + uint(self.invoke_id, 1) + references_to_bytes(self.attributes)
        return head + encode_length(len(self.values)) + b"".join(map(encode, self.values))

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetRequestList:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_REQUEST_LIST, "set-request-with-list")
        invoke_id, attributes = reader.integer(1), read_references(reader)
        if (count := reader.length()) != len(attributes):
            raise ProtocolError(f"{count} values for {len(attributes)} attributes")
        values = tuple([reader.data() for _ in range(count)])
        reader.end()
        return cls(invoke_id, attributes, values)


@dataclass(frozen=True, slots=True)
class SetResponseNormal:
    """Answer to a set of one attribute."""

    invoke_id: int
    result: DataAccessResult

    def to_bytes(self) -> bytes:
        """The APDU."""
        return SET_RESPONSE_NORMAL + uint(self.invoke_id, 1) + bytes([self.result])

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetResponseNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_RESPONSE_NORMAL, "set-response-normal")
        response = cls(reader.integer(1), code(DataAccessResult, reader.integer(1)))
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class SetResponseBlock:
    """Block ``number`` has come; the next one, please."""

    invoke_id: int
    number: int

    def to_bytes(self) -> bytes:
        """The APDU."""
        return SET_RESPONSE_BLOCK + uint(self.invoke_id, 1) + uint(self.number, 4)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetResponseBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_RESPONSE_BLOCK, "set-response-datablock")
        response = cls(reader.integer(1), reader.integer(4))
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class SetResponseLastBlock:
    """Answer to the last block, or to one that broke the transfer."""

    invoke_id: int
    result: DataAccessResult
    number: int

    def to_bytes(self) -> bytes:
        """The APDU."""
        return SET_RESPONSE_LAST_BLOCK + uint(self.invoke_id, 1) + bytes([self.result]) + uint(self.number, 4)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetResponseLastBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_RESPONSE_LAST_BLOCK, "set-response-last-datablock")
        response = cls(reader.integer(1), code(DataAccessResult, reader.integer(1)), reader.integer(4))
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class SetResponseList:
    """Answers to a list in its order."""

    invoke_id: int
    results: tuple[DataAccessResult, ...]

    def to_bytes(self) -> bytes:
        """The APDU."""
        return SET_RESPONSE_LIST + uint(self.invoke_id, 1) + encode_length(len(self.results)) + bytes(self.results)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> SetResponseList:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(SET_RESPONSE_LIST, "set-response-with-list")
        invoke_id, count = reader.integer(1), reader.length()
        if count > MAX_REFERENCES:
            raise ProtocolError(f"a list of {count} results, at most {MAX_REFERENCES} are allowed")
        results = tuple([code(DataAccessResult, result) for result in reader.take(count)])
        reader.end()
        return cls(invoke_id, results)
