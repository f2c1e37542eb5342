"""COSEM data as numbers: scalers, units, schedules, and data of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_drivers.errors import AnswerError
from hil_drivers.meters.dlms_values import (
    cells,
    schedule_entry,
    take_bits,
    take_int,
    take_members,
    take_octets,
    take_scale,
    take_schedule_entry,
    take_time,
    text_of,
)
from protocols.dlms.axdr import NULL, Data, DataType, array, octets, structure
from protocols.dlms.profile_generic import CLOCK_COLUMN
from protocols.dlms.values import scaler_unit, uint8, uint32

NOON = 1_779_246_000  # 2026-05-20 12:00 JST


@pytest.mark.parametrize(
    ("scaler", "unit", "raw", "expected"),
    [
        (0, 30, 7, 7),
        (3, 30, 7, 7000),
        (-1, 30, 79, 7),
        (-3, 33, 2776, 2776),
        (-2, 33, 277, 2770),
        (-1, 35, 1006, 100600),
    ],
)
def test_a_registers_number_comes_in_the_contracts_unit(scaler: int, unit: int, raw: int, expected: int) -> None:
    assert take_scale(scaler_unit(scaler, unit)).apply(raw) == expected


def test_a_number_is_cut_off_towards_zero_on_both_sides() -> None:
    scale = take_scale(scaler_unit(-1, 27))
    assert (scale.apply(19), scale.apply(-19)) == (1, -1)


@given(st.integers(0, 4_000_000_000))
def test_what_is_reserved_for_an_instant_is_read_as_that_instant(at: int) -> None:
    assert take_schedule_entry(schedule_entry(at)) == at


def test_an_execution_time_is_time_and_then_date() -> None:
    time, date = take_members(schedule_entry(NOON))
    assert (take_octets(time).hex(), take_octets(date).hex()) == ("0c000000", "07ea051403")


@pytest.mark.parametrize(
    ("raw", "text"), [(b"TWN0001\0\0", "TWN0001"), (b"\x01\x02", "0102"), (b"", ""), ("\u00e9".encode(), "C3A9")]
)
def test_a_name_is_text_where_it_can_be_shown(raw: bytes, text: str) -> None:
    assert text_of(octets(raw)) == text


@pytest.mark.parametrize(
    "read",
    [
        lambda: take_int(NULL),
        lambda: take_octets(uint8(1)),
        lambda: take_bits(octets(b"\1")),
        lambda: take_members(uint8(1)),
        lambda: take_members(array(), 2),
        lambda: take_time(octets(b"\0" * 11)),
        lambda: take_time(octets(b"\xff" * 12)),
        lambda: take_scale(scaler_unit(0, 99)),
        lambda: take_scale(scaler_unit(100, 30)),
        lambda: take_schedule_entry(structure(octets(b"\xff" * 4), octets(b"\xff" * 5))),
        lambda: cells([[uint32(1), uint32(2)]], [CLOCK_COLUMN], CLOCK_COLUMN.obis),
        lambda: cells([], [], CLOCK_COLUMN.obis),
    ],
)
def test_data_of_another_kind_is_the_meters_fault(read: Callable[[], Any]) -> None:
    with pytest.raises(AnswerError, match="the meter's answer"):
        read()


def test_a_visible_string_is_a_name_too() -> None:
    assert text_of(Data(DataType.VISIBLE_STRING, "TWN")) == "TWN"
