"""For all tests: hypothesis without a deadline, bytecode for the processes they start, long ones first."""

from __future__ import annotations

import contextlib
import itertools
import os

import pytest
from hypothesis import settings

from bench.record.scratch import scratch

settings.register_profile("bench", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("bench")


def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode is to be written, each process that a test starts would compile all it imports: a second each.

    So they share some of their own, which is gone at the end.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        closing = contextlib.ExitStack()
        os.environ["PYTHONPYCACHEPREFIX"] = str(closing.enter_context(scratch("meter-bench-bytecode-")))
        config.add_cleanup(closing.close)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, a share of them at the head of what each worker begins with.

    Else one worker would be left alone with one of them at the end.
    """
    long = [item for item in items if item.get_closest_marker("long")]
    rest = iter([item for item in items if not item.get_closest_marker("long")])
    workers, left, ordered = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), len(items), list[pytest.Item]()
    for worker in range(workers):
        size = left // (workers - worker)  # as they are dealt out
        mine = long[worker::workers]
        ordered += [*mine, *itertools.islice(rest, max(0, size - len(mine)))]
        left -= size
    items[:] = [*ordered, *rest]
