"""Whether a target keeps memory: ``python -m tests.fuzz.steady GROUP NAME FOLDER …``, in a process without the fuzzer.

The fuzzer itself keeps things, and atheris loses the result of every comparison of arrays; so the memory of the code
under test is measured apart. All inputs of the folders and mutants of them run once to warm up, and then again and
again; what is printed are the inputs of the second part and the memory in kB before and after it.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from itertools import cycle
from pathlib import Path

import psutil

from tests.fuzz.mutants import mutants
from tests.fuzz.targets import targets_of

_WARM_S, _MEASURED_S = 2.0, 4.0


def main(group: str, name: str, folders: list[str]) -> None:
    """Run, measure, print."""
    target = targets_of(group)[name]
    found = [file.read_bytes() for folder in folders for file in sorted(Path(folder).iterdir())]
    inputs = cycle([*found, *mutants(found, 200, target.longest, name)])
    for seconds in (_WARM_S, _MEASURED_S):
        before, count, end = _memory_kb(), 0, time.monotonic() + seconds
        while time.monotonic() < end:
            target.run(next(inputs))
            count += 1
    print(json.dumps({"inputs": count, "kb": [before, _memory_kb()]}))


def _memory_kb() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss) >> 10


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
