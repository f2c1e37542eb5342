"""The figures of ``data/radio.toml``, typed; each table has its ``source``, and says whether that really gives it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from protocols.errors import MeterBenchError
from protocols.wisun.radio import FIRST_CHANNEL, LAST_CHANNEL, MAX_UDP
from twins.tables import Table, converted


class RadioError(MeterBenchError):
    """Figures that no radio can have, or a stick that does not exist; the message says which."""

    exit_code = 2


class Link(Table, frozen=True, kw_only=True):
    """Link quality of a stick and its meter: lowest and highest, and that of an empty channel."""

    lqi: tuple[int, int]
    noise_lqi: int


class Channels(Table, frozen=True, kw_only=True):
    """The channels that meters use."""

    first: int
    last: int
    step: int


class FrameCost(Table, frozen=True, kw_only=True):
    """What a datagram costs on the air."""

    bits_per_second: int
    overhead_bytes: int

    def seconds(self, payload: int) -> float:
        """Air time of a datagram with a payload of so many bytes."""
        return 8 * (payload + self.overhead_bytes) / self.bits_per_second

    @property
    def longest(self) -> float:
        """Air time of the longest datagram."""
        return self.seconds(MAX_UDP)


class AirTimeRule(Table, frozen=True, kw_only=True):
    """Seconds that one may send in any window of so many seconds."""

    limit_s: float
    window_s: int


class Patience(Table, frozen=True, kw_only=True):
    """Seconds until a stick gives up on joining, and on ending a session."""

    join_s: float
    end_s: float


class Scale(Table, frozen=True, kw_only=True):
    """Time that scans and patience take against a real stick's."""

    scale: float


class Line(Table, frozen=True, kw_only=True):
    """The serial line."""

    baud: int
    text_input_timeout_s: float
    binary_input_timeout_s: float
    output_bytes: int
    stale_after_s: float


class RadioParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``radio.toml``."""

    link: Link
    channels: Channels
    frame: FrameCost
    air_time: AirTimeRule
    patience: Patience
    pace: Scale
    line: Line


def parse(text: str) -> RadioParameters:
    """Parameters of TOML text; raises :class:`RadioError` when something is missing or impossible."""
    try:
        p = converted(tomllib.loads(text), RadioParameters)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RadioError(f"radio: {error}") from error
    _need(0 <= p.link.lqi[0] <= p.link.lqi[1] <= 255 and 0 <= p.link.noise_lqi <= 255, "LQI lies in 0 … 255")
    _need(FIRST_CHANNEL <= p.channels.first <= p.channels.last <= LAST_CHANNEL, "channels lie in 33 … 60")
    _need(p.channels.step >= 1, "channels.step must be at least 1")
    _need(p.frame.bits_per_second > 0 and p.frame.overhead_bytes >= 0, "frame: impossible")
    _need(p.air_time.limit_s > p.frame.longest, "air_time.limit_s must allow one datagram")
    _need(p.air_time.window_s >= 60, "air_time.window_s must be a minute or more")
    _need(min(p.patience.join_s, p.patience.end_s, p.pace.scale) >= 0, "no time is below 0")
    _need(min(p.line.text_input_timeout_s, p.line.binary_input_timeout_s, p.line.stale_after_s) > 0, "line: no time")
    _need(p.line.output_bytes >= 4096, "line.output_bytes must hold a scan's results")
    return p


@cache
def radio_parameters() -> RadioParameters:
    """The parameters that ship."""
    return parse(resources.files(__package__).joinpath("data", "radio.toml").read_text("utf-8"))


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise RadioError(f"radio: {message}")
