"""The bus of a session and the processes around it, begun when something first needs them."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

from bench.broker.choose import choose_broker
from bench.engine.local import LocalEngine
from bench.stage import Stage
from bench.topology.load import LoadedTopology
from protocols.topics import TopicTree
from twins.bus.control import ControlLink


class SessionStage:
    """The stage of a session."""

    def __init__(self, loaded: LoadedTopology, work: Path, note: Callable[[str], None]) -> None:
        self._loaded, self._work, self._note = loaded, work, note
        self._stage: Stage | None = None
        self._links = itertools.count(1)
        self.name = f"pytest-{os.getpid()}"

    @property
    def stage(self) -> Stage:
        """The stage, with its broker. Raises InputError, BenchFault."""
        if self._stage is None:
            work = self._work / "processes"
            work.mkdir(parents=True, exist_ok=True)
            broker = choose_broker(self._loaded.topology.bus, self._loaded.path.parent)
            stage = Stage(self.name, broker, work, LocalEngine(work, self._note), threading.Event())
            self._stage = stage.__enter__()
        return self._stage

    @property
    def tree(self) -> TopicTree:
        """The topics of the bus."""
        return self.stage.tree

    def link(self) -> ControlLink:
        """A link to the bus, not open yet."""
        return ControlLink(self.stage.bus, f"{self.name}-{next(self._links)}")

    def look(self) -> None:
        """Start again what has ended; raises BenchFault when it does not stay up."""
        if self._stage is not None:
            self._stage.look()

    def close(self) -> None:
        """End all processes."""
        if self._stage is not None:
            self._stage.__exit__(None, None, None)
            self._stage = None
