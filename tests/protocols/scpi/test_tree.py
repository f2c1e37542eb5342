from __future__ import annotations

import pytest

from protocols.scpi.errors import ScpiError
from protocols.scpi.tree import Tree, short_form

TREE = Tree(
    [
        ("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", "volts"),
        ("[SOURce:]VOLTage:RANGe", "range"),
        ("[LOAD:]PROTection:CLEar", "clear"),
        ("LOAD[:STATe]", "load"),
        ("NUMeric[:NORMal]:ITEM#", "item"),
        ("*RST", "reset"),
    ]
)


@pytest.mark.parametrize(
    ("header", "leaf"),
    [
        ("VOLT", "volts"),
        ("voltage", "volts"),
        ("SOUR:VOLT:LEV:IMM:AMPL", "volts"),
        ("source:Volt:imm", "volts"),
        ("SOUR:VOLT:RANG", "range"),
        ("PROT:CLE", "clear"),
        ("LOAD:PROT:CLE", "clear"),
        ("LOAD", "load"),
        ("LOAD:STAT", "load"),
        ("*rst", "reset"),
    ],
)
def test_a_header_is_found_by_every_spelling(header: str, leaf: str) -> None:
    assert TREE.find(header.split(":")) == (leaf, ())


@pytest.mark.parametrize("header", ["VOLTA", "VOL", "SOUR", "VOLT:AMPL:LEV", "VOLT2", "NUM:NORM", "RST"])
def test_other_headers_are_undefined(header: str) -> None:
    with pytest.raises(ScpiError) as raised:
        TREE.find(header.split(":"))
    assert raised.value.code == -113


def test_a_numbered_node_gives_its_number_and_1_when_there_is_none() -> None:
    assert TREE.find(["NUM", "NORM", "ITEM12"]) == ("item", (12,))
    assert TREE.find(["NUMERIC", "ITEM"]) == ("item", (1,))


def test_the_short_form_is_the_capitals() -> None:
    assert short_form("FREQuency") == "FREQ"
