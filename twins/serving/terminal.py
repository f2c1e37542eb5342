"""A pseudo-terminal under a path that stays: what a host opens as the serial port of a stick, a meter, a line.

Rules of this file:

* The line is raw, bytes go as they are; speed and parity of the host are accepted and mean nothing.
* Our own end of the host's side stays open, so hosts may come and go without the device noticing, as with a stick in a
  socket.
* A host that does not read never blocks anybody: a bounded number of bytes is kept for it, what comes on top is lost
  and counted. What it left unread for long is thrown away before anything new is written, not given to the next host.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocols.errors import MeterBenchError

_CHUNK = 4096


class TerminalError(MeterBenchError):
    """A terminal cannot be put where it should be; the message says why."""

    exit_code = 2


class Kept(Protocol):
    """How much is kept for a host that does not read (bytes), and for how long (seconds)."""

    @property
    def output_bytes(self) -> int:
        """What comes on top is lost."""

    @property
    def stale_after_s(self) -> float:
        """Thrown away then, before anything new is written."""


class Terminal:
    """One terminal at ``path``, a symbolic link: :meth:`open`, :meth:`start` in a running event loop, :meth:`close`.

    ``steady`` gives real seconds. ``lost`` counts bytes that no host took.
    """

    def __init__(self, path: Path, kept: Kept, steady: Callable[[], float]) -> None:
        self.path = path
        self.lost = 0
        self._kept, self._steady = kept, steady
        self._own = self._hosts = -1
        self._waiting = bytearray()
        self._unread_since: float | None = None

    def open(self) -> None:
        """Make the terminal and its path; raises :class:`TerminalError` when the path cannot be had."""
        try:
            self._own, self._hosts = os.openpty()
            tty.setraw(self._hosts)
            os.set_blocking(self._own, False)
            self._link(os.ttyname(self._hosts))
        except OSError as error:
            self._close_files()
            raise TerminalError(f"{self.path}: no terminal can be put there: {error.strerror}") from None

    def _link(self, device: str) -> None:
        """Point the path at the device, in one step, also when a process that was killed has left it behind."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.is_symlink():
            raise FileExistsError(0, "there is something else")
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(device)
        fresh.replace(self.path)

    def start(self, heard: Callable[[bytes], None]) -> None:
        """Begin to listen; ``heard`` takes what a host writes."""
        asyncio.get_running_loop().add_reader(self._own, self._read, heard)

    def pause(self) -> None:
        """Hear nothing until the next :meth:`start`: what the host writes meanwhile waits, and so does the host."""
        asyncio.get_running_loop().remove_reader(self._own)

    def stop(self) -> None:
        """Listen no more."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._own)
        loop.remove_writer(self._own)

    def close(self) -> None:
        """Take the terminal away, and its path if nobody else has put another there."""
        if self._own < 0:
            return
        device = os.ttyname(self._hosts)
        with contextlib.suppress(OSError):
            if str(self.path.readlink()) == device:
                self.path.unlink()
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._own, self._hosts):
            if file >= 0:
                os.close(file)
        self._own = self._hosts = -1

    def write(self, data: bytes) -> None:
        """Give bytes to the host, now or when it reads; a whole answer is lost when it does not fit."""
        self._forget_stale()
        if len(self._waiting) + len(data) > self._kept.output_bytes:
            self.lost += len(data)
            return
        self._waiting += data
        self._push()

    def _push(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: os.write(self._own, self._waiting[:_CHUNK])]
        loop = asyncio.get_running_loop()
        if self._waiting:
            loop.add_writer(self._own, self._push)
        else:
            loop.remove_writer(self._own)

    def _forget_stale(self) -> None:
        now, unread = self._steady(), self._unread()
        if not unread and not self._waiting:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since >= self._kept.stale_after_s:
            self.lost += unread + len(self._waiting)
            self._waiting.clear()
            termios.tcflush(self._hosts, termios.TCIFLUSH)
            self._unread_since = None

    def _unread(self) -> int:
        """Bytes in the system's buffer that the host could read."""
        count = array.array("i", [0])
        fcntl.ioctl(self._hosts, termios.FIONREAD, count)
        return count[0]

    def _read(self, heard: Callable[[bytes], None]) -> None:
        try:
            data = os.read(self._own, _CHUNK)
        except OSError:  # nothing there after all
            return
        self._unread_since = None  # a host that speaks is there
        heard(data)
