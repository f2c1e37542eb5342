"""The plain relay over a real broker, small: it counts what it carried. No time is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchFault
from bench.perf.relay import measure_relay
from tests.brokers import broker, free_port


@pytest.mark.parametrize(("messages", "topics"), [(1, 1), (5000, 7)])
def test_all_messages_are_carried_however_few_topics_there_are(tmp_path: Path, messages: int, topics: int) -> None:
    with broker("embedded", tmp_path) as address:
        found = measure_relay(address.port, messages, topics, 62)
    assert found["lost"] == 0
    assert found["messages_per_second"] > 0


def test_a_relay_that_carries_nothing_has_no_rate() -> None:
    with pytest.raises(BenchFault, match="carried no message"):
        measure_relay(free_port(), 10, 10, 62)
