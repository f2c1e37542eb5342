"""The manners of analyser and load."""

from __future__ import annotations

from tests.twins.rack.instruments.talk import Talk


def test_an_analyser_replies_with_headers_until_they_are_switched_off() -> None:
    talk = Talk("yokogawa-wt")
    assert talk.say("NUM:NORM:NUM?") == ":NUM:NORM:NUM 15"
    talk.say("COMM:HEAD OFF;:RATE 100MS")
    assert talk.say("NUM:NORM:NUM?") == "15"
    assert talk.say("RATE?") == "+1.00000E-01"


def test_an_items_place_without_an_item_has_no_value_and_the_first_is_energy() -> None:
    talk = Talk("yokogawa-wt")
    talk.say("NUM:NORM:NUM 2")
    assert talk.say("NUM:NORM:VAL?") == "+0.00000E+00,NAN"


def test_items_that_cannot_be_are_refused() -> None:
    talk = Talk("yokogawa-wt")
    for message, code in (
        ("NUM:NORM:ITEM1 X,1", "-224"),
        ("NUM:NORM:ITEM1 U,4", "-222"),
        ("NUM:NORM:ITEM256 U,1", "-222"),
        ("NUM:FORM FLO", "-221"),
        ("NUM:NORM:ITEM1", "-109"),
    ):
        talk.say(message)
        assert talk.error() == code


def test_integration_runs_once_at_a_time_and_is_reset_only_when_stopped() -> None:
    talk = Talk("yokogawa-wt")
    talk.say("COMM:HEAD OFF;:INTEG:STAR")
    assert talk.say("INTEG:STAT?") == "STAR"
    for message in ("INTEG:STAR", "INTEG:RES"):
        talk.say(message)
        assert talk.error() == "-221"
    talk.volts(5)
    talk.say("INTEG:STOP")
    assert talk.say("INTEG:STAT?") == "STOP"
    talk.say("INTEG:RES")
    assert talk.say("INTEG:STAT?") == "RES"


def test_a_load_switched_on_without_voltage_trips_and_stays_off_until_cleared() -> None:
    talk = Talk("chroma-638xx")
    talk.say("MODE CURR;:CURR 5;:LOAD ON")
    talk.volts(0.1)
    assert talk.say("LOAD?;:LOAD:PROT?") == "0;2"
    talk.say("LOAD ON")
    assert talk.error() == "-221"
    talk.say("PROT:CLE")
    assert talk.say("PROT?") == "0"


def test_modes_of_a_load_that_are_not_modelled_are_refused() -> None:
    talk = Talk("chroma-638xx")
    for mode, code in (("0", "0"), ("CURR", "0"), ("POW", "-221"), ("9", "-222"), ("WARM", "-224")):
        talk.say(f"LOAD:MODE {mode}")
        assert talk.error() == code
