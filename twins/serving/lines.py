"""Serial lines of meters in time: what a host writes to a pseudo-terminal is answered, one answer after the other.

Rules of this file:

* While a meter answers what it has heard, its host is not heard; all other meters have their turn between two answers.
* Waits are real seconds: a line's silence says that a frame broke off, and later that nobody is there any more.
"""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Protocol

import msgspec

from protocols.errors import MeterBenchError
from twins.serving.endpoint import Endpoint
from twins.serving.files import make_room
from twins.serving.terminal import Terminal, TerminalError
from twins.tables import Table

_FILES = 2  # ends of a pseudo-terminal

log = logging.getLogger(__name__)


class Line(Table, frozen=True, kw_only=True):
    """Figures of one kind of line; times in real seconds."""

    baud: int
    pause_s: float
    idle_s: float
    output_bytes: int
    stale_after_s: float


class Lines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``lines.toml``."""

    optical: Line
    modbus_rtu: Line


@cache
def lines() -> Lines:
    """The figures that ship."""
    text = resources.files(__package__).joinpath("data", "lines.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Lines)


class Talker(Protocol):
    """What answers on one line."""

    def answers(self, data: bytes) -> Iterator[bytes]:
        """Answers to what came, each made when it is asked for; none from a meter that is off."""

    def paused(self) -> None:
        """Nothing came for a moment: what is unfinished has broken off."""

    def left(self) -> None:
        """Nobody has been there for long."""


@dataclass(slots=True)
class _Served:
    terminal: Terminal
    talker: Talker
    timers: tuple[asyncio.TimerHandle, ...] = ()
    work: asyncio.Task[None] | None = None


class LineService:
    """Serves talkers at ``paths``, one each, and tells their ``endpoints``; a :class:`~twins.serving.endpoint.Service`.

    ``steady`` gives real seconds.
    """

    def __init__(
        self,
        talkers: Sequence[Talker],
        paths: Sequence[Path],
        endpoints: Sequence[Endpoint],
        line: Line,
        steady: Callable[[], float],
    ) -> None:
        self._line, self._endpoints = line, list(endpoints)
        self._served = [
            _Served(Terminal(path, line, steady), talker) for path, talker in zip(paths, talkers, strict=True)
        ]

    def open(self) -> None:
        """Make the terminals; raises :class:`TerminalError` for one that cannot be had."""
        make_room(_FILES * len(self._served))
        try:
            for each in self._served:
                each.terminal.open()
        except TerminalError:
            self.close()
            raise

    def endpoints(self) -> list[Endpoint]:
        """Where the meters answer."""
        return list(self._endpoints)

    async def run(self) -> None:
        """Serve until cancelled; the caller closes."""
        for each in self._served:
            each.terminal.start(partial(self._heard, each))
        try:
            await asyncio.Event().wait()
        finally:
            for each in self._served:
                for timer in each.timers:
                    timer.cancel()
                if each.work is not None:
                    each.work.cancel()
                each.terminal.stop()

    def close(self) -> None:
        """Take the terminals away."""
        for each in self._served:
            each.terminal.close()

    def _heard(self, each: _Served, data: bytes) -> None:
        for timer in each.timers:
            timer.cancel()
        each.terminal.pause()
        each.work = asyncio.get_running_loop().create_task(self._answer(each, data))

    async def _answer(self, each: _Served, data: bytes) -> None:
        try:
            for answer in each.talker.answers(data):
                each.terminal.write(answer)
                await asyncio.sleep(0)
        except MeterBenchError as error:  # our own fault, and not that of other meters
            log.warning("%s: %s", each.terminal.path, error)
            each.talker.left()
        loop, line = asyncio.get_running_loop(), self._line
        each.timers = (
            loop.call_later(line.pause_s, each.talker.paused),
            loop.call_later(line.idle_s, each.talker.left),
        )
        each.terminal.start(partial(self._heard, each))
