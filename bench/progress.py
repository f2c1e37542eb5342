"""What the person at the terminal sees while a run goes on: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from protocols.slots import jst
from twins.clock import Clock

_PLAIN_EVERY = 5.0  # real s between two plain lines
_LIVE_EVERY = 0.25


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run. ``now`` is simulated time, ``share`` how much of the simulated span has passed (0 … 1)."""

    now: float
    share: float
    stored: int
    due: int
    on_time: int
    rejected: int
    asked: int
    restarts: int


class Progress(Protocol):
    """Shows how a run goes."""

    def show(self, snapshot: Snapshot) -> None:
        """Show this moment, or leave it when one was shown a moment ago."""

    def say(self, text: str) -> None:
        """Tell an event at once."""

    def close(self) -> None:
        """The run is over; leave the terminal as it was found."""


class Silent:
    """Shows nothing (``--quiet``)."""

    def show(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Pace:
    """Readings per second and remaining time, from the real time that has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._shown = float("-inf")
        self._window = (self._began, 0)

    def every(self, seconds: float) -> bool:
        now = self._clock.monotonic()
        if now - self._shown < seconds:
            return False
        self._shown = now
        return True

    def words(self, s: Snapshot) -> dict[str, str]:
        now = self._clock.monotonic()
        then, stored = self._window
        rate = (s.stored - stored) / max(now - then, 1e-9)
        if now - then > 2.0:
            self._window = (now, s.stored)
        left = (now - self._began) * (1 - s.share) / s.share if s.share > 0.01 else None
        return {
            "time": f"{jst(s.now):%Y-%m-%d %H:%M:%S} JST",
            "stored": f"{s.stored:,} of {s.due:,}",
            "rate": f"{rate:,.0f} readings/s",
            "on time": "–" if not s.stored else f"{s.on_time / s.stored:.3%}",
            "missing": f"{s.due - s.stored:,}",
            "asked": f"{s.asked:,}",
            "rejected": f"{s.rejected:,}",
            "left": "–" if left is None else f"{left:,.0f} s",
        }


class Plain:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._pace = _Pace(clock)

    def show(self, snapshot: Snapshot) -> None:
        """A line, if it is time for one."""
        if self._pace.every(_PLAIN_EVERY):
            words = self._pace.words(snapshot)
            self._console.print(
                "  ".join(f"{name} {value}" for name, value in words.items()), highlight=False, soft_wrap=True
            )

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing to tidy."""


class Animated:
    """A small table that is redrawn in place."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._pace = _Pace(clock)
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw, if it is time to."""
        if self._pace.every(_LIVE_EVERY):
            self._live.update(self._table(snapshot), refresh=True)

    def say(self, text: str) -> None:
        """A line above the table."""
        self._live.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()

    def _table(self, snapshot: Snapshot) -> Table:
        table = Table.grid(padding=(0, 2))
        words = self._pace.words(snapshot)
        filled = round(snapshot.share * 30)
        table.add_row(
            "simulated", f"{words['time']}  [cyan]{'━' * filled}[/][dim]{'━' * (30 - filled)}[/]  {snapshot.share:4.0%}"
        )
        table.add_row("stored", f"{words['stored']}   {words['rate']}")
        table.add_row("on time", f"{words['on time']}   missing {words['missing']}   asked again {words['asked']}")
        table.add_row("refused", f"{words['rejected']}   restarts {snapshot.restarts}   about {words['left']} left")
        return table


def make_progress(console: Console, clock: Clock, quiet: bool) -> Progress:
    """The right display for where the output goes."""
    if quiet:
        return Silent()
    return Animated(console, clock) if console.is_terminal else Plain(console, clock)
