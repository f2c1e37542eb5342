"""The turns of a driver at its instrument, telnet's option bytes, and steps that are tried again."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_drivers.errors import AnswerError, IdentityError, InstrumentError, LinkError
from hil_drivers.guard import DeviceIdentity, Guard, all_of, expect
from hil_drivers.lines import TelnetFilter


class Talk:
    """Notes what a guard does; ``trouble`` is what the next check ends in."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.trouble: Exception | None = None
        self.guard = Guard(self.check, lambda: self.done.append("drop"))

    def check(self) -> None:
        with self.guard.turn():
            self.done.append("check")
            if self.trouble is not None:
                raise self.trouble

    def turn(self, error: Exception | None = None) -> None:
        with self.guard.turn():
            self.done.append("turn")
            if error is not None:
                raise error


def test_the_identity_is_asked_once_and_before_anything_else() -> None:
    talk = Talk()
    talk.guard.meet()
    talk.turn()
    talk.turn()
    assert talk.done == ["check", "turn", "turn"]


@pytest.mark.parametrize("error", [LinkError("x"), AnswerError("x"), IdentityError("x")])
def test_after_a_broken_exchange_the_link_is_dropped_and_the_identity_asked_again(error: Exception) -> None:
    talk = Talk()
    with pytest.raises(type(error)):
        talk.turn(error)
    talk.turn()
    assert talk.done == ["check", "turn", "drop", "check", "turn"]


def test_a_refusal_in_good_order_leaves_the_link_alone() -> None:
    talk = Talk()
    with pytest.raises(InstrumentError):
        talk.turn(InstrumentError("no"))
    talk.turn()
    assert talk.done == ["check", "turn", "turn"]


def test_who_did_not_say_who_it_is_is_asked_again_before_the_next_turn() -> None:
    talk = Talk()
    talk.trouble = InstrumentError("no such command")
    for _ in range(2):
        with pytest.raises(InstrumentError):
            talk.turn()
    assert "turn" not in talk.done
    assert talk.done.count("check") == 2
    assert talk.done[-1] == "drop"


def test_another_model_or_serial_number_than_described_is_refused() -> None:
    found = DeviceIdentity("Maker", "M-1", "7", "1.0")
    assert str(expect("there", found, "M-1", "7")) == "Maker M-1 7 1.0"
    for model, serial in (("M-10", None), ("M", "7"), (None, "8")):
        with pytest.raises(IdentityError):
            expect("there", found, model, serial)


@pytest.mark.parametrize(
    ("kind", "failures", "expected"),
    [
        (InstrumentError, {"a": 1}, "abca"),
        (InstrumentError, {"a": 9, "b": 9}, "abcab"),
        (LinkError, {"b": 1}, "abbc"),
        (LinkError, {"a": 9}, "aa"),
    ],
)
def test_every_step_is_tried_and_the_failed_ones_again(
    kind: type[InstrumentError | LinkError], failures: dict[str, int], expected: str
) -> None:
    done: list[str] = []

    def step(name: str) -> None:
        done.append(name)
        if done.count(name) <= failures.get(name, 0):
            raise kind(name)

    steps = [partial(step, name) for name in "abc"]
    if 9 in failures.values():
        with pytest.raises(kind, match="a"):
            all_of(steps)
    else:
        all_of(steps)
    assert "".join(done) == expected


OPTIONS = st.sampled_from([b"\xff\xfb\x01", b"\xff\xfd\x03", b"\xff\xf1", b"\xff\xfa\x18\x01\xff\xf0", b"\xff\xfe\xff"])
TEXT = st.binary(max_size=6).filter(lambda text: b"\xff" not in text)


@given(parts=st.lists(st.tuples(TEXT, OPTIONS), max_size=8), sizes=st.lists(st.integers(1, 5), max_size=40))
def test_telnet_s_commands_are_taken_out_wherever_the_stream_is_cut(
    parts: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    stream, text = b"".join(t + o for t, o in parts), b"".join(t for t, _ in parts)
    telnet, found = TelnetFilter(), b""
    for size in sizes:
        found += telnet.feed(stream[:size])
        stream = stream[size:]
    assert found + telnet.feed(stream) == text


def test_a_doubled_escape_byte_is_one_byte_of_text() -> None:
    assert TelnetFilter().feed(b"a\xff\xffb") == b"a\xffb"
