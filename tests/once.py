"""Work that many tests look at, done once however many processes the tests are spread over."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What ``make`` made of an empty folder: by whoever came first, while the others wait. It must be picklable."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own below the one of them all
        base = base.parent
    kept = base / f"{name}.pickle"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            (base / name).mkdir()
            made = make(base / name)
            kept.write_bytes(pickle.dumps(made))
        found: T = pickle.loads(kept.read_bytes())
    return found
