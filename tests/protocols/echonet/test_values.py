from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.echonet.epc import CODECS, codec_named, register_difference, wrapped
from protocols.echonet.errors import EncodeError, UnknownPropertyError
from protocols.echonet.history import DayHistory, Selector, Series, Stamped
from protocols.echonet.values import Special, StandardVersion
from protocols.errors import ProtocolError

SHAPES = st.one_of(
    st.binary(max_size=255),
    st.binary(min_size=1, max_size=1),
    st.binary(min_size=2, max_size=2),
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=7, max_size=7),
)
DT6 = "07EA05140A1E"


@pytest.mark.parametrize(
    ("name", "wire", "value"),
    [
        ("register", "05F5E0FF", 99_999_999),
        ("register", "FFFFFFFE", Special.NO_DATA),
        ("s32", "FFFFFFFF", -1),
        ("s32", "7FFFFFFD", 2_147_483_645),
        ("s32", "7FFFFFFE", Special.NO_DATA),
        ("s32", "7FFFFFFF", Special.OVERFLOW),
        ("s32", "80000000", Special.UNDERFLOW),
        ("s32", "80000001", -2_147_483_647),
        ("two_s16", "FFFF7FFE", (-1, Special.NO_DATA)),
        ("two_s16", "7FFF8000", (Special.OVERFLOW, Special.UNDERFLOW)),
        ("two_s32", "0000000A7FFFFFFE", (10, Special.NO_DATA)),
        ("history_day", "63", 99),
        ("history_day", "FF", Special.UNSET),
        ("digits", "08", 8),
        ("coefficient", "000F423F", 999_999),
        ("selector_2", "FFFFFFFFFFFF01", Selector()),
        ("selector_2", DT6 + "0C", Selector(datetime(2026, 5, 20, 10, 30), 12)),
        ("selector_3", "07EA05140A1F0A", Selector(datetime(2026, 5, 20, 10, 31), 10)),
        (
            "series_2",
            "FFFFFFFFFFFF01FFFFFFFEFFFFFFFE",
            Series(Selector(), ((Special.NO_DATA, Special.NO_DATA),)),
        ),
        ("stamped_register", "07EA05140E0000FFFFFFFE", Stamped(datetime(2026, 5, 20, 14), (Special.NO_DATA,))),
        ("day_history", "00FF" + "FFFFFFFE" * 48, DayHistory(Special.UNSET, (Special.NO_DATA,) * 48)),
        ("day_history", "0000" + "00000007" * 48, DayHistory(0, (7,) * 48)),
        ("history_9", "3B9AC9FF" * 48, (999_999_999,) * 48),
        ("standard_version", "00005201", StandardVersion("R", 1)),
        ("date", "07EA0514", date(2026, 5, 20)),
        ("time", "0E1A", time(14, 26)),
        ("ascii_6", "323033303132", "203012"),
        ("location", "61", b"\x61"),
        ("on_off", "31", "off"),
    ],
)
def test_a_value_has_its_bytes(name: str, wire: str, value: Any) -> None:
    codec = codec_named(name)
    assert codec.decode(bytes.fromhex(wire)) == value
    assert codec.encode(value).hex().upper() == wire


@pytest.mark.parametrize(
    ("code", "factor"),
    [
        ("00", "1"), ("01", "0.1"), ("02", "0.01"), ("03", "0.001"), ("04", "0.0001"),
        ("0A", "10"), ("0B", "100"), ("0C", "1000"), ("0D", "10000"),
    ],
)  # fmt: skip
def test_units_go_down_to_a_ten_thousandth_and_up_to_ten_thousand(code: str, factor: str) -> None:
    for unit in (CODECS["energy_unit"], CODECS["energy_unit_to_0e"]):
        assert unit.decode(bytes.fromhex(code)) == Decimal(factor)
        assert unit.encode(Decimal(factor)).hex().upper() == code


def test_only_the_next_generation_counts_in_hundred_thousands() -> None:
    assert CODECS["energy_unit_to_0e"].decode(b"\x0e") == 100_000
    with pytest.raises(ProtocolError, match="0e means nothing"):
        CODECS["energy_unit"].decode(b"\x0e")


def test_water_is_measured_down_to_a_millionth() -> None:
    assert CODECS["volume_unit"].decode(b"\x06") == Decimal("0.000001")


@given(st.sampled_from(sorted(CODECS)), SHAPES)
def test_whatever_decodes_encodes_to_the_same_bytes_and_all_else_is_refused(name: str, edt: bytes) -> None:
    try:
        value = CODECS[name].decode(edt)
    except ProtocolError:
        return
    assert CODECS[name].encode(value) == edt


