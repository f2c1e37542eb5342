"""The head-end and real meters, wired together in memory: what is lost is asked for until it is there or given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.head_end.core import ASKED_AGAIN, BY_ITSELF
from bench.head_end.intake import Refusal
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.profile import parse_range_request, range_refusal
from protocols.dlms.security import unprotect_general
from protocols.slots import slot_end, slot_of
from tests.bench.head_end.conftest import MakeStation
from tests.bench.head_end.rig import Message, Station, answer, feed, readings, sealed
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import KEYS, Shard, down_topic
from twins.fleet import Fleet
from twins.plan import HEAD_END_TITLE, system_title
from twins.shard.spec import DefectPlan

PLAN = plan((2, 40), (1, 30))
SMALL = plan((1, 3))
METER = 1


def asked(message: Message, meter: int = METER) -> tuple[int, int, int]:
    """Counter of a request, and the first and last slot that it is about."""
    keys = KEYS.for_title(system_title(meter), 0)
    title, counter, plain = unprotect_general(message.payload, lambda _: keys)
    assert title == HEAD_END_TITLE
    _, first, last = parse_range_request(plain)
    return counter, slot_of(first) - 1, slot_of(last) - 1


class Town:
    """A head-end and the meters it collects from, on one virtual clock, a tick (s) at a time."""

    def __init__(self, station: Station, shard: Shard, tick: float = 10.0) -> None:
        self.station, self.shard, self.tick = station, shard, tick
        self.now = station.clock.now()
        self.requests: list[tuple[float, Message]] = []

    def until_done(self) -> None:
        """Let time pass until every slot is closed."""
        while self.station.head_end.due() is not None:
            self.now += self.tick
            self.station.clock.move_to(self.now)
            self.station.head_end.take(feed(self.shard.core.step(self.now)))
            for request in self.station.ask(self.now):
                self.requests.append((self.now, request))
                self.shard.core.ask(request.topic, request.payload, self.now)


MakeTown = Callable[..., Town]


@pytest.fixture
def town(station: MakeStation, tmp_path: Path) -> Iterator[MakeTown]:
    shards: list[Shard] = []

    def make(loss: float = 0.3, defects: Sequence[DefectPlan] = (), slots: int = 3, **options: object) -> Town:
        shards.append(Shard(PLAN, tmp_path / "shard", slots=slots, loss=loss, defects=defects))
        return Town(station(PLAN, slots=slots, **options), shards[-1])

    yield make
    for shard in shards:
        shard.journal.close()


def metered(slots: int) -> set[tuple[int, int, int, int]]:
    """(meter, slot, import, export) of what the meters of PLAN really metered."""
    fleet, truth = Fleet(PLAN, 0, PLAN.meters), set()
    for slot in range(FIRST_SLOT, FIRST_SLOT + slots):
        fleet.advance()
        columns = (fleet.import_wh % 10**8, fleet.export_wh % 10**8)
        truth |= {(m, slot, i, e) for m, (i, e) in enumerate(zip(*(c.tolist() for c in columns), strict=True))}
    return truth


def test_what_the_field_loses_is_asked_for_until_everything_is_there(town: MakeTown) -> None:
    one = town(loss=0.4, tries=40)
    one.until_done()
    stored = one.station.query("SELECT meter, slot, import_wh, export_wh FROM readings")
    assert len(stored) == PLAN.meters * 3
    assert set(stored) == metered(3)
    (again,) = one.station.query("SELECT count(*) FROM readings WHERE via = 1")[0]
    assert 0.1 < again / len(stored) < 0.7
    assert one.station.figure("recollected") == again
    assert one.station.figure("rejected") == 0
    assert one.station.figure("requests") == len(one.requests) >= again / 3


def test_requests_leave_when_they_are_due_and_not_before(town: MakeTown) -> None:
    one = town(loss=0.5, tries=3, first_after=900.0, interval=600.0)
    one.until_done()
    ends = [slot_end(FIRST_SLOT + slot) for slot in range(3)]
    assert {moment for moment, _ in one.requests} == {end + 900 + turn * 600 for end in ends for turn in range(3)}


def test_a_meter_that_stays_silent_is_given_up_after_the_stated_tries(town: MakeTown) -> None:
    one = town(loss=0.0, defects=[DefectPlan(kind="silent", meters=(5, 77))], tries=4, interval=450.0)
    one.until_done()
    assert one.station.figure("requests") == 2 * 3 * 4
    assert one.station.figure("stored") == (PLAN.meters - 2) * 3
    for slot in range(FIRST_SLOT, FIRST_SLOT + 3):
        assert one.station.head_end.book.missing(slot).tolist() == [5, 77]
    assert one.now == slot_end(FIRST_SLOT + 2) + 600 + 4 * 450


def test_a_value_that_comes_after_it_was_given_up_is_welcome(town: MakeTown) -> None:
    one = town(loss=0.0, defects=[DefectPlan(kind="silent", meters=(5,))], slots=1, tries=1)
    one.until_done()
    one.station.take(readings(PLAN, [5]))
    assert one.station.figure("stored") == PLAN.meters
    assert one.station.head_end.book.complete(FIRST_SLOT)


def test_an_audit_asks_for_values_that_are_there_and_keeps_what_comes_apart(town: MakeTown) -> None:
    one = town(loss=0.0, audit=0.3)
    one.until_done()
    repeats = one.station.query("SELECT meter, slot, import_wh, export_wh, via FROM repeats")
    assert 0.1 < len(repeats) / (PLAN.meters * 3) < 0.5
    assert {row[:4] for row in repeats} <= metered(3)
    assert {row[4] for row in repeats} == {ASKED_AGAIN}
    assert one.station.figure("repeated") == len(repeats)
    assert one.station.figure("stored") == PLAN.meters * 3
    assert one.station.query("SELECT count(*), count(DISTINCT (meter, slot)) FROM readings") == [(330, 330)]


def test_an_audit_finds_a_meter_that_tells_something_else_when_asked_again(town: MakeTown) -> None:
    liars = (3, 60)
    one = town(loss=0.0, defects=[DefectPlan(kind="resend-differs", meters=liars)], audit=1.0)
    one.until_done()
    differing = one.station.query(
        "SELECT DISTINCT meter FROM repeats JOIN readings USING (meter, slot)"
        " WHERE repeats.import_wh <> readings.import_wh ORDER BY meter"
    )
    assert differing == [(meter,) for meter in liars]


def test_no_two_requests_share_a_counter(town: MakeTown) -> None:
    one = town(loss=0.5)
    one.until_done()
    counters = [int.from_bytes(request.payload[12:16], "big") for _, request in one.requests]
    assert len(counters) == len(set(counters)) > 100


def test_a_meters_gap_is_asked_for_in_one_request_a_day(station: MakeStation) -> None:
    one = station(SMALL, slots=100)
    others = [meter for meter in range(SMALL.meters) if meter != METER]
    for slot in range(FIRST_SLOT, FIRST_SLOT + 100):
        one.take(readings(SMALL, others, slot, counter=slot - FIRST_SLOT + 1), slot_end(slot) + 1.0)
    requests = one.ask(slot_end(FIRST_SLOT + 99) + 600.0)
    assert {request.topic for request in requests} == {down_topic(SMALL, METER)}
    spans = [asked(request)[1:] for request in requests]
    assert spans == [
        (FIRST_SLOT, FIRST_SLOT + 47),
        (FIRST_SLOT + 48, FIRST_SLOT + 95),
        (FIRST_SLOT + 96, FIRST_SLOT + 99),
    ]


def test_thousands_of_requests_leave_in_several_pieces(station: MakeStation) -> None:
    many = plan((10, 250))
    one = station(many, slots=1)
    one.clock.move_to(slot_end(FIRST_SLOT) + 600)
    pieces = list(one.head_end.ask())
    assert len(pieces) == 3
    topics = [topic.tobytes() for run in feed(pieces) for topic in run.topics]
    assert topics == [down_topic(many, meter) for meter in range(many.meters)]
    assert one.figure("requests") == many.meters


def test_a_refused_read_is_no_rejection_and_is_asked_again(station: MakeStation) -> None:
    one = station(SMALL, slots=1)
    one.take(readings(SMALL, [0, 2]), slot_end(FIRST_SLOT) + 5.0)
    assert len(one.ask(slot_end(FIRST_SLOT) + 600.0)) == 1
    refusal = range_refusal(0, DataAccessResult.TEMPORARY_FAILURE)
    one.take([sealed(SMALL, METER, refusal, counter=2)])
    assert one.figure("rejected") == 0
    assert [asked(request)[1:] for request in one.ask(slot_end(FIRST_SLOT) + 900.0)] == [(FIRST_SLOT, FIRST_SLOT)]


@pytest.mark.parametrize("slot", [FIRST_SLOT - 1, FIRST_SLOT + 3, FIRST_SLOT + 2])
def test_a_genuine_value_of_an_impossible_time_is_refused(station: MakeStation, slot: int) -> None:
    one = station(SMALL)
    now = slot_end(FIRST_SLOT + 1) + 60.0  # the third slot has not ended yet
    one.take([*readings(SMALL, [0], slot, counter=8), answer(SMALL, METER, [FIRST_SLOT, slot], counter=9)], now)
    refusals = one.query("SELECT meter, counter, reason, arrival FROM rejections ORDER BY meter")
    assert refusals == [(0, 8, Refusal.IMPOSSIBLE_TIME, now), (METER, 9, Refusal.IMPOSSIBLE_TIME, now)]
    assert one.query("SELECT meter, slot, via FROM readings") == [(METER, FIRST_SLOT, ASKED_AGAIN)]


def test_refusals_are_counted_attributed_and_stored_beside_the_readings(station: MakeStation) -> None:
    one = station(SMALL)
    (good,) = readings(SMALL, [METER], counter=3)
    altered = Message(good.topic, good.payload[:-1] + bytes([good.payload[-1] ^ 1]))
    strange = Message(b"test/a/b/c/up", b"?")
    one.take([good, altered, good, strange], slot_end(FIRST_SLOT) + 30.0)
    assert (one.figure("received"), one.figure("rejected"), one.figure("stored")) == (4, 3, 1)
    assert set(one.query("SELECT meter, counter, reason FROM rejections")) == {
        (METER, 3, "altered"),
        (METER, 3, "replayed"),
        (-1, -1, "unknown meter"),
    }
    assert one.query("SELECT meter, slot, import_wh, export_wh, status, arrival, via, counter FROM readings") == [
        (METER, FIRST_SLOT, 5000 + METER, 7, 0, slot_end(FIRST_SLOT) + 30.0, BY_ITSELF, 3)
    ]


def test_a_value_that_comes_twice_is_stored_once_and_its_repeat_apart(station: MakeStation) -> None:
    one = station(SMALL)
    one.take(readings(SMALL, [METER], counter=1), slot_end(FIRST_SLOT) + 1.0)
    one.take([answer(SMALL, METER, [FIRST_SLOT], counter=2, wh=1)], slot_end(FIRST_SLOT) + 2.0)
    assert one.query("SELECT import_wh, via FROM readings") == [(5000 + METER, BY_ITSELF)]
    assert one.query("SELECT import_wh, via FROM repeats") == [(1, ASKED_AGAIN)]
    assert (one.figure("stored"), one.figure("repeated"), one.figure("recollected")) == (1, 1, 0)


def test_a_value_is_on_time_up_to_the_hour(station: MakeStation) -> None:
    one = station(SMALL)
    for meter, delay in enumerate((0.0, 3600.0, 3600.1)):
        if meter == 1:
            one.take([answer(SMALL, 0, [FIRST_SLOT])])  # a repeat is no further value
        one.take(readings(SMALL, [meter]), slot_end(FIRST_SLOT) + delay)
    assert (one.figure("stored"), one.figure("repeated"), one.figure("on_time")) == (3, 1, 2)


def test_nothing_is_written_before_it_is_time_and_everything_at_the_end(station: MakeStation, tmp_path: Path) -> None:
    one = station(SMALL)
    one.head_end.tidy()  # the first time is always
    one.take(readings(SMALL, range(3)), slot_end(FIRST_SLOT) + 1.0)
    one.head_end.tidy()
    assert list((tmp_path / "readings").iterdir()) == []
    one.head_end.tidy(final=True)
    assert len(list((tmp_path / "readings").iterdir())) == 1


def test_a_run_of_one_slot_is_done_when_its_last_round_is(station: MakeStation) -> None:
    one = station(SMALL, slots=1, tries=1)
    assert one.head_end.due() == slot_end(FIRST_SLOT) + 600
    one.take(readings(SMALL, range(3)), slot_end(FIRST_SLOT) + 1.0)
    assert one.ask(slot_end(FIRST_SLOT) + 599.0) == []
    assert one.head_end.due() is not None
    assert one.ask(slot_end(FIRST_SLOT) + 600.0) == []
    assert one.ask(slot_end(FIRST_SLOT) + 900.0) == []
    assert one.head_end.due() is None
    assert np.array_equal(one.head_end.book.missing(FIRST_SLOT), [])
