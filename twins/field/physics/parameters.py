"""The figures of ``data/*.toml``, typed; each table has its ``source``, and says whether that really gives it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec

from twins.field.checks import FieldError, is_positive, need
from twins.tables import Table


class Breakpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond it a LoS model falls with a steeper slope; ``base_m`` is the height of the higher end."""

    base_m: float
    alpha: float
    heights: float


class LossModel(Table, frozen=True, kw_only=True):
    """Median loss 10 alpha log10 d + beta + 10 gamma log10 f - height_gain (h - 1.5), never below ``floor``.

    ``sight``: of a line of sight.
    """

    alpha: float
    beta: float
    gamma: float
    sigma_db: float
    range_m: tuple[float, float]
    height_gain: float = 0.0
    sight: bool = False
    floor: str | None = None
    breakpoint: Breakpoint | None = None


class Rural(Table, frozen=True, kw_only=True):
    """RMa of TR 38.901."""

    base_m: float
    building_m: float
    street_m: float
    sigma_db: tuple[float, float, float]
    range_m: tuple[float, float]


class LowHeight(Table, frozen=True, kw_only=True):
    """P.1411 4.3.1: both ends between houses."""

    sigma_db: float
    transition_m: float
    extra_db: dict[str, float]
    range_m: tuple[float, float]


class Area(Table, frozen=True, kw_only=True):
    """An area class: the loss model between its meters, and how far shadowing reaches."""

    model: str
    correlation_m: float


class Extra(Table, frozen=True, kw_only=True):
    """What stands around one end of a link."""

    db: float


class PathLoss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``path_loss.toml``."""

    frequency_mhz: float
    meter_height_m: float
    model: dict[str, LossModel]
    rural: Rural
    low_height: LowHeight
    area: dict[str, Area]
    extra: dict[str, Extra]


class Frame(Table, frozen=True, kw_only=True):
    """What every frame has around its PSDU, and what the radio needs between frames."""

    fcs_bytes: int
    phr_bytes: int
    sfd_bytes: int
    ack_bytes: int
    longest_psdu: int
    turnaround_us: int
    cca_symbols: int


class Mode(Table, frozen=True, kw_only=True):
    """One FSK mode; ``index`` is the modulation index h = 2 deviation / rate."""

    rate_kbps: int
    index: float
    deviation_khz: float
    preamble_bytes: int
    plan: int


class ChannelPlan(Table, frozen=True, kw_only=True):
    """Channels 0 … total - 1, of which ``allowed`` (first and last) may be used."""

    first_mhz: float
    spacing_khz: int
    total: int
    allowed: tuple[int, int]


class PhyModes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``phy_modes.toml``."""

    frame: Frame
    mode: dict[str, Mode]
    plan: dict[int, ChannelPlan]


class Sender(Table, frozen=True, kw_only=True):
    """Power at the antenna's foot, and the antenna."""

    power_dbm: float
    gain_dbi: float


class Receiver(Table, frozen=True, kw_only=True):
    """Thermal noise density, and what the receiver adds (noise and implementation loss)."""

    noise_figure_db: float
    noise_density_dbm_hz: float


class HalfIndex(Table, frozen=True, kw_only=True):
    """What modes with h = 0.5 lose in a noncoherent detector."""

    penalty_db: float


class Neighbours(Table, frozen=True, kw_only=True):
    """How much weaker a sender on the next channel is heard."""

    rejection_db: float


class Hopping(Table, frozen=True, kw_only=True):
    """How long a receiver listens on one channel."""

    dwell_ms: int


class Radio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``radio.toml``."""

    sender: Sender
    receiver: Receiver
    half_index: HalfIndex
    neighbours: Neighbours
    hopping: Hopping


S = TypeVar("S", bound=msgspec.Struct)


def parse(text: str, kind: type[S], name: str) -> S:
    """A data file's text as its structure; raises :class:`FieldError` when it is not that."""
    try:
        return msgspec.convert(tomllib.loads(text), kind, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: {name}: {error}") from error


def _read(package: str, name: str, kind: type[S]) -> S:
    return parse(resources.files(package).joinpath("data", name).read_text("utf-8"), kind, name)


def check_path_loss(p: PathLoss) -> PathLoss:
    """The same figures, if they can be; raises :class:`FieldError`."""
    need(is_positive(p.frequency_mhz) and p.meter_height_m > 1.0, "frequency or height is impossible")
    for name, model in p.model.items():
        need(model.alpha > 0 and model.sigma_db >= 0, f"model {name}: no slope or a negative sigma")
        need(0 < model.range_m[0] < model.range_m[1], f"model {name}: no range")
        known_floor = model.floor is None or (model.floor in p.model and p.model[model.floor].sight)
        need(known_floor, f"model {name}: its floor {model.floor!r} is no model of a line of sight")
    for name, area in p.area.items():
        need(is_positive(area.correlation_m), f"area {name}: correlation_m must be above 0")
    for name, extra in p.extra.items():
        need(extra.db >= 0, f"extra {name}: must not be negative")
    return p


def check_phy(p: PhyModes) -> PhyModes:
    """The same figures, if they can be; raises :class:`FieldError`."""
    for name, mode in p.mode.items():
        need(mode.rate_kbps > 0 and mode.preamble_bytes > 0, f"mode {name}: no rate or no preamble")
        need(mode.plan in p.plan, f"mode {name}: unknown plan {mode.plan}")
    for number, plan in p.plan.items():
        first, last = plan.allowed
        need(0 <= first <= last < plan.total, f"plan {number}: no channel is allowed")
    return p


def check_radio(p: Radio) -> Radio:
    """The same figures, if they can be; raises :class:`FieldError`."""
    need(p.receiver.noise_figure_db >= 0 and p.half_index.penalty_db >= 0, "a receiver does not take noise away")
    need(p.neighbours.rejection_db >= 0, "the next channel is not heard louder")
    need(p.hopping.dwell_ms > 0, "a dwell takes some time")
    return p


@cache
def path_loss_parameters() -> PathLoss:
    """The loss models as they ship."""
    return check_path_loss(_read(__package__, "path_loss.toml", PathLoss))


@cache
def phy_modes() -> PhyModes:
    """The modes and channel plans as they ship."""
    return check_phy(_read(__package__, "phy_modes.toml", PhyModes))


@cache
def radio() -> Radio:
    """The radio of a meter as it ships."""
    return check_radio(_read(__package__, "radio.toml", Radio))
