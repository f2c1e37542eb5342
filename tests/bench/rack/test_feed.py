"""What the feed makes of half-hours, of the head-end's requests, and of what places say or do not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.rack.feed import Ask, FedMeter, Feed
from protocols.slots import SLOT_SECONDS, slot_end
from tests.twins.plans import FIRST_SLOT, plan
from tests.twins.shard.rig import TREE, Answer, Reading, decoded, down_topic, request
from twins.journal import CounterJournal

PLAN = plan((2, 5), (1, 4))
MASTER_KEY = bytes(range(16))
LV, GAS = 3, 12
LAST = FIRST_SLOT + 2
BEGIN = float(FIRST_SLOT * SLOT_SECONDS)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    journal = CounterJournal(tmp_path / "feed.journal")
    meters = [FedMeter(index=LV, place="lv"), FedMeter(index=GAS, place="lv", attached="gas")]
    yield Feed(PLAN, meters, TREE.root, MASTER_KEY, journal, LAST)
    journal.close()


def started(feed: Feed, at: float = BEGIN) -> Feed:
    assert feed.due(at) == []
    return feed


def row(slot: int, wh: int = 1234) -> dict[str, Any]:
    return {"end": slot_end(slot), "import_wh": wh, "export_wh": 5, "status": 0}


def messages(feed: Feed, ask: Ask, answer: list[dict[str, Any]] | None, now: float = BEGIN) -> list[Reading | Answer]:
    return list(decoded(feed.told(ask, answer, now)))


def test_each_half_hour_is_asked_of_every_meter_shortly_after_its_end(feed: Feed) -> None:
    started(feed)
    assert feed.due(slot_end(FIRST_SLOT)) == []
    asks = feed.due(slot_end(FIRST_SLOT) + 2)
    assert [(ask.meter.index, ask.first, ask.last) for ask in asks] == [
        (index, slot_end(FIRST_SLOT), slot_end(FIRST_SLOT)) for index in (LV, GAS)
    ]
    assert len(feed.due(slot_end(LAST + 7))) == 2 * 2, "nothing is due of what the run does not collect"


def test_a_row_leaves_as_the_message_that_a_twin_would_send(feed: Feed) -> None:
    ask = started(feed).due(slot_end(FIRST_SLOT) + 2)[0]
    (reading,) = messages(feed, ask, [row(FIRST_SLOT, 100_000_007)])
    assert isinstance(reading, Reading)
    assert (reading.meter, reading.slot, reading.import_wh, reading.export_wh) == (LV, FIRST_SLOT, 7, 5)
    assert reading.genuine and feed.sent == 1


def test_a_meter_that_has_no_row_yet_is_asked_again_and_then_left_to_the_head_end(feed: Feed) -> None:
    now = slot_end(FIRST_SLOT) + 2.0
    ask = started(feed).due(now)[0]
    tries = 0
    while ask is not None:
        tries += 1
        assert messages(feed, ask, [] if tries % 2 else None, now) == []
        now += 30
        ask = next((each for each in feed.due(now) if each.meter.index == LV), None)
    assert (tries, feed.missed, feed.sent) == (4, 1, 0)


def test_the_head_end_gets_the_rows_it_asks_for(feed: Feed) -> None:
    topic = down_topic(PLAN, LV)
    ask = feed.asked(topic, request(LV, FIRST_SLOT, LAST, counter=1))
    assert ask is not None and (ask.first, ask.last, ask.invoke_id) == (slot_end(FIRST_SLOT), slot_end(LAST), 5)
    (answer,) = messages(feed, ask, [row(FIRST_SLOT), row(LAST), row(LAST + 1)])
    assert isinstance(answer, Answer)
    assert feed.answered == 1


def test_strangers_replays_and_other_meters_requests_are_not_passed_on(feed: Feed) -> None:
    genuine = request(LV, FIRST_SLOT, LAST, counter=4)
    assert feed.asked(down_topic(PLAN, LV), genuine) is not None
    assert feed.asked(down_topic(PLAN, LV), genuine) is None, "a replay"
    assert feed.asked(down_topic(PLAN, LV), genuine[:-1] + bytes([genuine[-1] ^ 1])) is None
    assert feed.asked(down_topic(PLAN, 5), request(5, FIRST_SLOT, LAST, counter=1)) is None, "a twin's"
    assert feed.refused == 2


def test_a_place_that_does_not_answer_leaves_the_request_unanswered(feed: Feed) -> None:
    ask = feed.asked(down_topic(PLAN, LV), request(LV, FIRST_SLOT, LAST, counter=1))
    assert ask is not None and messages(feed, ask, None) == [] and feed.answered == 0


def test_a_gas_meter_is_remembered_though_its_host_shows_the_newest_half_hour_alone(feed: Feed) -> None:
    started(feed)
    for slot, volume in ((FIRST_SLOT, 40), (FIRST_SLOT + 1, 44)):
        ask = next(each for each in feed.due(slot_end(slot) + 2) if each.meter.index == GAS)
        said = {"kind": "gas", "end": slot_end(slot), "volume_l": volume}
        (reading,) = messages(feed, ask, [said, {**said, "kind": "water", "volume_l": 1}])
        assert isinstance(reading, Reading) and (reading.slot, reading.import_wh) == (slot, volume)
    again = feed.asked(down_topic(PLAN, GAS), request(GAS, FIRST_SLOT, FIRST_SLOT, counter=1))
    assert again is not None
    (answer,) = messages(feed, again, [{"kind": "gas", "end": slot_end(FIRST_SLOT + 1), "volume_l": 44}])
    assert isinstance(answer, Answer)


def test_no_counter_is_used_twice_even_by_the_next_feed(tmp_path: Path) -> None:
    used = []
    for _ in range(2):
        journal = CounterJournal(tmp_path / "feed.journal")
        feed = started(Feed(PLAN, [FedMeter(index=LV, place="lv")], TREE.root, MASTER_KEY, journal, LAST))
        for ask in feed.due(slot_end(LAST) + 2):
            used += [message.counter for message in messages(feed, ask, [row(ask.last // SLOT_SECONDS - 1)])]
        journal.close()
    assert len(used) == 6 and len(np.unique(used)) == 6


def test_half_hours_before_the_run_are_nobodys(feed: Feed) -> None:
    started(feed, BEGIN - 7 * SLOT_SECONDS)
    assert feed.due(BEGIN + 2) == []
    assert {ask.last for ask in feed.due(slot_end(FIRST_SLOT) + 2)} == {slot_end(FIRST_SLOT)}
