"""What a mesh and a wide-area link are told."""

from __future__ import annotations

import msgspec

from twins.field.checks import is_positive, need
from twins.field.classes import area_class, check_around
from twins.field.physics.phy import mode

MOST_METERS = 1000
"""Meters at one concentrator for which level (a) can be asked: a link table of them has a million links."""

MOST_TRAFFIC = {"five_minute": 1.0, "polls": 4.0, "controls": 4.0, "firmware": 240.0, "joins": 1.0}
"""By class: the largest rate that statistics are fitted for; units as in :class:`TrafficSetting`."""


class MeshSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of mesh: all that its statistics depend on, but for the number of meters.

    ``spacing_m`` and ``around`` are the class's where they are 0 and empty. ``window_s``: readings are sent at a random
    moment of so many seconds; ``retry_spread_s``: a retry waits a random time below it on top of its backoff.
    """

    area_class: str = "suburban"
    mode: str = "2b"
    spacing_m: float = 0.0
    around: tuple[tuple[str, float], ...] = ()
    window_s: float = 300.0
    retry_spread_s: float = 0.0

    def resolved(self) -> MeshSetting:
        """The same with nothing left to the class; raises :class:`twins.field.checks.FieldError` for what cannot be."""
        table = area_class(self.area_class)
        mode(self.mode)
        spacing = table.spacing_m if self.spacing_m == 0 else self.spacing_m
        around = dict(self.around) or table.around
        need(is_positive(spacing) and 2 <= spacing <= 1000, "meters stand 2 to 1000 m apart")
        check_around(around)
        need(is_positive(self.window_s), "readings are sent within some time")
        need(0 <= self.retry_spread_s <= 60, "a retry waits at most a minute")
        shares = tuple(sorted((name, float(share)) for name, share in around.items() if share > 0))
        return msgspec.structs.replace(
            self,
            spacing_m=float(spacing),
            around=shares,
            window_s=float(self.window_s),
            retry_spread_s=float(self.retry_spread_s),
        )


class TrafficSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else is on the air of a mesh beside readings and re-requests, all the time.

    ``five_minute``: share of the meters that send a value every 5 minutes. ``polls``, ``controls``, ``joins``: how many
    a meter and hour. ``firmware``: flooded blocks an hour.
    """

    five_minute: float = 0.0
    polls: float = 0.0
    controls: float = 0.0
    firmware: float = 0.0
    joins: float = 0.0

    def __post_init__(self) -> None:
        for name, most in MOST_TRAFFIC.items():
            rate = getattr(self, name)
            need(0 <= rate <= most, f"traffic: {name} lies between 0 and {most:g}: for more nothing is fitted")

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(getattr(self, name) > 0 for name in MOST_TRAFFIC)


NO_TRAFFIC = TrafficSetting()


class WideAreaSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The link behind each concentrator: how often it fails, and for how long on average."""

    outages_per_year: float = 0.0  # at most one a day
    outage_minutes: float = 30.0

    def __post_init__(self) -> None:
        need(0 <= self.outages_per_year <= 365 and is_positive(self.outage_minutes), "an impossible outage")


class JammerSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A jammer beside a concentrator: metres from it, power in dBm in each channel, channels (empty: all), pattern."""

    east_m: float
    north_m: float
    power_dbm: float = 13.0
    channels: tuple[int, ...] = ()
    pattern: str = "constant"
