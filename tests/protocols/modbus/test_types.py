from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.errors import RegisterMapError, RegisterValueError
from protocols.modbus.types import (
    WHOLE_TYPES,
    pack_float,
    pack_text,
    unpack_float,
    unpack_text,
    words_of,
)


@pytest.mark.parametrize(
    ("kind", "raw", "registers"),
    [
        ("u16", 0xABCD, (0xABCD,)),
        ("s16", -1, (0xFFFF,)),
        ("u32", 0x0001_0002, (1, 2)),
        ("s32", -2, (0xFFFF, 0xFFFE)),
        ("acc32", 0xFFFF_FFFF, (0xFFFF, 0xFFFF)),
        ("sunssf", -2, (0xFFFE,)),
    ],
)
def test_whole_numbers_stand_high_word_first(kind: str, raw: int, registers: tuple[int, ...]) -> None:
    assert WHOLE_TYPES[kind].pack(raw) == registers
    assert WHOLE_TYPES[kind].unpack(registers) == raw


@pytest.mark.parametrize(
    ("kind", "registers"),
    [
        ("u16", (0xFFFF,)),
        ("s16", (0x8000,)),
        ("u32", (0xFFFF, 0xFFFF)),
        ("s32", (0x8000, 0)),
        ("acc32", (0, 0)),
        ("bitfield32", (0xFFFF, 0xFFFF)),
        ("sunssf", (0x8000,)),
    ],
)
def test_codes_of_what_is_not_implemented_are_those_of_sunspec(kind: str, registers: tuple[int, ...]) -> None:
    assert WHOLE_TYPES[kind].pack(WHOLE_TYPES[kind].absent) == registers


@given(st.sampled_from(sorted(WHOLE_TYPES)), st.data())
def test_every_raw_value_comes_back_and_none_beyond_the_bounds_goes_in(kind: str, data: st.DataObject) -> None:
    whole = WHOLE_TYPES[kind]
    low, high = whole.bounds
    raw = data.draw(st.integers(low, high))
    assert whole.unpack(whole.pack(raw)) == raw
    for outside in (low - 1, high + 1):
        with pytest.raises(RegisterValueError):
            whole.pack(outside)


@given(st.floats(width=32, allow_nan=False))
def test_floats_come_back(value: float) -> None:
    assert unpack_float(pack_float(value)) == value


def test_no_float_is_the_quiet_nan_and_every_nan_is_no_float() -> None:
    assert pack_float(None) == (0x7FC0, 0)
    assert unpack_float((0x7FC0, 0)) is None
    assert unpack_float(pack_float(math.nan)) is None
    with pytest.raises(RegisterValueError):
        pack_float(1e39)


def test_text_is_padded_with_nul_and_no_text_is_all_nul() -> None:
    assert pack_text("SunS!", 3) == (0x5375, 0x6E53, 0x2100)
    assert unpack_text((0x5375, 0x6E53, 0x2100)) == "SunS!"
    assert pack_text(None, 2) == (0, 0)
    assert unpack_text((0, 0)) is None
    assert unpack_text((0xFFFF,)) == "\ufffd\ufffd"
    with pytest.raises(RegisterValueError):
        pack_text("five!", 2)


@pytest.mark.parametrize(("kind", "words"), [("string", None), ("u16", 1), ("f32", 2), ("u17", None)])
def test_a_type_that_contradicts_itself_is_refused(kind: str, words: int | None) -> None:
    with pytest.raises(RegisterMapError):
        words_of(kind, words)
