"""The serving process, watched: what it says is passed on, and when it is killed it is started again.

What the meters remember lies in their memory's folder, and time is a matter of the clock's spec, so a new process goes
on where the old one was cut off. Its endpoints are the same.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import BenchFault, InputError
from twins.serving.endpoint import Endpoint
from twins.serving.spec import Ready, Refused, ServeSpec

GRACE = 10.0
"""Real seconds that the process has to end in order before it is killed."""

MOST_RESTARTS = 5
SOON = 60.0
"""Ending more than ``MOST_RESTARTS`` times within ``SOON`` real seconds is a fault that a restart does not mend."""


class ServingProcess:
    """One serving process of a spec, through its restarts."""

    def __init__(self, spec: ServeSpec, work: Path) -> None:
        self._file = work / "serve.json"
        self._file.write_bytes(msgspec.json.encode(spec))
        self._file.chmod(0o600)  # it holds the master key
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: list[float] = []
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Its process id now."""
        return self._process.pid if self._process else None

    def start(self) -> Iterator[bytes]:
        """Start it; its lines, the endpoints and then that it is ready. Raises :class:`InputError` when it refuses.

        Told to stop meanwhile, it may end early.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "twins.serving.process", str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the terminal reaches the parent alone
        )
        if self._stopping:  # said before there was a process to tell
            self._process.terminate()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            fields = msgspec.json.decode(line)
            if "error" in fields:
                refused = msgspec.convert(fields, Refused)
                self._process.wait()
                raise (InputError if refused.exit_code == InputError.exit_code else BenchFault)(refused.error)
            yield line.rstrip(b"\n")
            if fields.get("ready"):
                return
        if not self._stopping:
            raise BenchFault(f"the serving process ended with {self._process.wait()} before it was ready")

    def wait(self) -> str | None:
        """Wait for its end; None when it was told to end, else how it ended. Raises :class:`BenchFault` too often."""
        assert self._process is not None
        status = self._process.wait()
        if self._stopping:
            return None
        now = time.monotonic()
        self._ends = [end for end in self._ends if now - end < SOON] + [now]
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if len(self._ends) > MOST_RESTARTS:
            raise BenchFault(f"the serving process {how}, {len(self._ends)} times within {SOON:.0f} s")
        return how

    def stop(self) -> None:
        """Ask it to end; may be called from a signal handler."""
        self._stopping = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """See to it that it has ended."""
        if not self._stopping:  # only once: a second signal would cut its own closing short
            self.stop()
        if self._process is None:
            return
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def endpoint_of(line: bytes) -> Endpoint:
    """An endpoint out of the line that says it."""
    fields = msgspec.json.decode(line)
    known = set(Endpoint.__struct_fields__)
    own = {name: value for name, value in fields.items() if name in known}
    about = {name: value for name, value in fields.items() if name not in known}
    return msgspec.convert(own | {"about": about}, Endpoint)


def ready_of(line: bytes) -> Ready:
    """The last line."""
    return msgspec.json.decode(line, type=Ready)
