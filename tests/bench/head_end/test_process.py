"""The head-end on its bus: marks among the readings, ghosts, garbage, ticks. The bus is played by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.head_end import process
from bench.head_end.process import HeadEndProcess
from protocols.mqtt import PublishRun
from protocols.slots import slot_end
from protocols.topics import DOWN, UP
from tests.bench.head_end.conftest import MakeStation
from tests.bench.head_end.rig import Message, Station, answer, heard, readings, runs
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import TREE, down_topic
from twins.bus.address import BusError
from twins.bus.marks import Ack, TickDone, read_mark
from twins.bus.state import State
from twins.clock import ClockSpec

PLAN = plan((1, 4))
SHARD = "shard-0"
NOW = slot_end(FIRST_SLOT) + 30.0


class Bus:
    """Plays bulk and control link: hands out what is said, once a call, then stops the head-end."""

    def __init__(self) -> None:
        self.said: list[list[PublishRun] | BaseException] = []
        self.opens: list[BusError | None] = []  # what becomes of the next attempts to connect
        self.gives_up = True
        self.stop = threading.Event()
        self.sent: list[bytes] = []
        self.published: list[tuple[str, Any]] = []
        self.connections = 0

    def open(self, give_up: Any = None) -> None:
        if self.opens and (error := self.opens.pop(0)):
            if self.gives_up:
                self.stop.set()
            raise error
        self.connections += 1

    def close(self) -> None:
        pass

    def receive(self, timeout: float) -> list[PublishRun]:
        if not self.said:
            self.stop.set()
            return []
        heard = self.said.pop(0)
        if isinstance(heard, BaseException):
            raise heard
        return heard

    def send(self, packets: bytes) -> None:
        self.sent.append(packets)

    def publish(self, topic: str, message: Any) -> None:
        self.published.append((topic, message))

    def told(self, kind: type[Any]) -> list[Any]:
        return [message for _, message in self.published if isinstance(message, kind)]


class HeadEndOnABus:
    """A head-end process over the folder of a station, which is only there for its spec and to look at the columns."""

    def __init__(self, station: Station, bus: Bus, **changes: Any) -> None:
        station.kill()
        self.station = station
        self.bus = bus
        self._process = HeadEndProcess(msgspec.structs.replace(station.spec, **changes), bus.stop)

    def hears(self, *batches: list[Message] | BaseException) -> None:
        """Run the process on these batches of messages, one a call of the bulk link, to its end."""
        self.bus.said = [batch if isinstance(batch, BaseException) else runs(batch) for batch in batches]
        self._process.run()

    def figures(self) -> dict[str, float]:
        return self.bus.told(State)[-1].figures

    def stored(self) -> list[tuple[Any, ...]]:
        return self.station.query("SELECT meter, arrival FROM readings ORDER BY meter")


MakeHeadEnd = Callable[..., HeadEndOnABus]


@pytest.fixture
def head_end(station: MakeStation, monkeypatch: pytest.MonkeyPatch) -> MakeHeadEnd:
    bus = Bus()
    monkeypatch.setattr(process, "BulkLink", lambda *_: bus)
    monkeypatch.setattr(process, "ControlLink", lambda *_: bus)

    def make(*shards: str, clock: ClockSpec | None = None, **options: Any) -> HeadEndOnABus:
        one = station(PLAN, **options)
        return HeadEndOnABus(one, bus, shards=shards or (SHARD,), clock=clock or one.spec.clock)

    return make


def mark(kind: str, tick: int = 1, time: float = NOW, sender: str = SHARD, epoch: int = 1, **fields: Any) -> Message:
    content = {"kind": kind, "sender": sender, "epoch": epoch, "sequence": 1, "tick": tick, "time": time} | fields
    return Message(TREE.mark(sender, UP).encode(), msgspec.json.encode(content))


def test_readings_arrive_at_the_time_of_the_mark_before_them(head_end: MakeHeadEnd) -> None:
    one = head_end()
    first, second, third, _ = readings(PLAN, range(4))
    one.hears([mark("open"), first, mark("open", 2, NOW + 10), second], [third, mark("open", 3, NOW + 20)])
    assert one.stored() == [(0, NOW), (1, NOW + 10), (2, NOW + 10)]


def test_a_mark_in_the_middle_of_a_run_parts_it(head_end: MakeHeadEnd) -> None:
    name = "s" * (len("a0/c000000/TWN000000000000") - len("_/marks/"))  # makes its topic as long as a meter's
    one = head_end(name, slots=5)
    answers = [answer(PLAN, meter, range(FIRST_SLOT, FIRST_SLOT + 5)) for meter in range(4)]
    size, late = len(answers[0].payload), float(slot_end(FIRST_SLOT + 5))

    def as_long(time: float) -> Message:
        topic, payload = mark("open", 2, time, name)
        return Message(topic, payload.ljust(size))  # JSON may end in blanks

    batch = [answers[0], as_long(late + 10), answers[1], as_long(late + 20), as_long(late + 30), answers[2]]
    assert [len(run) for run in runs(batch)] == [len(batch)]
    one.hears([mark("open", 1, late, name)], batch)
    assert sorted(set(one.stored())) == [(0, late), (1, late + 10), (2, late + 30)]
    assert (one.figures()["strays"], one.figures()["rejected"]) == (0, 0)


def test_what_comes_before_the_first_mark_waits_for_it_to_tell_the_time(head_end: MakeHeadEnd) -> None:
    one = head_end()
    early = readings(PLAN, range(4))
    one.hears(early[:2], [early[2], mark("fill", 60, NOW + 500)], [early[3]])
    assert one.stored() == [(meter, NOW + 500) for meter in range(4)]
    assert one.figures()["rejected"] == 0


def test_what_came_before_a_first_mark_that_closes_is_not_asked_for(head_end: MakeHeadEnd) -> None:
    one = head_end(slots=1)
    one.hears([*readings(PLAN, [0, 1, 3]), mark("close", 9, slot_end(FIRST_SLOT) + 600.0)])
    assert [message.topic for message in heard(one.bus.sent)[:-1]] == [down_topic(PLAN, 2)]


def test_a_fill_mark_is_acknowledged_once_all_before_it_is_taken(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.hears([mark("open"), *readings(PLAN, [0]), mark("fill", sequence=7)])
    assert one.bus.told(Ack) == [Ack(epoch=1, sequence=7)]
    assert one.bus.published[0][0] == TREE.ack(SHARD)


def test_a_tick_is_done_once_every_shard_has_closed_it(head_end: MakeHeadEnd) -> None:
    one = head_end("shard-0", "shard-1")
    one.hears([mark("close", sender="shard-0", due=NOW + 5)], [mark("close", sender="shard-0", due=NOW + 5)])
    assert one.bus.told(TickDone) == []
    assert one.bus.sent == []


def test_a_done_tick_tells_who_is_due_next_and_when_everything_is_finished(head_end: MakeHeadEnd) -> None:
    one = head_end("shard-0", "shard-1", slots=1, tries=1)
    end = slot_end(FIRST_SLOT)
    closes = [
        [mark("close", 1, end, "shard-0", due=end + 700), mark("close", 1, end, "shard-1", due=end + 80)],
        [mark("close", 2, end + 80, "shard-0", due=end + 700), mark("close", 2, end + 80, "shard-1")],
        [mark("close", 3, end + 600, "shard-0"), mark("close", 3, end + 600, "shard-1")],
        [mark("close", 4, end + 900, "shard-0"), mark("close", 4, end + 900, "shard-1")],
    ]
    one.hears(*closes)
    assert one.bus.told(TickDone) == [
        TickDone(number=1, due=end + 80, finished=False),
        TickDone(number=2, due=end + 600, finished=False),
        TickDone(number=3, due=end + 900, finished=False),
        TickDone(number=4, due=None, finished=True),
    ]


def test_requests_leave_before_the_mark_that_says_so(head_end: MakeHeadEnd) -> None:
    one = head_end(slots=1)
    late = slot_end(FIRST_SLOT) + 600.0
    one.hears([mark("open", 5, late), *readings(PLAN, [0, 2]), mark("close", 5, late)])
    *requests, down = heard(one.bus.sent)
    assert [request.topic for request in requests] == [down_topic(PLAN, 1), down_topic(PLAN, 3)]
    assert down.topic == TREE.mark("head-end", DOWN).encode()
    assert (read_mark(down.payload).kind, read_mark(down.payload).tick) == ("close", 5)


def test_a_repeated_tick_has_the_same_answer_and_asks_nobody_again(head_end: MakeHeadEnd) -> None:
    one = head_end(slots=1)
    late = slot_end(FIRST_SLOT) + 600.0
    one.hears([mark("close", 5, late)], [mark("close", 5, late)], [mark("close", 4, late)])
    assert one.bus.told(TickDone)[:2] == [TickDone(number=5, due=late + 300, finished=False)] * 2
    assert one.figures()["requests"] == PLAN.meters


def test_a_repeated_tick_does_not_ask_in_the_name_of_the_next(head_end: MakeHeadEnd) -> None:
    one = head_end("shard-0", "shard-1", slots=1)
    late = slot_end(FIRST_SLOT) + 600.0
    one.hears(
        [mark("close", 1, NOW, "shard-0"), mark("close", 1, NOW, "shard-1")],
        [mark("open", 2, late, "shard-1"), mark("close", 1, NOW, "shard-0")],  # shard-0 was asked again
        [*readings(PLAN, [0, 1, 2]), mark("close", 2, late, "shard-1"), mark("close", 2, late, "shard-0")],
    )
    asked = [message.topic for message in heard(one.bus.sent) if b"/_/" not in message.topic]
    assert asked == [down_topic(PLAN, 3)]
    assert [done.number for done in one.bus.told(TickDone)] == [1, 1, 2]


def test_marks_of_a_ghost_are_not_heard(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.hears(
        [mark("open", 7, NOW, epoch=2)],
        [mark("close", 9, NOW + 5000, epoch=1), mark("fill", 7, NOW + 5000, epoch=1), *readings(PLAN, [0])],
    )
    assert one.bus.told(TickDone) == one.bus.told(Ack) == []
    assert one.stored() == [(0, NOW)]  # a ghost's readings are genuine all the same


def test_a_shard_that_was_started_again_closes_its_tick_anew(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.hears([mark("close", 7, NOW, epoch=1)], [mark("open", 7, NOW, epoch=2), mark("close", 7, NOW, epoch=2)])
    assert [done.number for done in one.bus.told(TickDone)] == [7, 7]


@pytest.mark.parametrize(
    "stray",
    [
        Message(TREE.mark(SHARD, UP).encode(), b""),
        Message(TREE.mark(SHARD, UP).encode(), b"\xff\xfe"),
        Message(TREE.mark(SHARD, UP).encode(), b"[" * 5000),
        Message(TREE.mark(SHARD, UP).encode(), b'{"kind": "close"}'),
        Message(TREE.mark("shard-9", UP).encode(), mark("close").payload),
        mark("close", sender="shard-9"),
        Message(b"test/_/x", mark("close").payload),
        Message(b"test/_/", b""),
    ],
    ids=lambda stray: f"{stray.topic.decode()} {stray.payload[:12]!r}",
)
def test_garbage_among_the_marks_is_counted_and_changes_nothing(head_end: MakeHeadEnd, stray: Message) -> None:
    one = head_end()
    first, second, *_ = readings(PLAN, range(4))
    one.hears([mark("open"), first, stray, second])
    assert one.stored() == [(0, NOW), (1, NOW)]
    assert one.bus.told(TickDone) == []
    assert (one.figures()["strays"], one.figures()["rejected"]) == (1, 0)


def test_garbage_on_other_topics_of_any_length_is_refused(head_end: MakeHeadEnd) -> None:
    one = head_end()
    topics = [b"", b"/", b"test", b"test/_", b"////up", b"a/b/c/d/up", b"test/a/b/c/up", b"x" * 200]
    one.hears([mark("open"), *(Message(topic, b"x" * length) for length, topic in enumerate(topics))])
    assert (one.figures()["rejected"], one.figures()["stored"]) == (len(topics), 0)


def test_a_lost_bus_is_opened_again_and_what_was_heard_is_kept(head_end: MakeHeadEnd) -> None:
    one = head_end()
    first, second, *_ = readings(PLAN, range(4))
    one.hears([mark("open"), first], BusError("gone"), [second])
    assert one.stored() == [(0, NOW), (1, NOW)]
    assert one.bus.connections == 3  # bulk, control, bulk again


def test_a_bus_that_stays_away_does_not_keep_the_head_end_from_ending_in_order(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.bus.opens = [None, None, BusError("still gone")]
    one.hears([mark("open"), *readings(PLAN, [0])], BusError("gone"))
    assert one.stored() == [(0, NOW)]


def test_a_bus_that_is_not_there_at_the_start_is_no_orderly_end(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.bus.opens = [BusError("no control connection")]
    one.bus.gives_up = False
    with pytest.raises(BusError):
        one.hears()


def test_everything_is_on_disk_at_the_end(head_end: MakeHeadEnd) -> None:
    one = head_end()
    one.hears([mark("open"), *readings(PLAN, range(4))])
    assert len(list((one.station.folder / "readings").glob("part-*.parquet"))) == 1
    assert one.figures()["stored"] == 4


def test_in_real_time_it_knows_the_time_by_itself_and_asks_when_it_is_due(head_end: MakeHeadEnd) -> None:
    stands_still = ClockSpec(mode="scaled", start=slot_end(FIRST_SLOT) + 600.0, scale=0.0)
    one = head_end(slots=1, clock=stands_still)
    one.hears(readings(PLAN, [0]))
    assert len(one.stored()) == 1
    topics = [message.topic for message in heard(one.bus.sent)]
    assert topics == [down_topic(PLAN, meter) for meter in (1, 2, 3)]
