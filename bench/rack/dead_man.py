"""The dead-man process: ``python -m bench.rack.dead_man TOPOLOGY FOLDER``.

It hears the gateway's heartbeat on its standard input. When that ends, because the gateway was killed, or is not heard
for a second, because it hangs, it opens connections of its own and reaches the safe state of the whole rack. It takes
no signal that ends processes in order: its end is a last word from the gateway (``q``), or its work done.

The gateway being dead, its journal is free: what was in use is ended there and its places' health set, so that the next
gateway finds it so. While the safe state cannot be reached, with something in use, it goes on trying until it can, or
another gateway has taken over, or half an hour is over; an emulated rack whose emulation has ended is not tried any
more, for nothing of it is left. A gateway that only hung finds its journal as it was, and does
that itself when it goes on.

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
from bench.rack.desk import Desk
from bench.rack.emulator_client import EmulatorClient
from bench.rack.instruments import Instruments
from bench.rack.inventory import Inventory, read_inventory
from bench.rack.journal import Journal, JournalError, is_free
from bench.rack.sequencer import SafeReport, make_safe

LOCK = "dead-man.lock"
"""File in the gateway's folder that a dead-man process holds for as long as it lives."""

BEAT = b"."
LAST_WORD = b"q"
EVERY = 0.2
"""Seconds from beat to beat."""

SILENCE = 1.0
"""Seconds without a beat after which the gateway counts as dead."""

ACTED, FAILED = 10, 11
_QUICK_TRIES = 3
_AGAIN = 2.0  # s between the later ones
_STEP_SECONDS = 10.0  # that a step of a later one may take: longer than drivers wait, so that none is left behind
_KEEPS_ON = 1800.0  # s


def is_at_work(folder: Path) -> bool:
    """Whether a dead-man process watches over the gateway of this folder, or acts for it."""
    return (folder / LOCK).exists() and not is_free(folder / LOCK)


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


def act(inventory: Inventory, folder: Path, audit: Audit, why: str) -> int:
    """Reach the safe state, tell journal and audit log; the exit status."""
    audit.line("dead-man", "acts", why=why)
    in_use = False
    for attempt in range(_QUICK_TRIES):
        report = make_safe(inventory, Instruments(inventory).opened)
        audit.line("dead-man", "safe state", reached=not report.failures, steps=[asdict(step) for step in report.steps])
        if attempt == 0 or not report.failures:
            in_use |= _settle(inventory, folder, audit, report)
        if not report.failures:
            return ACTED
    return _keep_on(inventory, folder, audit) if in_use else FAILED


def _keep_on(inventory: Inventory, folder: Path, audit: Audit) -> int:
    """Something is still energised, perhaps: try until it is not, or somebody else does."""
    deadline, instruments = time.monotonic() + _KEEPS_ON, Instruments(inventory)
    while time.monotonic() < deadline and is_free(folder / "leases.jsonl") and _is_there(inventory, folder):
        report = make_safe(inventory, instruments.opened, seconds=_STEP_SECONDS)
        if not report.failures:
            _settle(inventory, folder, audit, report)
            return ACTED
        time.sleep(_AGAIN)
    audit.line("dead-man", "gives up")
    return FAILED


def _is_there(inventory: Inventory, folder: Path) -> bool:
    """Whether there still is such a rack: an emulated one ends with its emulation."""
    return inventory.rack.emulation is None or EmulatorClient(folder).lives()


def _settle(inventory: Inventory, folder: Path, audit: Audit, report: SafeReport) -> bool:
    """End in the journal what was in use; whether anything was. False where a gateway keeps the journal."""
    try:
        journal = Journal(folder / "leases.jsonl")
    except (JournalError, OSError):
        return False
    in_use = any(lease.armed for lease in journal.book.leases.values())
    Desk(inventory, journal, audit, Instruments(inventory).opened, time.time).settle("dead-man", report)
    journal.close()
    return in_use


def main() -> None:
    """Watch over the gateway that started this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    inventory, folder = read_inventory(Path(sys.argv[1])), Path(sys.argv[2])
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        audit = Audit(folder / "audit.jsonl", time.time)
        Instruments(inventory).load_drivers()
        with contextlib.suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), b"ready\n")
        why = heartbeat_ends(sys.stdin.fileno())
        status = 0 if why is None else act(inventory, folder, audit, why)
    os._exit(status)  # a step that hangs in its thread must not keep the process


if __name__ == "__main__":
    main()
