import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.apdu import Attribute
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.limiter import LIMITER, Emergency, LimiterState, Turn, step
from protocols.dlms.values import boolean, uint16, uint32
from tests.protocols.dlms.meter import NOON, Meter, associated, manager

LIMIT = LimiterState(normal=60, emergency=10, min_over=30, min_under=60)


def turns(state: LimiterState, *measured: tuple[int, int]) -> list[tuple[int, Turn]]:
    found = []
    for now, value in measured:
        state, turn = step(state, now, value)
        if turn is not None:
            found.append((now, turn))
    return found


def test_a_value_must_stay_over_and_under_for_its_time() -> None:
    assert turns(LIMIT, (0, 61), (29, 61), (30, 61), (31, 80), (40, 60), (99, 60), (100, 60), (500, 1)) == [
        (30, Turn.OVER),
        (100, Turn.UNDER),
    ]


def test_a_short_peak_is_no_turn() -> None:
    assert turns(LIMIT, (0, 61), (20, 60), (25, 61), (54, 61), (55, 61)) == [(55, Turn.OVER)]


def test_without_durations_a_turn_comes_at_once() -> None:
    assert turns(LimiterState(60, 10), (0, 61), (1, 60)) == [(0, Turn.OVER), (1, Turn.UNDER)]


def test_an_emergency_counts_for_its_groups_and_its_time() -> None:
    emergency = LimiterState(60, 10, profile=Emergency(7, 1000, 100), groups=(3, 7))
    assert [emergency.active(now) for now in (999, 1000, 1099, 1100)] == [60, 10, 10, 60]
    stranger = LimiterState(60, 10, profile=Emergency(8, 1000, 100), groups=(3, 7))
    assert stranger.active(1000) == 60


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), max_size=30))
def test_turns_alternate(steps: list[tuple[int, int]]) -> None:
    now, measured = 0, []
    for delta, value in steps:
        now += delta
        measured.append((now, value))
    found = [turn for _, turn in turns(LIMIT, *measured)]
    assert found == [(Turn.OVER, Turn.UNDER)[at % 2] for at in range(len(found))]


def test_a_client_sets_limits_and_an_emergency() -> None:
    meter = Meter()
    link = associated(manager(meter))

    def attribute(number: int) -> Attribute:
        return Attribute(71, LIMITER, number)

    start = octets(DateTime.from_unix(NOON - 10).to_bytes())
    for number, value in (
        (4, uint32(40)),
        (5, uint32(5)),
        (6, uint32(30)),
        (8, structure(uint16(7), start, uint32(60))),
        (9, array(uint16(3), uint16(7))),
    ):
        link.run(link.client.set(attribute(number), value))
        assert link.run(link.client.get(attribute(number))) == value
    assert meter.limit == LimiterState(40, 5, 30, 0, Emergency(7, NOON - 10, 60), (3, 7))
    assert link.run(link.client.get(attribute(3))) == uint32(5)
    assert link.run(link.client.get(attribute(10))) == boolean(True)
    nothing = structure(uint16(0), octets(DateTime().to_bytes()), uint32(0))
    link.run(link.client.set(attribute(8), nothing))
    assert meter.limit.profile is None
    assert link.run(link.client.get(attribute(8))) == nothing


@pytest.mark.parametrize(
    ("number", "value", "result"),
    [
        (3, uint32(1), "READ_WRITE_DENIED"),
        (4, Data(DataType.UINT16, 1), "TYPE_UNMATCHED"),
        (8, structure(uint16(1)), "TYPE_UNMATCHED"),
        (8, structure(uint16(1), octets(b"now"), uint32(1)), "TYPE_UNMATCHED"),
        (8, structure(uint16(1), octets(bytes.fromhex("0001010101000000FF800000")), uint32(1)), "TYPE_UNMATCHED"),
        (8, structure(uint16(1), octets(bytes.fromhex("270F0C1FFF173B3B0002D000")), uint32(1)), "TYPE_UNMATCHED"),
        (9, array(uint32(1)), "TYPE_UNMATCHED"),
        (9, array(*[uint16(1)] * 17), "SCOPE_OF_ACCESS_VIOLATED"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(number: int, value: Data, result: str) -> None:
    meter = Meter()
    link = associated(manager(meter))
    before = meter.limit
    with pytest.raises(AccessRefusedError, match=result):
        link.run(link.client.set(Attribute(71, LIMITER, number), value))
    assert meter.limit == before
