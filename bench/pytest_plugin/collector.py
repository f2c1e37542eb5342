"""A head-end for the meter of one place: it asks for half-hours over the A-route, as they go over the session's bus.

The feed of runs (decision 13) speaks for the meter while the collector is open, in a process of its own.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.campaigns.collection.places import fed_meters
from bench.engine.local import LocalEngine
from bench.head_end.intake import Intake, Refusal
from bench.head_end.topics import MeterTopics
from bench.head_end.values import Values
from bench.keys import master_key
from bench.pytest_plugin.outcomes import BenchError
from bench.pytest_plugin.places import RackHouse
from bench.pytest_plugin.stages import SessionStage
from bench.rack.feed_process import FeedSpec
from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import range_request
from protocols.dlms.replay import ReplayWindow
from protocols.dlms.security import protect_general
from protocols.slots import slot_end, slot_of
from twins.bus.bulk import BulkLink
from twins.clock import ClockSpec, ScaledClock
from twins.plan import HEAD_END_TITLE, FleetPlan, system_title

_NAME: Final = "feed"
_AHEAD: Final = 48  # slots: longer than any test
_AGAIN: Final = 2.0  # real s until a request is sent once more: the feed may not have been there yet
_LOOK: Final = 0.2
_numbers = itertools.count(1)


class Collector:
    """Collects from the place ``name``; a context. ``refused`` are reasons for which messages were not believed.

    Raises InputError for a place that nobody can collect from, BenchFault and BenchError where feed or bus fail.
    """

    def __init__(self, house: RackHouse, stage: SessionStage, plan: FleetPlan, clock: ClockSpec, name: str) -> None:
        found = next(each for each in fed_meters(house.inventory, plan) if each.place == name and not each.attached)
        self._index, self._plan, self.refused = found.index, plan, list[Refusal]()
        self._work = house.work / f"feed-{next(_numbers)}"
        self._work.mkdir(parents=True)
        self._engine = LocalEngine(self._work, lambda what: None)
        self._spec = FeedSpec(
            run=stage.name,
            name=self._work.name,
            plan=plan,
            meters=(found,),
            rack=str(house.folder.resolve()),
            bus=stage.stage.bus,
            clock=clock,
            master_key=master_key(plan.seed),
            last_slot=slot_of(ScaledClock(clock).now()) + _AHEAD,
            journal=str(self._work / "counters.journal"),
        )
        topics, keys = MeterTopics(plan, stage.stage.bus.root), KeyRing(self._spec.master_key)
        self._keys = keys.for_title(system_title(found.index), 0)
        self._intake = Intake(plan, topics, keys, ReplayWindow(plan.meters), self._reject)
        (self._down,) = topics.down(np.array([found.index]))
        self._link = BulkLink(stage.stage.bus, f"{stage.name}-{self._work.name}-head-end", stage.tree.up_filter)
        self._counter = 0

    def __enter__(self) -> Self:
        path = self._work / f"{_NAME}.spec.json"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(self._spec))
        self._engine.start(_NAME, (sys.executable, "-m", "bench.rack.feed_process", str(path.resolve())))
        self._link.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()
        self._engine.stop()
        (self._work / f"{_NAME}.spec.json").unlink()  # it holds keys

    def collect(self, first_slot: int, last_slot: int, seconds: float) -> dict[int, tuple[int, int]]:
        """Ask for these half-hours: end (Unix s) to import and export (Wh, 8 digits), of those that are there.

        Asked again until rows come; raises BenchError where none do within so many real seconds.
        """
        until, again = time.monotonic() + seconds, 0.0
        while (now := time.monotonic()) < until:
            self._engine.watch()
            if now >= again:
                self._link.send(self._request(first_slot, last_slot))
                again = now + _AGAIN
            _told, asked = self._intake.check(self._link.receive(_LOOK))
            if len(asked):
                return _by_end(asked)
        raise BenchError(f"no rows over the A-route within {seconds:g} s; the feed said: {self._last_words()}")

    def _request(self, first_slot: int, last_slot: int) -> bytes:
        self._counter += 1
        asked = range_request(self._counter & 0x0F, slot_end(first_slot), slot_end(last_slot))
        return mqtt.publish(self._down, protect_general(asked, HEAD_END_TITLE, self._counter, *self._keys))

    def _reject(self, rows: NDArray[np.int64], counters: NDArray[np.int64], reason: Refusal) -> None:
        self.refused += [reason] * len(rows)

    def _last_words(self) -> str:
        logs: Sequence[str] = [path.read_text("utf-8", "replace") for path in self._work.glob("*.log")]
        return "".join(logs).strip().rpartition("\n")[2] or "nothing"


def _by_end(values: Values) -> dict[int, tuple[int, int]]:
    columns = (values.slots.tolist(), values.import_wh.tolist(), values.export_wh.tolist())
    return {slot_end(slot): (imported, exported) for slot, imported, exported in zip(*columns, strict=True)}
