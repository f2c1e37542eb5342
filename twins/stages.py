"""Processor time by stage: what a reading costs on each leg of its way."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Adds up this thread's processor time (s) under the name of the stage it is in; stages do not nest."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count what happens inside as stage ``name``."""
        began = time.thread_time()
        try:
            yield
        finally:
            self._seconds[name] += time.thread_time() - began

    def figures(self) -> dict[str, float]:
        """Seconds by stage, as figures of a process state: ``cpu_<stage>``."""
        return {f"cpu_{name}": seconds for name, seconds in self._seconds.items()}
