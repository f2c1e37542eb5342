from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.clock import DateTime, decode_times, encode_times
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError
from protocols.slots import JST

INSTANTS = st.integers(0, int(datetime(9999, 12, 31, tzinfo=JST).timestamp()))


def one(unix: int) -> bytes:
    return encode_times(np.array([unix])).tobytes()


def test_japanese_time_carries_a_deviation_of_minus_540_minutes() -> None:
    unix = int(datetime(2026, 5, 20, 1, 31, tzinfo=UTC).timestamp())
    wire = bytes.fromhex("07EA0514030A1F0000FDE400")  # Wednesday 10:31 in Japan
    assert DateTime.from_unix(unix).to_bytes() == wire
    assert DateTime.from_bytes(wire).unix() == unix
    assert one(unix) == wire


def test_the_published_european_clock_is_read() -> None:
    moment = DateTime.from_bytes(bytes.fromhex("07E50118FF0E303950FFC400"))
    assert moment == DateTime(2021, 1, 24, None, 14, 48, 57, 80, -60, 0)
    assert moment.unix() == int(datetime(2021, 1, 24, 13, 48, 57, tzinfo=UTC).timestamp())


@given(INSTANTS, st.sampled_from([-540, -60, 0, 300]))
def test_an_instant_comes_back_whatever_the_deviation(unix: int, deviation: int) -> None:
    assert DateTime.from_bytes(DateTime.from_unix(unix, deviation).to_bytes()).unix() == unix


@given(st.binary(min_size=12, max_size=12))
def test_any_12_bytes_are_a_date_time_and_perhaps_an_instant(raw: bytes) -> None:
    moment = DateTime.from_bytes(raw)
    assert moment.to_bytes() == raw
    try:
        unix = moment.unix()
    except ProtocolError:
        return
    assert unix == DateTime.from_unix(unix, moment.deviation or 0).unix()


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("FFFF0514030A1F0000FDE400", "leaves open"),
        ("07EA0514030AFF0000FDE400", "leaves open"),
        ("07EA0514030A1F00008000FF", "leaves open"),
        ("07EAFE14030A1F0000FDE400", "no date"),
        ("07EA021EFF0A1F0000FDE400", "no date"),
        ("07EA0514040A1F0000FDE400", "falls on day 3"),
        ("07EA0514030A1F00007FFF00", "no date"),
    ],
)
def test_what_is_no_instant_says_why(wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        DateTime.from_bytes(bytes.fromhex(wire)).unix()


def test_an_unspecified_deviation_can_be_stood_in_for() -> None:
    moment = DateTime.from_bytes(bytes.fromhex("07EA0514030A1F0000800000"))
    assert moment.unix(-540) == int(datetime(2026, 5, 20, 10, 31, tzinfo=JST).timestamp())


def test_a_date_time_of_another_size_is_refused() -> None:
    with pytest.raises(ProtocolError, match="11 bytes"):
        DateTime.from_bytes(bytes(11))


@pytest.mark.parametrize("moment", [DateTime(year=70_000), DateTime(month=-1)])
def test_a_field_that_does_not_fit_is_our_own_fault(moment: DateTime) -> None:
    with pytest.raises(EncodeError):
        moment.to_bytes()


@given(st.lists(INSTANTS, max_size=20))
def test_columns_and_single_values_agree_byte_for_byte(instants: list[int]) -> None:
    column = np.array(instants, dtype=np.int64)
    wire = encode_times(column)
    assert wire.tobytes() == b"".join(DateTime.from_unix(unix).to_bytes() for unix in instants)
    back, valid = decode_times(wire)
    assert valid.all()
    assert back.tolist() == instants


@given(INSTANTS, st.integers(0, 11), st.integers(1, 255))
def test_a_changed_byte_is_another_instant_or_not_in_normal_form(unix: int, at: int, change: int) -> None:
    wire = bytearray(one(unix))
    wire[at] ^= change
    back, valid = decode_times(np.frombuffer(bytes(wire), np.uint8).reshape(1, 12))
    if valid[0]:
        assert at not in (4, 8, 9, 10, 11)
        assert back[0] == DateTime.from_bytes(bytes(wire)).unix() != unix
    else:
        assert back[0] == 0


@given(st.lists(st.binary(min_size=12, max_size=12), max_size=20))
def test_a_column_of_garbage_decodes_without_an_error(rows: list[bytes]) -> None:
    raw = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 12)
    unix, valid = decode_times(raw)
    assert (encode_times(unix)[valid] == raw[valid]).all()


def test_the_last_second_that_can_be_written_does_not_run_over() -> None:
    wire = bytes.fromhex("270F0C1F0517FFFF00FDE400")  # 9999-12-31 23:255:255
    assert not decode_times(np.frombuffer(wire, np.uint8).reshape(1, 12))[1].any()


@pytest.mark.parametrize("unix", [-32_401, 253_402_300_800 - 32_400])
def test_a_time_outside_of_the_calendar_is_our_own_fault(unix: int) -> None:
    with pytest.raises(EncodeError):
        one(unix)
