"""A foreign program that ends with its parent: ``python -m bench.broker.tied PROGRAM ARGUMENT …``.

mosquitto does not watch its standard input as the bench's own processes do (:mod:`twins.lifeline`), so the kernel is
asked to kill it once its parent has ended. Linux only: elsewhere a parent that is killed outright leaves it behind.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; survives the exec below, but no change of user


def main() -> None:
    """Become the program that the command line names."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent_is_gone = select.select([sys.stdin], [], [], 0)[0]  # it never writes, so what there is to read is the end
    if not parent_is_gone:
        os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
