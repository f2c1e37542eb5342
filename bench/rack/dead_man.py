"""The dead-man process: ``python -m bench.rack.dead_man TOPOLOGY FOLDER``.

It hears the gateway's heartbeat on its standard input. When that ends, because the gateway was killed, or is not heard
for a second, because it hangs, it opens connections of its own and reaches the safe state of the whole rack. It takes
no signal that ends processes in order: its end is a last word from the gateway (``q``), or its work done.

While it lives it holds ``dead-man.lock`` in the folder; the next one, and with it the next gateway, waits for that.
Exit status 0: told to end; 10: it acted and the safe state is proved; 11: it acted and could not prove it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.rack.audit import Audit
from bench.rack.instruments import Instruments
from bench.rack.inventory import Inventory, read_inventory
from bench.rack.sequencer import make_safe

BEAT = b"."
LAST_WORD = b"q"
EVERY = 0.2
"""Seconds from beat to beat."""

SILENCE = 1.0
"""Seconds without a beat after which the gateway counts as dead."""

ACTED, FAILED = 10, 11
_TRIES = 3


def heartbeat_ends(descriptor: int, silence: float = SILENCE) -> str | None:
    """Wait until the heartbeat ends; why, or None when it ended in order."""
    while True:
        if not select.select([descriptor], [], [], silence)[0]:
            return f"no heartbeat for {silence:g} s"
        heard = os.read(descriptor, 4096)
        if not heard:
            return "the gateway has ended without a word"
        if LAST_WORD in heard:
            return None


def act(inventory: Inventory, audit: Audit, why: str) -> int:
    """Reach the safe state, tell the audit log; the exit status."""
    audit.line("dead-man", "acts", why=why)
    for _ in range(_TRIES):
        instruments = Instruments(inventory)
        report = make_safe(inventory, instruments.opened)
        audit.line("dead-man", "safe state", reached=not report.failures, steps=[asdict(step) for step in report.steps])
        if not report.failures:
            return ACTED
    return FAILED


def main() -> None:
    """Watch over the gateway that started this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    inventory, folder = read_inventory(Path(sys.argv[1])), Path(sys.argv[2])
    with (folder / "dead-man.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        audit = Audit(folder / "audit.jsonl", time.time)
        Instruments(inventory).load_drivers()
        with contextlib.suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), b"ready\n")
        why = heartbeat_ends(sys.stdin.fileno())
        status = 0 if why is None else act(inventory, audit, why)
    os._exit(status)  # a step that hangs in its thread must not keep the process


if __name__ == "__main__":
    main()
