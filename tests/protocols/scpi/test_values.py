from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.scpi import values
from protocols.scpi.errors import ErrorQueue, ScpiError, parse_entry


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("100", "V", 100),
        ("100V", "V", 100),
        ("0.1 kV", "V", 100),
        ("+1.0E+02", "V", 100),
        (".5A", "A", 0.5),
        ("50HZ", "HZ", 50),
        ("1MIN", "S", 60),
        ("20MS", "S", 0.02),
        ("3.8MHZ", "HZ", 3.8e6),
    ],
)
def test_numbers_have_units(text: str, unit: str, value: float) -> None:
    assert values.number(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "code"), [("1A", "V", -131), ("ON", "V", -104), ("1e", "", -131), ("", "", -104)]
)
def test_what_is_no_number_says_why(text: str, unit: str, code: int) -> None:
    with pytest.raises(ScpiError) as raised:
        values.number(text, unit)
    assert raised.value.code == code


def test_words_may_stand_for_numbers_in_both_forms() -> None:
    words = {"MINimum": 1.0, "MAXimum": 550.0}
    assert values.number("max", words=words) == values.number("MAXIMUM", words=words) == 550


def test_booleans_and_words() -> None:
    assert values.boolean("on") and values.boolean("1") and not values.boolean("OFF") and not values.boolean("0.4")
    assert values.word("imm", ("IMMediate", "BUS")) == "IMMediate"
    with pytest.raises(ScpiError):
        values.word("EXT", ("IMMediate", "BUS"))


def test_replies_have_the_forms_of_the_standard() -> None:
    assert values.nr1(41.6) == "42"
    assert values.nr2(100) == "100.0000"
    assert values.nr3(380) == "+3.80000E+02"
    assert values.nr3(-0.001234) == "-1.23400E-03"


@given(st.floats(-1e30, 1e30))
def test_a_reading_is_what_was_replied(value: float) -> None:
    assert values.reading(values.nr3(value)) == pytest.approx(value, rel=1e-5, abs=1e-30)


def test_readings_without_a_value_are_nan_and_overload_is_infinite() -> None:
    assert math.isnan(values.reading("NAN")) and math.isnan(values.reading("9.91E37"))
    assert values.reading("9.9E37") == values.reading("INF") == math.inf
    with pytest.raises(ProtocolError):
        values.reading("12V")


def test_switches_are_read_in_words_and_digits() -> None:
    assert values.switched("ON") and values.switched(" 1") and not values.switched("off")
    with pytest.raises(ProtocolError):
        values.switched("2")


def test_errors_come_out_oldest_first_and_then_none() -> None:
    queue = ErrorQueue()
    queue.add(ScpiError(-222, "999"))
    queue.add(ScpiError(-113))
    assert [parse_entry(queue.take()) for _ in range(3)] == [
        (-222, "Data out of range;999"),
        (-113, "Undefined header"),
        (0, "No error"),
    ]


def test_a_full_queue_says_that_errors_were_lost() -> None:
    queue = ErrorQueue(size=2)
    for _ in range(4):
        queue.add(ScpiError(-113))
    assert [parse_entry(queue.take())[0] for _ in range(3)] == [-113, -350, 0]


@given(st.text('ab";,', max_size=12))
def test_whatever_an_error_is_about_can_be_read_back(detail: str) -> None:
    queue = ErrorQueue()
    queue.add(ScpiError(-222, detail))
    code, text = parse_entry(queue.take())
    assert code == -222 and text == ScpiError(-222, detail).text


def test_a_measured_value_is_no_entry_of_an_error_queue() -> None:
    with pytest.raises(ProtocolError):
        parse_entry("+1.00000E+02")
