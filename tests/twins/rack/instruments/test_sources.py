"""The manners of the AC sources, as their manuals and public drivers have them."""

from __future__ import annotations

import pytest

from tests.twins.rack.instruments.talk import T, Talk
from twins.rack.faults import RackError
from twins.rack.instruments.catalogue import SOURCES
from twins.rack.instruments.lists import Track, pieces
from twins.rack.world.circuit import Draw
from twins.rack.world.output import Point


@pytest.mark.parametrize("model", SOURCES)
def test_a_source_begins_switched_off_at_0_volts(model: str) -> None:
    talk = Talk(model)
    assert talk.say("OUTP?") == "0" and talk.volts() == 0 and talk.error() == "0"


def test_kikusui_replies_in_nr3_and_takes_units_and_extremes() -> None:
    talk = Talk("kikusui-pcr")
    assert talk.say("VOLT:RANG 305;:VOLT 200V;:FREQ MAX;:VOLT?;:FREQ?;:VOLT? MAX") == (
        "+2.00000E+02;+9.99900E+02;+3.05000E+02"
    )


def test_kikusui_measures_in_110_ms_and_loses_the_answer_to_who_asks_before() -> None:
    talk = Talk("kikusui-pcr")
    line = talk.device.connect(T)
    line.receive(b"MEAS:VOLT:AC?\n", T)
    assert line.due() == pytest.approx(T + 0.11)
    line.receive(b"VOLT?\n", T + 0.05)
    assert line.take(T + 1) == b"+0.00000E+00\n"
    assert talk.error() == "-410"


def test_fetch_without_a_measurement_is_stale_and_with_one_is_of_its_moment() -> None:
    talk = Talk("kikusui-pcr")
    assert talk.say("FETC:VOLT:AC?") == "" and talk.error() == "-230"
    talk.say("VOLT 100;:OUTP ON")
    talk.say("MEAS:VOLT:AC?")
    talk.say("OUTP OFF")
    assert float(talk.say("FETC:VOLT:AC?")) == pytest.approx(100.1)


def test_kikusui_programmes_are_steps_with_ramps_of_volts_and_hertz_apart() -> None:
    talk = Talk("kikusui-pcr")
    talk.say("VOLT 100;:OUTP ON")
    talk.say("PROG:EDIT 3,OFF,50HZ,ON,50V,OFF,0V,10S,0,OFF,OFF,OFF,ON")
    talk.say("PROG:EDIT 4,ON,60HZ,OFF,80V,OFF,0V,10S,0,OFF,OFF,OFF,ON")
    talk.say("PROG:STEP:STAR 3;END 4;:PROG:LOOP 2;:INIT:SEQ5")
    assert talk.error() == "0"
    assert talk.volts(5) == pytest.approx(75) and talk.say("PROG:STAT?") == "RUN,+5.00000E+00,1,3"
    assert talk.volts(10) == pytest.approx(80) and talk.world.state.hertz == pytest.approx(55)
    assert talk.volts(10) == pytest.approx(75) and talk.say("PROG:STAT?").endswith(",2,3")
    talk.volts(20)
    assert talk.say("PROG:STAT?").startswith("STOP")


def test_kikusui_refuses_programmes_it_cannot_run() -> None:
    talk = Talk("kikusui-pcr")
    talk.say("INIT:SEQ5")
    talk.say("OUTP ON;:INIT:SEQ5")
    talk.say("PROG:EDIT 1,OFF,50HZ,OFF,200V,OFF,0V,1S,0,OFF,OFF,OFF,ON")
    talk.say("PROG:EDIT 1,OFF,50HZ")
    assert [talk.error() for _ in range(5)] == ["-221", "-221", "-222", "-109", "0"]


def test_nf_refuses_range_start_phase_and_reset_while_on() -> None:
    talk = Talk("nf-ec")
    talk.say("VOLT 100")
    talk.say("OUTP ON")
    for message in ("VOLT:RANG 200", "PHAS 90", "*RST"):
        talk.say(message)
        assert talk.error() == "-221"
    assert talk.volts() == 100
    talk.say("OUTP OFF")
    talk.say("VOLT:RANG 200")
    talk.say("VOLT 200")
    assert talk.error() == "0" and talk.say("VOLT?;:VOLT:RANG?") == "200.00;200"
    assert talk.say("SEQ:COND?;CST?") == "0;-1"


def test_soft_limits_hold() -> None:
    talk = Talk("nf-ec")
    talk.say("VOLT:LIM:HIGH 105;:FREQ:LIM:LOW 49")
    for message in ("VOLT 106", "FREQ 48"):
        talk.say(message)
        assert talk.error() == "-222"