REGISTERS = st.one_of(st.integers(0, 99_999_999), st.just(Special.NO_DATA))
MOMENTS = st.datetimes(min_value=datetime(1, 1, 1)).map(lambda t: t.replace(microsecond=0))
PAIRS = st.tuples(REGISTERS, REGISTERS)


@given(MOMENTS, PAIRS)
def test_stamped_registers_round_trip(moment: datetime, pair: tuple[Any, Any]) -> None:
    value = Stamped(moment, pair)
    assert CODECS["stamped_registers"].decode(CODECS["stamped_registers"].encode(value)) == value


@given(st.one_of(st.integers(0, 99), st.just(Special.UNSET)), st.lists(REGISTERS, min_size=48, max_size=48))
def test_day_histories_round_trip(day: Any, registers: list[Any]) -> None:
    value = DayHistory(day, tuple(registers))
    assert CODECS["day_history"].decode(CODECS["day_history"].encode(value)) == value


@given(st.one_of(st.none(), MOMENTS.map(lambda t: t.replace(second=0))), st.lists(PAIRS, min_size=1, max_size=10))
def test_one_minute_series_round_trip(moment: datetime | None, rows: list[tuple[Any, Any]]) -> None:
    value = Series(Selector(moment, len(rows)), tuple(rows))
    assert CODECS["series_3"].decode(CODECS["series_3"].encode(value)) == value


@pytest.mark.parametrize(
    ("name", "wire", "complaint"),
    [
        ("register", "05F5E100", "outside"),
        ("register", "FFFFFFFF", "outside"),
        ("register", "00", "1 bytes instead of 4"),
        ("digits", "09", "outside"),
        ("digits", "00", "outside"),
        ("history_day", "64", "outside"),
        ("on_off", "32", "means nothing"),
        ("on_off", "3030", "2 bytes instead of 1"),
        ("location", "6161", "no size"),
        ("ascii_6", "FF3033303132", "no ASCII"),
        ("standard_version", "00003100", "no release"),
        ("standard_version", "01005200", "no release"),
        ("date", "07EA021E", "no date"),
        ("time", "1800", "no time of day"),
        ("stamped_register", "07EA0D140E000000000000", "no date and time"),
        ("stamped_register", "07EA05140E0000000000", "instead of 4"),
        ("day_history", "0064" + "00000000" * 48, "outside"),
        ("day_history", "0000" + "00000000" * 47, "instead of 192"),
        ("selector_2", DT6, "6 bytes instead of 7"),
        ("selector_2", DT6 + "00", "0 rows"),
        ("selector_2", DT6 + "0D", "13 rows"),
        ("selector_3", DT6 + "0B", "11 rows"),
        ("selector_2", "07EA05140A1F01", "not on the grid"),
        ("series_3", DT6 + "02" + "00000000" * 2, "15 bytes for 2 rows"),
        ("series_3", "", "0 bytes instead of 7"),
    ],
)
def test_malformed_data_is_refused_with_a_reason(name: str, wire: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        CODECS[name].decode(bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("register", 100_000_000),
        ("register", -1),
        ("register", Special.OVERFLOW),
        ("register", Decimal("6513.9")),
        ("two_s16", (1,)),
        ("on_off", "perhaps"),
        ("location", b""),
        ("ascii_6", "1234567"),
        ("ascii_6", "検"),
        ("standard_version", StandardVersion("f")),
        ("standard_version", StandardVersion("F", 256)),
        ("selector_2", Selector(None, 13)),
        ("selector_2", Selector(datetime(2026, 5, 20, 10, 31), 1)),
        ("series_3", Series(Selector(None, 2), ((0, 0),))),
    ],
)
def test_a_value_that_its_place_cannot_carry_is_our_own_fault(name: str, value: Any) -> None:
    with pytest.raises(EncodeError):
        CODECS[name].encode(value)


def test_a_data_type_that_nobody_defined_is_named() -> None:
    with pytest.raises(UnknownPropertyError, match="'voltage'"):
        codec_named("voltage")


def test_a_register_wraps_at_its_digits_and_not_at_the_machine_word() -> None:  # trap 9
    assert wrapped(1_000_003, 6) == 3
    assert register_difference(3, 999_998, 6) == 5
    assert register_difference(65_139, 65_128, 6) == 11


@given(st.integers(1, 8), st.data())
def test_what_was_consumed_is_found_over_one_wrap(digits: int, data: st.DataObject) -> None:
    consumed = data.draw(st.integers(0, 10**digits - 1))
    before = data.draw(st.integers(0, 10**12))
    assert register_difference(wrapped(before + consumed, digits), wrapped(before, digits), digits) == consumed


def test_a_gap_has_no_difference() -> None:
    assert register_difference(Special.NO_DATA, 1, 8) is Special.NO_DATA
    assert register_difference(1, Special.NO_DATA, 8) is Special.NO_DATA
