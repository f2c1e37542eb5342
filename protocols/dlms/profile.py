"""The 30-minute load profile 1.0.99.1.0: its rows, and reading a range of them (profile generic, class 7).

A row is ``{clock, status, +A 1.0.1.8.0, −A 1.0.2.8.0}``: the registers at the *end* of a half-hour, in Wh with 8
digits (requirement M8), stamped with that end. All rows have the same 28 bytes, so columns are read and written at
once. Vector: *profile read by range*, ``meter-protocols`` §3.2.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlms.apdu import (
    CONFIRMED_HIGH,
    GET_RESPONSE_NORMAL,
    Attribute,
    DataAccessResult,
    GetRequestNormal,
    GetResponseNormal,
    read_response_head,
)
from protocols.dlms.axdr import Data, DataType, Reader, array, encode_length, octets, structure
from protocols.dlms.clock import JST_DEVIATION, DateTime, decode_times, encode_times
from protocols.dlms.errors import AccessRefusedError, EncodeError
from protocols.errors import ProtocolError

PROFILE_BUFFER: Final = Attribute(7, bytes([1, 0, 99, 1, 0, 255]), 2)
RANGE_DESCRIPTOR: Final = 1

_BY_CLOCK: Final = structure(  # the restricting object: time of the clock 0.0.1.0.0, as {class, name, attribute, index}
    Data(DataType.UINT16, 8), octets(bytes([0, 0, 1, 0, 0, 255])), Data(DataType.INT8, 2), Data(DataType.UINT16, 0)
)
_ALL_COLUMNS: Final = array()

REGISTER_SPAN: Final = 100_000_000
"""Wh after which a register starts again from 0: 8 digits (M8), not 2**32."""

MAX_ROWS: Final = 45 * 48
"""Rows in one answer: the 45 days that the current generation keeps (M6). They fit the 16-bit length of an APDU."""

ROWS: Final = np.dtype([("time", "i8"), ("status", "u1"), ("import_wh", "u4"), ("export_wh", "u4")])
"""Rows as columns: Unix seconds of the end of the half-hour, status bits, registers in Wh."""

ROW_WIRE: Final = np.dtype(
    [
        ("structure", ">u2"),
        ("clock_tag", ">u2"),
        ("clock", "u1", 12),
        ("status_tag", "u1"),
        ("status", "u1"),
        ("import_tag", "u1"),
        ("import_wh", ">u4"),
        ("export_tag", "u1"),
        ("export_wh", ">u4"),
    ]
)
"""A row as it travels: structure of 4 {octet-string 12, u8, u32, u32}."""

_ROW_TAGS: Final = {
    "structure": DataType.STRUCTURE << 8 | 4,
    "clock_tag": DataType.OCTET_STRING << 8 | 12,
    "status_tag": DataType.UINT8,
    "import_tag": DataType.UINT32,
    "export_tag": DataType.UINT32,
}


def fill_rows(
    wire: NDArray[Any], time: NDArray[Any], status: NDArray[Any], import_wh: NDArray[Any], export_wh: NDArray[Any]
) -> None:
    """Write columns (N,) into ``wire`` (N,) of :data:`ROW_WIRE`; registers are cut to 8 digits."""
    for name, tag in _ROW_TAGS.items():
        wire[name] = tag
    wire["clock"] = encode_times(time)
    wire["status"] = status
    wire["import_wh"] = import_wh % REGISTER_SPAN
    wire["export_wh"] = export_wh % REGISTER_SPAN


def check_rows(wire: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times (N,) of rows of :data:`ROW_WIRE`, and whether each row is as :func:`fill_rows` writes it."""
    time, valid = decode_times(wire["clock"])
    for name, tag in _ROW_TAGS.items():
        valid &= wire[name] == tag
    valid &= (wire["import_wh"] < REGISTER_SPAN) & (wire["export_wh"] < REGISTER_SPAN)
    return time, valid


