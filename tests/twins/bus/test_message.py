"""Messages of the bench itself: what is sent is what is read, and anything else is a ProtocolError and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from twins.bus.marks import Ack, Mark, Tick, TickDone, read_mark
from twins.bus.message import read
from twins.bus.state import EVERY, State, StateTeller, read_state

MARK = Mark(kind="close", sender="shard-0", epoch=2, sequence=9, tick=4, time=1.5, due=None)
STATE = State(process="shard-0", run="r", epoch=1, pid=7, now=2.5, figures={"sent": 3.0})
MESSAGES = [MARK, STATE, Ack(epoch=1, sequence=2), Tick(number=3, time=4.5), TickDone(number=1, due=2.0, finished=True)]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_way_to_another_process(message: msgspec.Struct) -> None:
    assert read(msgspec.json.encode(message), type(message)) == message


@pytest.mark.parametrize("reader", [read_mark, read_state])
@given(payload=st.binary(max_size=60))
@example(payload=b"")
@example(payload=b"null")
@example(payload=b'{"sender":"\xff"}')
@example(payload=b'{"kind":"\xff","sender":"s"}')
@example(payload=b'{"x":' + b"[" * 100_000)
@example(payload=b'{"tick":' + b"9" * 5000 + b"}")
@example(payload=b'{"time":1e999}')
def test_bytes_that_are_no_message_are_a_protocol_error(reader: Callable[[bytes], Any], payload: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"not a (Mark|State)"):
        reader(payload)


@pytest.mark.parametrize(("reader", "good"), [(read_mark, MARK), (read_state, STATE)])
@given(data=st.data())
def test_a_message_with_one_field_of_another_kind_is_read_or_refused(
    reader: Callable[[bytes], Any], good: msgspec.Struct, data: st.DataObject
) -> None:
    fields = msgspec.to_builtins(good)
    name = data.draw(st.sampled_from(sorted(fields)))
    payload = msgspec.json.encode(fields | {name: data.draw(json_values)})
    try:
        message = reader(payload)
    except ProtocolError:
        return
    assert isinstance(message, type(good))
    for other in set(fields) - {name}:
        assert getattr(message, other) == getattr(good, other)


@given(data=st.data())
def test_a_message_with_one_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    payload = bytearray(msgspec.json.encode(MARK))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(read_mark(bytes(payload)), Mark)
    except ProtocolError as error:
        assert str(error).startswith("not a Mark")


def test_a_state_is_told_at_most_every_so_often_unless_it_must() -> None:
    told: list[State] = []
    made: list[int] = []

    def make() -> State:
        made.append(1)
        return STATE

    teller = StateTeller(told.append)
    for now in (100.0, 100.0 + EVERY / 2, 100.0 + EVERY, 100.0 + EVERY * 1.5):
        teller.maybe(now, make)
    assert len(told) == len(made) == 2
    teller.maybe(100.0 + EVERY * 1.6, make, force=True)
    assert len(told) == 3
