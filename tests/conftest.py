"""For all tests: hypothesis without a deadline, because machines are shared; bytecode for the processes they start."""

from __future__ import annotations

import contextlib
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
