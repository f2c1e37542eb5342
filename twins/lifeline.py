"""What every child process of a run does at its edges: end with its parent, and end in order when told to.

The parent keeps the child's standard input open. When it closes, because the parent ended or was killed, the child
ends at once, but for a last duty that it may have: no process outlives its run, whatever happened.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

# Python lets a thread that waits for the interpreter wait 5 ms by default. The control link's thread sends the answers
# that the next tick of virtual time hangs on, while the main thread computes: 5 ms at every tick would be most of a
# run.
_SWITCH_INTERVAL = 0.0002


def hold(last_duty: Callable[[], None] | None = None) -> threading.Event:
    """Tie this process to its parent and return the event that SIGTERM sets.

    SIGINT is ignored: a Ctrl-C at the terminal reaches the whole group, and the parent decides what it means. When the
    parent has ended, ``last_duty`` is done first, in a thread of its own; it must come to an end.
    """
    stop = threading.Event()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_end_with_parent, args=(last_duty,), name="lifeline", daemon=True).start()
    return stop


def _end_with_parent(last_duty: Callable[[], None] | None) -> None:
    try:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        if last_duty is not None:
            last_duty()
    finally:
        os._exit(0)
