"""Each planted defect changes the messages of the meters that have it, as it says, and nothing else of anybody."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from protocols.dlms.profile import parse_range_answer
from protocols.slots import JST, SLOT_SECONDS, slot_end, slot_of
from tests.twins.plans import plan
from tests.twins.shard.rig import Answer, Reading, Shard, decoded, down_topic, request
from twins.catalogue import DEFECTS
from twins.shard.spec import DefectPlan

FIRST_SLOT = slot_of(datetime(2026, 1, 15, 8, tzinfo=JST).timestamp())
FALLS_AT = FIRST_SLOT + 2  # 09:00 to 09:30 JST
PLAN = msgspec.structs.replace(plan((2, 6), (1, 4)), first_slot=FIRST_SLOT)
FAULTY = (2, 9, 13)
A_ROUTE = [name for name, defect in DEFECTS.items() if defect.route == "a-route"]
ROWS = range(2, 14)  # of the shard: meters 0, 1, 14 and 15 are another's
SLOTS = range(FIRST_SLOT, FIRST_SLOT + 4)


def shard(path: Path, *kinds: str) -> Shard:
    plans = [DefectPlan(kind=kind, meters=(0, *FAULTY, 15), minutes=45) for kind in kinds]  # type: ignore[arg-type]
    return Shard(PLAN, path, ROWS.start, ROWS.stop, slots=len(SLOTS), defects=plans)


def sent(folder: Path, *kinds: str) -> tuple[dict[tuple[int, int], Reading], dict[tuple[int, int], float]]:
    """(message, moment) by (meter, slot); a message that is not genuine is found by its counter."""
    one = shard(folder / "-".join(["j", *kinds]), *kinds)
    messages, moments = {}, {}
    for moment, batch in one.until_done():
        for message in batch:
            key = (message.meter, message.slot if message.genuine else FIRST_SLOT + message.counter - 1)
            messages[key], moments[key] = message, moment
    one.journal.close()
    return messages, moments


@pytest.mark.parametrize("kind", A_ROUTE)
def test_a_defect_leaves_the_healthy_meters_alone(kind: str, tmp_path: Path) -> None:
    (healthy, moments), (messages, later) = sent(tmp_path), sent(tmp_path, kind)
    others = [key for key in healthy if key[0] not in FAULTY]
    assert {key: messages[key] for key in others} == {key: healthy[key] for key in others}
    assert {key: later[key] for key in others} == {key: moments[key] for key in others}
    assert {key[0] for key in others} == set(ROWS) - set(FAULTY)


def faulty(folder: Path, kind: str) -> list[tuple[Reading, Reading | None]]:
    """(what a healthy meter sends, what the faulty one sends), of the faulty meters."""
    healthy, messages = sent(folder)[0], sent(folder, kind)[0]
    return [(reading, messages.get(key)) for key, reading in healthy.items() if key[0] in FAULTY]


def test_register_falls_steps_back_by_1_kwh_once_a_day(tmp_path: Path) -> None:
    for healthy, reading in faulty(tmp_path, "register-falls"):
        step = 1000 if healthy.slot == FALLS_AT else 0
        assert reading == healthy._replace(import_wh=healthy.import_wh - step)


def test_wrong_tag_spoils_every_message_and_only_its_tag(tmp_path: Path) -> None:
    pairs = faulty(tmp_path, "wrong-tag")
    assert len(pairs) == len(FAULTY) * len(SLOTS)
    for healthy, reading in pairs:
        assert reading is not None and not reading.genuine
        assert (reading.topic, reading.counter) == (healthy.topic, healthy.counter)


def test_counter_repeats_in_every_second_message(tmp_path: Path) -> None:
    pairs = faulty(tmp_path, "counter-repeats")
    for healthy, reading in pairs:
        assert reading == healthy._replace(counter=healthy.counter - healthy.slot % 2)
    used = Counter((reading.meter, reading.counter) for _, reading in pairs if reading)
    assert set(used.values()) == {2}


def test_silent_meters_send_nothing(tmp_path: Path) -> None:
    assert [reading for _, reading in faulty(tmp_path, "silent")] == [None] * (len(FAULTY) * len(SLOTS))


def test_late_meters_send_the_same_later(tmp_path: Path) -> None:
    (healthy, moments), (messages, later) = sent(tmp_path), sent(tmp_path, "late")
    assert messages == healthy
    assert later == {key: moment + (45 * 60 if key[0] in FAULTY else 0) for key, moment in moments.items()}


def answered(folder: Path, *kinds: str) -> dict[int, list[tuple[int, int, int]]]:
    """(slot, import, export) by meter, as every meter of the shard repeats them when asked in the end."""
    one = shard(folder / "-".join(["a", *kinds]), *kinds)
    one.step(slot_end(SLOTS[-1]))
    rows = {}
    for counter, meter in enumerate(ROWS, start=1):
        answer = one.answers.to(down_topic(PLAN, meter), request(meter, SLOTS[0], SLOTS[-1], counter))
        assert answer is not None
        (message,) = decoded([answer.packet])
        assert isinstance(message, Answer)
        found = parse_range_answer(message.plain)[1]
        times = (found["time"] // SLOT_SECONDS - 1).tolist()
        rows[meter] = list(zip(times, found["import_wh"].tolist(), found["export_wh"].tolist(), strict=True))
    one.journal.close()
    return rows


@pytest.mark.parametrize("kind", ["counter-repeats", "late"])
def test_these_defects_do_not_show_in_answers(kind: str, tmp_path: Path) -> None:
    assert answered(tmp_path, kind) == answered(tmp_path)


def test_resend_differs_adds_1_kwh_to_what_is_asked_for_again_and_not_to_what_is_sent(tmp_path: Path) -> None:
    healthy, again = answered(tmp_path), answered(tmp_path, "resend-differs")
    assert again == {
        meter: [(slot, wh + (1000 if meter in FAULTY else 0), out) for slot, wh, out in rows]
        for meter, rows in healthy.items()
    }
    assert sent(tmp_path)[0] == sent(tmp_path, "resend-differs")[0]


def test_a_register_that_fell_is_repeated_as_it_was_sent(tmp_path: Path) -> None:
    again = answered(tmp_path, "register-falls")
    messages = sent(tmp_path, "register-falls")[0]
    first = {(meter, slot): (wh, out) for meter, rows in again.items() for slot, wh, out in rows}
    assert first == {key: (message.import_wh, message.export_wh) for key, message in messages.items()}
    assert again != answered(tmp_path)


def test_two_defects_on_one_meter_both_show(tmp_path: Path) -> None:
    healthy = sent(tmp_path)[0]
    messages = sent(tmp_path, "register-falls", "counter-repeats")[0]
    key = (FAULTY[0], FALLS_AT)
    odd = (FAULTY[0], FALLS_AT + 1)
    assert messages[key].import_wh == healthy[key].import_wh - 1000
    assert messages[odd].counter == healthy[odd].counter - 1
