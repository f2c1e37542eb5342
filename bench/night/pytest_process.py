"""pytest as a process of a night: it ends in order when the night does, however that ends.

``python -m bench.night.pytest_process ARGUMENTS``: the arguments are pytest's. When standard input closes, because the
night ended or was killed, the session is interrupted like by Ctrl-C, so that its fixtures bring places into safe state.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

_GRACE = 45.0  # real s that an interrupted session has; then the leases' time and the dead-man see to the rack


def _end_with_night(line: int) -> None:
    try:
        while os.read(line, 4096):
            pass
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_GRACE)
        os._exit(2)


def main() -> int:
    """Run the session; pytest's exit code."""
    line = os.dup(sys.stdin.fileno())  # pytest puts something else in the place of standard input
    threading.Thread(target=_end_with_night, args=(line,), name="lifeline", daemon=True).start()
    return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
