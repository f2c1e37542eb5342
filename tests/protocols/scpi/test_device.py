from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.scpi.device import Call, Command, Device, Manners
from protocols.scpi.errors import ScpiError
from protocols.scpi.values import number


class Box(Device):
    """A voltage that must not exceed its range; a slow measurement."""

    def __init__(self, coupled: bool = False) -> None:
        self.volts, self.reach = 0.0, 150.0
        self._volts, self._reach = 0.0, 150.0
        super().__init__(
            "MAKER,BOX,1,0",
            [
                ("VOLTage", Command(self._set_volts, lambda call: f"{self._volts:g}")),
                ("VOLTage:RANGe", Command(self._set_reach, lambda call: f"{self._reach:g}")),
                ("MEASure:VOLTage", Command(query=self._measure)),
                ("SYSTem:REMote", Command(set=self._remote, in_local=True)),
            ],
            Manners(line_most=60, coupled=coupled),
        )

    def _set_volts(self, call: Call) -> None:
        self._volts = number(call.one(), "V")

    def _set_reach(self, call: Call) -> None:
        self._reach = number(call.one(), "V")

    def _measure(self, call: Call) -> str:
        call.delay_s += 0.3
        return f"{self.volts:g}"

    def _remote(self, call: Call) -> None:
        self.local = False

    def commit(self, now: float) -> None:
        if self._volts > self._reach:
            self._volts, self._reach = self.volts, self.reach
            raise ScpiError(-222)
        self.volts, self.reach = self._volts, self._reach

    def reset(self, now: float) -> None:
        self.busy_until = now + 7


def ask(box: Box, message: str) -> str:
    connection = box.connection()
    connection.receive(message.encode() + b"\n", 0.0)
    return connection.take(10.0).decode().rstrip("\n")


def errors(box: Box) -> list[str]:
    return [ask(box, "SYST:ERR?").split(",")[0] for _ in range(len(box.errors) + 1)]


def test_queries_of_one_message_are_answered_in_one_line() -> None:
    assert ask(Box(), "*IDN?;VOLT 12;VOLT?;:VOLT:RANG?") == "MAKER,BOX,1,0;12;150"


def test_messages_may_come_in_pieces_and_several_at_once() -> None:
    connection = Box().connection()
    connection.receive(b"VOLT 3\nVO", 0.0)
    connection.receive(b"LT?\r\nVOLT:RANG?\n", 0.0)
    assert connection.take(0.0) == b"3\n150\n"


def test_settings_are_coupled_only_where_the_instrument_couples_them() -> None:
    apart, coupled = Box(), Box(coupled=True)
    ask(apart, "VOLT 220;:VOLT:RANG 300")
    ask(coupled, "VOLT 220;:VOLT:RANG 300")
    assert (apart.volts, errors(apart)) == (0.0, ["-222", "0"])
    assert (coupled.volts, errors(coupled)) == (220.0, ["0"])


def test_coupled_settings_in_two_messages_do_not_go_together() -> None:
    box = Box(coupled=True)
    ask(box, "VOLT 220")
    ask(box, "VOLT:RANG 300")
    assert (box.volts, box.reach, errors(box)) == (0.0, 300.0, ["-222", "0"])


def test_a_command_error_ends_its_message_and_an_execution_error_does_not() -> None:
    box = Box()
    assert ask(box, "VOLT 999;VOLT?") == "0"
    assert ask(box, "VOLT 5;NONSENSE;VOLT 6;VOLT?") == ""
    assert box.volts == 5
    assert errors(box) == ["-222", "-113", "0"]


def test_missing_and_superfluous_arguments_are_told_apart() -> None:
    box = Box()
    ask(box, "VOLT")
    ask(box, "VOLT 1,2")
    ask(box, "MEAS:VOLT 1")
    assert errors(box) == ["-109", "-108", "-113", "0"]


def test_a_slow_reply_comes_when_it_is_ready() -> None:
    connection = Box().connection()
    connection.receive(b"MEAS:VOLT?\n", 1.0)
    assert connection.take(1.2) == b"" and connection.due() == 1.3
    assert connection.take(1.3) == b"0\n" and connection.due() is None


def test_who_asks_again_before_the_reply_is_ready_loses_it() -> None:
    box = Box()
    connection = box.connection()
    connection.receive(b"MEAS:VOLT?\n", 1.0)
    connection.receive(b"VOLT?\n", 1.1)
    assert connection.take(5.0) == b"0\n"
    assert errors(box) == ["-410", "0"]


def test_while_resetting_it_hears_nothing() -> None:
    box = Box()
    connection = box.connection()
    connection.receive(b"*RST\n", 0.0)
    connection.receive(b"VOLT 5\n", 6.9)
    connection.receive(b"VOLT?\n", 7.0)
    assert connection.take(9.0) == b"0\n"


def test_a_line_too_long_is_not_carried_out() -> None:
    box = Box()
    ask(box, "VOLT 5;" * 20)
    assert box.volts == 0 and errors(box) == ["-363", "0"]


def test_the_panel_in_control_refuses_settings_until_control_is_taken_back() -> None:
    box = Box()
    box.local = True
    assert ask(box, "VOLT 5;VOLT?") == "0"
    ask(box, "SYST:REM;:VOLT 6")
    assert box.volts == 6 and errors(box) == ["-201", "0"]


def test_status_says_what_kind_of_error_there_was() -> None:
    box = Box()
    ask(box, "*ESE 255;*SRE 16")
    ask(box, "NONSENSE")
    ask(box, "VOLT 999")
    assert int(ask(box, "*STB?")) == 0x04 | 0x20
    assert int(ask(box, "*ESR?")) == 0x20 | 0x10
    assert ask(box, "*ESR?;*ESE?;*SRE?") == "0;255;16"
    ask(box, "*CLS;*OPC")
    assert ask(box, "*STB?;*ESR?;*OPC?;*TST?") == "32;1;1;0"


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_bring_it_down(pieces: list[bytes]) -> None:
    box = Box()
    connection = box.connection()
    for now, piece in enumerate(pieces):
        connection.receive(piece, float(now * 10))
    connection.take(1e9)
    box.busy_until = 0
    assert ask(box, "*IDN?") == "MAKER,BOX,1,0"
