"""Ratings of AC sources by dialect, from a data file with its sources; settings of a topology go before them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from hil_drivers.converted import converted
from hil_drivers.source import Agreement, Envelope, SourceCan, SourceCapabilities


class Likeness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tolerances of :class:`~hil_drivers.source.Agreement`, and where they come from."""

    percent: float
    volts: float
    hertz_percent: float
    hertz_from_volts: float
    limit_percent: float
    settle_s: float
    source: str
    verified: bool

    @property
    def agreement(self) -> Agreement:
        """As drivers show it."""
        figures = (self.percent, self.volts, self.hertz_percent, self.hertz_from_volts, self.limit_percent)
        return Agreement(*figures, self.settle_s)


class Rating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One dialect's source. ``ranges`` are what its range command takes, ``reach`` the volts each holds, if others."""

    phases: int
    ranges: tuple[float, ...]
    amps: float
    hertz: tuple[float, float]
    segments: int
    slew: float
    agreement: Likeness
    source: str
    verified: bool
    reach: tuple[float, ...] = ()

    @property
    def volts_of_ranges(self) -> tuple[tuple[float, float], ...]:
        """(what the command takes, volts it holds) from the smallest range on."""
        return tuple(zip(self.ranges, self.reach or self.ranges, strict=True))

    def capabilities(self, can: frozenset[SourceCan], envelope: Envelope | None) -> SourceCapabilities:
        """What a source with this rating can do within an envelope."""
        volts = self.volts_of_ranges[-1][1]
        own = Envelope(volts, self.hertz[0], self.hertz[1], self.amps, self.slew)
        own = own.tightest(envelope) if envelope else own
        return SourceCapabilities(self.phases, own, self.agreement.agreement, self.segments, can)


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a topology may say of its own source; None leaves the dialect's rating."""

    phases: int | None = None
    ranges: tuple[float, ...] | None = None
    amps: float | None = None
    hertz: tuple[float, float] | None = None
    segments: int | None = None


@cache
def ratings() -> dict[str, Rating]:
    """The ratings that ship."""
    text = resources.files(__package__).joinpath("data", "ratings.toml").read_text("utf-8")
    return converted(tomllib.loads(text), dict[str, Rating])


def changed(rating: Rating, changes: Changes) -> Rating:
    """A rating with a topology's changes; other ranges hold what they are called."""
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
    if "ranges" in given:
        given["reach"] = ()
    return msgspec.structs.replace(rating, **given)
