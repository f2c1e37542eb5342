"""Children whose parent is killed outright: what must not stay behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PATIENCE = 20.0

# A parent that starts one child under the engine, tells its id and is then killed.
_PARENT = """
import sys, threading
from pathlib import Path
from bench.engine.local import LocalEngine
engine = LocalEngine(Path(sys.argv[1]), print)
engine.start("child", tuple(sys.argv[2:]))
print(engine.pids["child"], flush=True)
threading.Event().wait()
"""


def killed_outright(work: Path, *command: str, ready: Callable[[], object]) -> int:
    """Start a child under a parent that is killed once ``ready`` returns; the child's process id."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(work), *command], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        ready()
        parent.kill()
    return child


def ended(pid: int) -> bool:
    """Whether a process that is no child of ours ends within our patience; afterwards it has, either way."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        by_itself = bool(select.select([handle], [], [], PATIENCE)[0])
        if not by_itself:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return by_itself
    finally:
        os.close(handle)
