from __future__ import annotations

import pytest

from twins.rack.faults import Fault, Faulty, RackError
from twins.rack.instruments.catalogue import front_end
from twins.rack.world.world import World, WorldSpec

T = 1_700_000_000.0


def faulty() -> Faulty:
    return Faulty(front_end("kikusui-pcr", World(WorldSpec(), T)))


def test_a_fault_shows_as_often_as_it_was_told_to() -> None:
    own = faulty()
    own.inject(Fault.SILENCE, T, times=2)
    wire = own.connect(T)
    answers = []
    for _ in range(3):
        wire.receive(b"FREQ?\n", T)
        answers.append(wire.take(T))
    assert answers == [b"", b"", b"+5.00000E+01\n"]


def test_a_late_answer_says_when_it_is_due() -> None:
    own = faulty()
    own.inject(Fault.LATE_ANSWER, T, times=1, seconds=2.0)
    wire = own.connect(T)
    wire.receive(b"FREQ?\n", T)
    assert wire.take(T) == b"" and wire.due() == T + 2
    assert wire.take(T + 2) == b"+5.00000E+01\n" and wire.due() is None


def test_half_an_answer_and_garbage_are_what_they_say() -> None:
    own = faulty()
    wire = own.connect(T)
    for fault, answer in ((Fault.HALF_ANSWER, b"+5.000"), (Fault.GARBAGE, b"\x15\x00\xf3\x1b#\xa7\n")):
        own.inject(fault, T, times=1)
        wire.receive(b"FREQ?\n", T)
        assert wire.take(T) == answer


def test_a_lost_socket_ends_one_conversation() -> None:
    own = faulty()
    own.inject(Fault.LOST_SOCKET, T, times=1)
    one, other = own.connect(T), own.connect(T)
    one.receive(b"FREQ?\n", T)
    other.receive(b"FREQ?\n", T)
    assert one.lost and not other.lost


def test_what_an_instrument_cannot_have_is_refused() -> None:
    own = Faulty(front_end("yokogawa-wt", World(WorldSpec(), T)))
    with pytest.raises(RackError, match="stuck-relay"):
        own.inject(Fault.STUCK_RELAY, T)


def test_there_is_no_instrument_of_an_unknown_name() -> None:
    with pytest.raises(RackError, match="there are kikusui-pcr"):
        front_end("abacus", World(WorldSpec(), T))
