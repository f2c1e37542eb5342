from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scpi.errors import ScpiError
from protocols.scpi.message import units


def headers(message: str) -> list[str]:
    return [unit.header for unit in units(message)]


def test_a_unit_continues_where_the_one_before_branched_off() -> None:
    assert headers("CURR:PEAK 8;VOLT 110") == ["CURR:PEAK", "CURR:VOLT"]
    assert headers("CURR:PEAK 8;:VOLT 110") == ["CURR:PEAK", "VOLT"]
    assert headers("VOLT 110;FREQ 50") == ["VOLT", "FREQ"]


def test_a_common_command_neither_uses_nor_changes_the_place() -> None:
    assert headers("CURR:PEAK 8;*OPC?;LEV 1") == ["CURR:PEAK", "*OPC?", "CURR:LEV"]


def test_arguments_are_cut_at_commas_outside_of_quotes() -> None:
    (unit,) = units("PROG:EDIT 1, OFF ,\"a,b;c\",'d'")
    assert unit.arguments == ("1", "OFF", '"a,b;c"', "'d'")


def test_separators_alone_and_white_space_mean_nothing() -> None:
    assert headers(" ;; VOLT 1 ;\r") == ["VOLT"]


@pytest.mark.parametrize(("message", "code"), [("VOLT:", -102), ("1VOLT 3", -102), ("*A:B", -102), ('VOLT "1', -151)])
def test_what_cannot_be_read_is_the_senders_fault(message: str, code: int) -> None:
    with pytest.raises(ScpiError) as raised:
        list(units(message))
    assert raised.value.code == code


def test_units_before_the_one_that_cannot_be_read_are_given() -> None:
    found = units("VOLT 1;!")
    assert next(found).header == "VOLT"
    with pytest.raises(ScpiError):
        next(found)


@given(st.text(max_size=60))
def test_any_text_is_units_or_a_scpi_error(text: str) -> None:
    try:
        list(units(text))
    except ScpiError as error:
        assert error.code in (-102, -151)
