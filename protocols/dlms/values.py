"""Short names for the typed values that objects are made of, and their reading from a stranger's data.

The ``take_`` functions refuse with *type-unmatched* what is not of the type that a method or attribute needs.
"""

from __future__ import annotations

from typing import Final

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, structure
from protocols.dlms.errors import RefusalError


def uint8(value: int) -> Data:
    """An unsigned."""
    return Data(DataType.UINT8, value)


def uint16(value: int) -> Data:
    """A long-unsigned."""
    return Data(DataType.UINT16, value)


def uint32(value: int) -> Data:
    """A double-long-unsigned."""
    return Data(DataType.UINT32, value)


def int8(value: int) -> Data:
    """An integer of one byte."""
    return Data(DataType.INT8, value)


def enum(value: int) -> Data:
    """An enumerated value."""
    return Data(DataType.ENUM, value)


def boolean(value: bool) -> Data:
    """A boolean."""
    return Data(DataType.BOOLEAN, value)


def scaler_unit(scaler: int, unit: int) -> Data:
    """Power of ten and unit of a register (27 W, 30 Wh, 32 varh, 33 A, 35 V; ``meter-protocols`` §3.3)."""
    return structure(int8(scaler), enum(unit))


ZERO: Final = int8(0)
"""The parameter of methods that take none."""


def take_integer(data: Data | None, *types: DataType) -> int:
    """The number in a value of one of these integer types."""
    if data is not None and data.type in types and isinstance(data.value, int):
        return data.value
    raise _unmatched(data, *types)


def take_octets(data: Data | None) -> bytes:
    """The bytes of an octet-string."""
    if data is not None and data.type is DataType.OCTET_STRING and isinstance(data.value, bytes):
        return data.value
    raise _unmatched(data, DataType.OCTET_STRING)


def take_structure(data: Data | None, size: int) -> tuple[Data, ...]:
    """The members of a structure of ``size``."""
    if data is not None and data.type is DataType.STRUCTURE and isinstance(data.value, tuple):
        if len(data.value) == size:
            return data.value
        raise RefusalError(DataAccessResult.TYPE_UNMATCHED, f"a structure of {len(data.value)} instead of {size}")
    raise _unmatched(data, DataType.STRUCTURE)


def take_array(data: Data | None) -> tuple[Data, ...]:
    """The elements of an array."""
    if data is not None and data.type is DataType.ARRAY and isinstance(data.value, tuple):
        return data.value
    raise _unmatched(data, DataType.ARRAY)


def _unmatched(data: Data | None, *types: DataType) -> RefusalError:
    found = "nothing" if data is None else data.type.name
    return RefusalError(DataAccessResult.TYPE_UNMATCHED, f"{found} instead of {' or '.join(t.name for t in types)}")
