"""Struct types that many threads meet for the first time at once: msgspec alone would end the process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_MEET = """
import sys, threading
import msgspec
from {module} import converted

kinds = []
for number in range(200):
    inner = msgspec.defstruct("Inner", [("x", int), ("y", "tuple[int, ...]")], forbid_unknown_fields=True)
    kinds.append(msgspec.defstruct("Outer", [("a", inner), ("b", dict[str, inner]), ("c", "float | None", None)]))
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
right = []

def meet():
    for kind in kinds:
        together.wait()
        right.append(converted({{"a": {{"x": 1, "y": [2]}}, "b": {{"k": {{"x": 3, "y": []}}}}}}, kind).b["k"].x == 3)

threads = [threading.Thread(target=meet) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(0 if len(right) == 8 * len(kinds) and all(right) else 1)
"""


@pytest.mark.parametrize("module", ["hil_drivers.converted", "twins.tables"])
def test_threads_may_meet_a_type_for_the_first_time_together(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", _MEET.format(module=module)], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])


@pytest.mark.parametrize("folder", ["hil_drivers", "bench/rack", "bench/campaigns/metrology"])
def test_where_threads_are_at_work_types_are_met_one_by_one(folder: str) -> None:
    """Decoders are made when a module is imported; tables are converted behind a lock."""
    alone = re.compile(r"msgspec\.convert\(|msgspec\.(json|msgpack)\.decode\([^)\n]*type=")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if alone.search(line) and path.name not in ("converted.py", "hosting.py")  # the latter: before any thread
    ]
    assert found == []
