"""An outside client alters and replays what it hears: all of it is refused and counted, none of it stored (X2, X3)."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from bench.topology.load import load_topology
from tests.e2e.bench_run import PATIENCE, BenchRun, topology, values
from twins.fleet import Fleet

COUNT = 1000


def metered(path: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """What the twins of a topology really metered, by (meter, slot): recomputed, independent of any message."""
    loaded = load_topology(path).topology
    plan = loaded.fleet_plan()
    fleet, truth = Fleet(plan, 0, plan.meters), {}
    for slot in range(plan.first_slot, plan.first_slot + loaded.slots):
        fleet.advance()
        registers = zip((fleet.import_wh % 10**8).tolist(), (fleet.export_wh % 10**8).tolist(), strict=True)
        truth |= {(meter, slot): pair for meter, pair in enumerate(registers)}
    return truth


@pytest.mark.requirement("X2", "X3")
@pytest.mark.slow
def test_a_thousand_altered_and_a_thousand_replayed_messages_are_refused(tmp_path: Path) -> None:
    path = topology(tmp_path, slots=24)
    chance = random.Random(7)
    with BenchRun(path, tmp_path / "results") as run:
        attacker = run.listen("ami/+/+/+/up")
        heard = []
        while len(heard) < COUNT:
            message = run.messages.get(timeout=PATIENCE)
            if "/_/" not in message.topic:
                heard.append(message)
        sent = []
        for message in heard:
            altered = bytearray(message.payload)
            altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
            sent.append(attacker.publish(message.topic, bytes(altered)))
            sent.append(attacker.publish(message.topic, message.payload))
        for info in sent:
            info.wait_for_publish(PATIENCE)
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (1, "fail"), err  # a system under attack is not a healthy one
        found = values(outcome)
        assert found["rejected_messages"] == 2 * COUNT
        assert found["final_share"] == 1
        assert found["duplicate_values"] == found["conflicting_values"] == 0
        with run.columns() as columns:
            (replayed,) = columns.query("SELECT count(*) FROM rejections WHERE reason = 'replayed'")[0]
            stored = columns.query("SELECT meter, slot, import_wh, export_wh FROM readings")
            named = columns.query("SELECT count(*) FROM rejections WHERE meter >= 0")[0][0]
        assert replayed == COUNT
        assert named > COUNT  # attributed: only an altered sender's name cannot be
        assert {(m, s): (i, e) for m, s, i, e in stored} == metered(path)
        assert len(stored) == len(metered(path))


@pytest.mark.slow
def test_garbage_on_every_topic_stops_nothing(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    with BenchRun(topology(tmp_path), tmp_path / "results") as run:
        attacker = run.wait_for_tick(20)
        topics = [
            "ami/_/clock",
            "ami/_/tick",
            "ami/_/state/shard-0",
            "ami/_/ack/shard-0",
            "ami/_/marks/shard-0/up",
            "ami/_/marks/head-end/down",
            "ami/village/c000000/TWN000000000001/up",
            "ami/village/c000000/TWN000000000001/down",
            "ami/a/b/c/up",
            "ami////up",
        ]
        for number in range(300):
            payload = chance.bytes(int(chance.integers(0, 90)))
            attacker.publish(topics[number % len(topics)], payload).wait_for_publish(PATIENCE)
        code, outcome, err = run.finish()
        assert code == 1, err
        assert values(outcome)["final_share"] == 1
        assert values(outcome)["rejected_messages"] == 90  # those on meters' up topics