def test_chroma_couples_voltage_and_range_within_one_message() -> None:
    talk = Talk("chroma-615xx")
    talk.say("VOLT:AC 220")
    talk.say("VOLT:RANG 300")
    assert talk.error() == "-222" and talk.say("VOLT:AC?") == "0.0000"
    for message in ("VOLT:AC 120;:VOLT:RANG 150", "VOLT:AC 220;:VOLT:RANG 300"):
        talk.say(message)
        assert talk.error() == "0"
    assert talk.say("VOLT:AC?") == "220.0000"


def test_chroma_is_deaf_for_7_s_after_a_reset() -> None:
    talk = Talk("chroma-615xx")
    talk.say("*RST")
    talk.now += 6.9
    assert talk.say("*IDN?") == ""
    talk.now += 0.1
    assert talk.say("*IDN?").startswith("Chroma ATE 61504,")


def test_chroma_lists_are_edited_in_fixed_mode_and_must_be_of_one_length() -> None:
    talk = Talk("chroma-615xx")
    talk.say("VOLT:AC 100;:OUTP ON")
    for message in (
        "LIST:DWEL 200,1000",
        "LIST:VOLT:AC:STAR 40,40",
        "LIST:VOLT:AC:END 40,100",
        "LIST:FREQ:STAR 50,50",
        "LIST:FREQ:END 50",
    ):
        talk.say(message)
    talk.say("OUTP:MODE LIST")
    talk.say("TRIG ON")
    assert talk.error() == "-226" and talk.say("TRIG:STATE?") == "OFF"
    talk.say("LIST:FREQ:END 50,50")
    assert talk.error() == "-221"
    talk.say("OUTP:MODE FIXED;:LIST:FREQ:END 50,50;:OUTP:MODE LIST;:TRIG ON")
    assert talk.error() == "0" and talk.say("TRIG:STATE?") == "RUNNING"
    assert talk.volts(0.7) == pytest.approx(70, abs=0.5)


def test_keysight_gives_the_output_back_when_its_protection_is_cleared() -> None:
    talk = Talk("keysight-68xx")
    talk.say("VOLT 100;:CURR 2;:OUTP ON")
    talk.world.draw((Draw(3.0),), talk.now)
    assert talk.volts(0.05) > 99 and talk.volts(0.1) == 0
    assert talk.say("OUTP?;:STAT:QUES:COND?;*STB?") == "1;2;8"
    talk.world.draw((), talk.now)
    talk.say("OUTP:PROT:CLE")
    assert talk.volts() == 100


def test_keysight_phases_are_set_one_by_one_or_together() -> None:
    talk = Talk("keysight-68xx", phases=3)
    talk.say("VOLT 100")
    talk.say("INST:COUP NONE;NSEL 2;:VOLT 90;:PHAS 180")
    assert talk.say("VOLT?;:INST:NSEL 3;:VOLT?") == "+9.00000E+01;+1.00000E+02"
    talk.say("INST:NSEL 4")
    assert talk.error() == "-222"


def test_keysight_finds_lists_of_different_length_at_init() -> None:
    talk = Talk("keysight-68xx")
    talk.say("VOLT 100;:OUTP ON;:VOLT:MODE LIST;:LIST:VOLT 40,100,50;:LIST:DWEL 1,2")
    assert talk.error() == "0"
    talk.say("INIT")
    assert talk.error() == "-226" and talk.volts() == 100
    talk.say("LIST:DWEL 1")
    talk.say("INIT")
    assert [round(talk.volts(after)) for after in (0.5, 1, 1)] == [40, 100, 50]
    assert talk.say("STAT:OPER:COND?") == "8"
    talk.say("ABOR")
    assert talk.volts() == 100 and talk.say("STAT:OPER:COND?") == "0"


def test_a_slew_too_slow_for_its_dwell_ends_underway() -> None:
    made = pieces(Point((100.0,), (0.0,), 50.0), [Track([40.0, 40.0], [20.0])], Track([50.0], [1e9]), [2.0, 2.0])
    assert [(piece.begin.volts[0], piece.end.volts[0], piece.seconds) for piece in made] == [
        (100, 60, 2.0),
        (60, 40, 1.0),
        (40, 40, 1.0),
    ]


def test_a_source_needs_as_many_phases_as_the_world() -> None:
    with pytest.raises(RackError, match="has 1 phases"):
        Talk("kikusui-pcr", phases=3)