def range_request(invoke_id: int, from_unix: int, to_unix: int) -> bytes:
    """Get-request for the rows stamped ``from_unix`` to ``to_unix``, both included; ``invoke_id`` 0…15."""
    window = (octets(DateTime.from_unix(instant).to_bytes()) for instant in (from_unix, to_unix))
    descriptor = structure(_BY_CLOCK, *window, _ALL_COLUMNS)
    return GetRequestNormal(_invoke(invoke_id), PROFILE_BUFFER, (RANGE_DESCRIPTOR, descriptor)).to_bytes()


def parse_range_request(apdu: bytes) -> tuple[int, int, int]:
    """``(invoke id 0…15, from, to)`` in Unix seconds, both included.

    Raises :class:`~protocols.errors.ProtocolError` when it is anything but a request for all columns of this profile,
    by a range of its clock. A date-time without deviation counts as Japanese time.
    """
    request = GetRequestNormal.from_bytes(apdu)
    if request.attribute != PROFILE_BUFFER or request.access is None or request.access[0] != RANGE_DESCRIPTOR:
        raise ProtocolError("no read by range of the 30-minute profile")
    match request.access[1].value:
        case (by, Data(DataType.OCTET_STRING, bytes(start)), Data(DataType.OCTET_STRING, bytes(end)), columns):
            pass
        case _:
            raise ProtocolError("no range descriptor")
    if by != _BY_CLOCK or columns != _ALL_COLUMNS:
        raise ProtocolError("a range of something other than the clock, or not of all columns")
    first, last = (DateTime.from_bytes(raw).unix(JST_DEVIATION) for raw in (start, end))
    return request.invoke_id & 0x0F, first, last


def range_answer(invoke_id: int, rows: NDArray[Any]) -> bytes:
    """Get-response with rows (N,) of :data:`ROWS`, N from 0 to :data:`MAX_ROWS`; repeats the id of the request."""
    if len(rows) > MAX_ROWS:
        raise EncodeError(f"{len(rows)} rows in one answer, at most {MAX_ROWS} fit")
    wire = np.empty(len(rows), dtype=ROW_WIRE)
    fill_rows(wire, rows["time"], rows["status"], rows["import_wh"], rows["export_wh"])
    head = GET_RESPONSE_NORMAL + bytes([_invoke(invoke_id), 0, DataType.ARRAY]) + encode_length(len(rows))
    return head + wire.tobytes()


def range_refusal(invoke_id: int, result: DataAccessResult) -> bytes:
    """Get-response that says why there are no rows."""
    return GetResponseNormal(_invoke(invoke_id), result).to_bytes()


def parse_range_answer(apdu: bytes) -> tuple[int, NDArray[Any]]:
    """``(invoke id 0…15, rows (N,) of ROWS)`` from a get-response.

    Raises :class:`AccessRefusedError` for a refusal, :class:`~protocols.errors.ProtocolError` when one row is not in
    the layout of :data:`ROW_WIRE`.
    """
    reader = Reader(apdu)
    invoke_id, refusal = read_response_head(reader)
    if refusal is not None:
        reader.end()
        raise AccessRefusedError(refusal, refusal.name)
    reader.expect(bytes([DataType.ARRAY]), "profile rows")
    count = reader.length()
    body = reader.rest()
    if count > MAX_ROWS or len(body) != count * ROW_WIRE.itemsize:
        raise ProtocolError(f"{count} rows announced, {len(body)} bytes of them came")
    wire = np.frombuffer(body, dtype=ROW_WIRE)
    time, valid = check_rows(wire)
    if not valid.all():
        raise ProtocolError(f"row {int(np.argmin(valid))} is no row of the 30-minute profile")
    rows = np.empty(count, dtype=ROWS)
    rows["time"] = time
    for name in ("status", "import_wh", "export_wh"):
        rows[name] = wire[name]
    return invoke_id & 0x0F, rows


def _invoke(invoke_id: int) -> int:
    if not 0 <= invoke_id <= 15:
        raise EncodeError(f"an invoke id is 0 to 15, not {invoke_id}")
    return CONFIRMED_HIGH | invoke_id
