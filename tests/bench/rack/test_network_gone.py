"""The instruments cannot be reached at all: a source with a watchdog switches itself off, the rest is told as it is.

Who cannot be reached cannot be switched off, so this is the one loss of control where the instruments themselves have
to act within 3 s, as far as they can (issue 4, bar 4). Sources without a watchdog: test_losing_control.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.rack.client import GatewayError
from bench.rack.messages import Release, SetHealth, Source
from tests.bench.rack.serving import Gateway, client, energise, lease, place, serving
from tests.bench.rack.test_losing_control import NETWORK, WITHIN
from tests.bench.rack.virtual import VirtualRack, eventually, virtual_rack


@pytest.fixture(scope="module")
def watched() -> Iterator[VirtualRack]:
    with virtual_rack("keysight-68xx") as running:
        yield running


@pytest.fixture(scope="module")
def watching(watched: VirtualRack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of a topology that says nothing of the watchdog."""
    folder = tmp_path_factory.mktemp("watched")
    with serving(watched.describe(folder), folder / "rack") as gateway:
        yield gateway


@NETWORK
def test_the_watchdog_of_the_source_takes_the_output_off(watched: VirtualRack, watching: Gateway, how: str) -> None:
    (watching.folder / "audit.jsonl").write_bytes(b"")
    with client(watching.folder) as ann:
        for each in ("lv-1", "lv-2"):
            ann.ask(SetHealth(each, "good", "looked at"))
        token = lease(ann)
        energise(ann, token, watched)
        watched.lose_network(how)
        try:
            assert eventually(lambda: watched.volts() < 1.0) < WITHIN
            eventually(lambda: bool(watching.audit("freed")), patience=20.0)
            assert (place(ann)["health"], place(ann)["state"]) == ("bad", "idle")
            told = watching.audit("safe state")[0]
            # Off it is, and nobody here can know; attenuator and relay have nothing of the kind, and stay as they are.
            assert {step["instrument"] for step in told["steps"] if step["error"]} == {
                "source-1",
                "attenuator-1",
                "relay-1",
            }
            assert not told["reached"] and watched.db(1) < 30 and watched.closed(1)
        finally:
            watched.regain_network(how)
        eventually(watched.is_safe, patience=30.0)
        eventually(lambda: any(line.get("late") for line in watching.audit("safe state")), patience=30.0)
        for each in ("lv-1", "lv-2"):
            ann.ask(SetHealth(each, "good", "looked at"))
        token = lease(ann)
        with pytest.raises(GatewayError, match="a protection has tripped"):  # it does not come back by itself
            ann.ask(Source("lv-1", token, "on"))
        ann.ask(Source("lv-1", token, "clear"))
        energise(ann, token, watched)
        ann.ask(Release(token))
