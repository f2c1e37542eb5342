"""The action service: one method, with parameters and return value in blocks where they are long.

Requests C3 01, 02 (next), 04 and 06 (blocks); responses C7 01, 02 (block) and 04 (next). Lists of methods are not
supported. Vectors: *HLS pass 3 / 4*, *IC18 initiate*, *IC70 remote_disconnect* in ``meter-protocols`` §3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.dlms.apdu import DataAccessResult, Method, choice, code, uint
from protocols.dlms.axdr import Data, Reader, encode
from protocols.dlms.blocks import Block
from protocols.dlms.get import read_result, result_to_bytes

ACTION_REQUEST_NORMAL: Final = b"\xc3\x01"
ACTION_REQUEST_NEXT: Final = b"\xc3\x02"
ACTION_REQUEST_FIRST_BLOCK: Final = b"\xc3\x04"
ACTION_REQUEST_BLOCK: Final = b"\xc3\x06"
ACTION_RESPONSE_NORMAL: Final = b"\xc7\x01"
ACTION_RESPONSE_BLOCK: Final = b"\xc7\x02"
ACTION_RESPONSE_NEXT: Final = b"\xc7\x04"


@dataclass(frozen=True, slots=True)
class ActionRequestNormal:
    """Call one method; ``invoke_id`` is the whole invoke-id-and-priority byte."""

    invoke_id: int
    method: Method
    parameters: Data | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = ACTION_REQUEST_NORMAL + uint(self.invoke_id, 1) + self.method.to_bytes()
        return head + (b"\x00" if self.parameters is None else b"\x01" + encode(self.parameters))

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionRequestNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_REQUEST_NORMAL, "action-request-normal")
        invoke_id, method = reader.integer(1), Method.read(reader)
        parameters = reader.data() if choice(reader, "method parameters") else None
        reader.end()
        return cls(invoke_id, method, parameters)


@dataclass(frozen=True, slots=True)
class ActionRequestNext:
    """Ask for the block of the return value after ``number``."""

    invoke_id: int
    number: int

    def to_bytes(self) -> bytes:
        """The APDU."""
        return ACTION_REQUEST_NEXT + uint(self.invoke_id, 1) + uint(self.number, 4)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionRequestNext:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_REQUEST_NEXT, "action-request-next-pblock")
        request = cls(reader.integer(1), reader.integer(4))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class ActionRequestFirstBlock:
    """Begin to call a method whose encoded parameters come in blocks."""

    invoke_id: int
    method: Method
    block: Block

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = ACTION_REQUEST_FIRST_BLOCK + uint(self.invoke_id, 1) + self.method.to_bytes()
        return head + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionRequestFirstBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_REQUEST_FIRST_BLOCK, "action-request-with-first-pblock")
        request = cls(reader.integer(1), Method.read(reader), Block.read(reader))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class ActionRequestBlock:
    """A further block of the parameters."""

    invoke_id: int
    block: Block

    def to_bytes(self) -> bytes:
        """The APDU."""
        return ACTION_REQUEST_BLOCK + uint(self.invoke_id, 1) + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionRequestBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_REQUEST_BLOCK, "action-request-with-pblock")
        request = cls(reader.integer(1), Block.read(reader))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class ActionResponseNormal:
    """Answer to a call; ``value`` is what the method returned: data, why there is none, or None for nothing."""

    invoke_id: int
    result: DataAccessResult
    value: Data | DataAccessResult | None = None

    def to_bytes(self) -> bytes:
        """The APDU."""
        return ACTION_RESPONSE_NORMAL + uint(self.invoke_id, 1) + outcome_to_bytes(self.result, self.value)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionResponseNormal:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_RESPONSE_NORMAL, "action-response-normal")
        invoke_id = reader.integer(1)
        result, value = read_outcome(reader)
        reader.end()
        return cls(invoke_id, result, value)


@dataclass(frozen=True, slots=True)
class ActionResponseBlock:
    """One block of a long answer, a piece of the encoded outcome (:func:`outcome_to_bytes`)."""

    invoke_id: int
    block: Block

    def to_bytes(self) -> bytes:
        """The APDU."""
        return ACTION_RESPONSE_BLOCK + uint(self.invoke_id, 1) + self.block.to_bytes()

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionResponseBlock:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_RESPONSE_BLOCK, "action-response-with-pblock")
        response = cls(reader.integer(1), Block.read(reader))
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class ActionResponseNext:
    """Block ``number`` of the parameters has come; the next one, please."""

    invoke_id: int
    number: int

    def to_bytes(self) -> bytes:
        """The APDU."""
        return ACTION_RESPONSE_NEXT + uint(self.invoke_id, 1) + uint(self.number, 4)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ActionResponseNext:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(ACTION_RESPONSE_NEXT, "action-response-next-pblock")
        response = cls(reader.integer(1), reader.integer(4))
        reader.end()
        return response


def outcome_to_bytes(result: DataAccessResult, value: Data | DataAccessResult | None) -> bytes:
    """Result and optional return value of a method."""
    return bytes([result]) + (b"\x00" if value is None else b"\x01" + result_to_bytes(value))


def read_outcome(reader: Reader) -> tuple[DataAccessResult, Data | DataAccessResult | None]:
    """Take result and optional return value of a method."""
    result = code(DataAccessResult, reader.integer(1))
    return result, read_result(reader) if choice(reader, "return value") else None
