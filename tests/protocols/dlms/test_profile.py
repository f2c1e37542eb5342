from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.apdu import DataAccessResult, GetResponseNormal
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.errors import AccessRefusedError, EncodeError
from protocols.dlms.profile import (
    MAX_ROWS,
    ROW_WIRE,
    ROWS,
    parse_range_answer,
    parse_range_request,
    range_answer,
    range_refusal,
    range_request,
)
from protocols.dlms.security import protect_general, unprotect_general
from protocols.errors import ProtocolError
from protocols.slots import JST
from tests.protocols.dlms.vectors import AUTH_KEY, GET_CLOCK, KEY, RANGE_READ, SERVER_TITLE

START = int(datetime(2026, 1, 15, 0, 30, tzinfo=JST).timestamp())


def some_rows(count: int) -> np.ndarray:
    rows = np.empty(count, dtype=ROWS)
    rows["time"] = START + 1800 * np.arange(count)
    rows["status"] = np.arange(count) % 256
    rows["import_wh"] = np.arange(count) * 251
    rows["export_wh"] = 99_999_999 - np.arange(count)
    return rows


def changed(raw: bytes, at: int, value: int) -> bytes:
    return raw[:at] + bytes([value]) + raw[at + 1 :]


def test_the_published_read_by_range_is_understood() -> None:
    first = int(datetime(2017, 10, 1, 8, 0, tzinfo=JST).timestamp())  # 00:00 at deviation -60
    assert parse_range_request(RANGE_READ) == (1, first, first + 3600)


def test_our_request_differs_from_the_published_one_by_its_times_only() -> None:
    ours = range_request(1, START, START + 3600)
    window = (
        b"\x09\x0c"
        + bytes.fromhex("07EA010F04001E0000FDE400")
        + b"\x09\x0c"
        + bytes.fromhex("07EA010F04011E0000FDE400")
    )
    assert ours == RANGE_READ[:34] + window + RANGE_READ[62:]


@given(st.integers(0, 15), st.integers(0, 2**32), st.integers(0, 10**7))
def test_a_request_comes_back(invoke_id: int, start: int, span: int) -> None:
    assert parse_range_request(range_request(invoke_id, start, start + span)) == (invoke_id, start, start + span)


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        (GET_CLOCK, "no read by range"),
        (changed(RANGE_READ, 8, 2), "no read by range"),  # 1.0.99.2.0, the 5-minute profile
        (changed(RANGE_READ, 13, 2), "no read by range"),  # by entry
        (changed(RANGE_READ, 20, 3), "other than the clock"),
        (RANGE_READ[:-2] + bytes.fromhex("010100"), "other than the clock"),
        (changed(RANGE_READ, 36, 0xFF), "date"),
        (RANGE_READ[:13] + bytes.fromhex("0100"), "no range descriptor"),
    ],
)
def test_a_request_for_anything_else_is_refused(wire: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        parse_range_request(wire)


@pytest.mark.parametrize("count", [0, 1, 127, 128, MAX_ROWS])
def test_rows_come_back_in_any_number(count: int) -> None:
    rows = some_rows(count)
    invoke_id, back = parse_range_answer(range_answer(7, rows))
    assert invoke_id == 7
    assert back.dtype == ROWS
    assert (back == rows).all()


def test_the_answer_is_plain_dlms() -> None:
    rows = some_rows(3)
    generic = GetResponseNormal(
        0xC7,
        array(
            *[
                structure(
                    octets(DateTime.from_unix(int(row["time"])).to_bytes()),
                    Data(DataType.UINT8, int(row["status"])),
                    Data(DataType.UINT32, int(row["import_wh"])),
                    Data(DataType.UINT32, int(row["export_wh"])),
                )
                for row in rows
            ]
        ),
    )
    assert range_answer(7, rows) == generic.to_bytes()


def test_45_days_fit_one_ciphered_message() -> None:
    plain = range_answer(1, some_rows(MAX_ROWS))
    ciphered = protect_general(plain, SERVER_TITLE, 1, KEY, AUTH_KEY)
    assert unprotect_general(ciphered, lambda _: (KEY, AUTH_KEY)) == (SERVER_TITLE, 1, plain)


def test_registers_wrap_at_8_digits() -> None:
    rows = some_rows(1)
    rows["import_wh"] = 100_000_007
    assert parse_range_answer(range_answer(0, rows))[1]["import_wh"] == 7


def test_a_refusal_names_its_reason() -> None:
    with pytest.raises(AccessRefusedError, match="TEMPORARY_FAILURE") as caught:
        parse_range_answer(range_refusal(3, DataAccessResult.TEMPORARY_FAILURE))
    assert caught.value.result == DataAccessResult.TEMPORARY_FAILURE


def test_a_wrong_row_is_named() -> None:
    wire = range_answer(0, some_rows(5))
    for at in range(ROW_WIRE.itemsize):
        if at in (6, 7, 9, 10, 11, 17, *range(19, 23), *range(24, 28)):
            continue  # month, day, hour, minute, second, status and registers: another value is another row
        with pytest.raises(ProtocolError, match="row 3"):
            parse_range_answer(changed(wire, 6 + 3 * ROW_WIRE.itemsize + at, 0xEE))


@pytest.mark.parametrize("wire", ["C401C0000101", "C401C000010100", "C401C00006", "C401C0000183FFFFFF", "C401C0010300"])
def test_a_broken_answer_is_refused(wire: str) -> None:
    with pytest.raises(ProtocolError):
        parse_range_answer(bytes.fromhex(wire))


@pytest.mark.parametrize("build", [lambda: range_request(16, 0, 0), lambda: range_answer(0, some_rows(MAX_ROWS + 1))])
def test_what_cannot_be_asked_or_answered_is_our_own_fault(build: Callable[[], object]) -> None:
    with pytest.raises(EncodeError):
        build()
