"""Median path loss at 920 MHz, by the models of ITU-R P.1411-11 and 3GPP TR 38.901 (``field-network`` §2).

Distances in m (any shape, above 0), frequencies in MHz, losses in dB. A model outside the distances of its source is
extrapolated (:func:`in_range` tells). No median is below free space, but for what the sources print: streets, halls
and corridors guide waves, so that formulas of a line of sight, and those whose floor it is, lie up to 6 dB below within
their range. Nearer than its range a line of sight keeps the lesser of free space and its first printed value, so that
it does not fall on the way there. The others keep free space there, so ``rural_nlos`` falls by 0.2 dB at 10 m and
``indoor_nlos`` by 0.05 dB at 1 m, to what is printed (and so does ``uma_nlos`` at heights above 1.5 m).
"""

from __future__ import annotations

import math
from functools import partial
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import known, need, numbers
from twins.field.physics.parameters import LossModel, path_loss_parameters

Losses = NDArray[np.float64]
_LIGHT = 3.0e8  # m/s, the rounded value of the 3GPP formulas


class _Median(Protocol):
    def __call__(self, metres: Losses, mhz: float, height: float) -> Losses: ...


class Model(NamedTuple):
    """One way to reckon the loss: its median, its shadowing, and the distances its source states.

    ``sight``: of a line of sight; ``guided``: of one, or never below one, and so below free space where its source says
    so. ``sigma_db`` is that before the breakpoint; :func:`shadowing_db` knows what holds beyond.
    """

    median: _Median
    sigma_db: float
    range_m: tuple[float, float]
    sight: bool = False
    guided: bool = False


def models() -> dict[str, Model]:
    """All models by name."""
    p = path_loss_parameters()
    rural, low = p.rural, p.low_height
    found = {
        name: Model(partial(_general, name), m.sigma_db, m.range_m, m.sight, m.sight or m.floor is not None)
        for name, m in p.model.items()
    }
    found["rural_los"] = Model(_rural_los, rural.sigma_db[0], rural.range_m, sight=True, guided=True)
    found["rural_nlos"] = Model(_rural_nlos, rural.sigma_db[2], rural.range_m, guided=True)
    for environment in low.extra_db:
        median = partial(_low_height_nlos, environment)
        found[f"low_height_{environment}"] = Model(median, low.sigma_db, low.range_m)
    return found


def median_loss(model: str, metres: ArrayLike, mhz: float | None = None, height: float | None = None) -> Losses:
    """Median loss of a model; raises :class:`twins.field.checks.FieldError` at 0 m and for unknown models."""
    chosen, distance, frequency, above_ground = _asked(model, metres, mhz, height)
    loss, least = chosen.median(distance, frequency, above_ground), free_space(distance, frequency)
    first = np.array(chosen.range_m[0])
    if chosen.sight:
        least = np.minimum(least, chosen.median(first, frequency, above_ground))
    floored = np.maximum(loss, least)
    return np.where(distance < first, floored, loss) if chosen.guided else floored


def shadowing_db(model: str, metres: ArrayLike, mhz: float | None = None, height: float | None = None) -> Losses:
    """Standard deviation of a model's shadowing; raises as :func:`median_loss` does.

    It is the same at all distances but for ``rural_los``, which has more beyond its breakpoint.
    """
    chosen, distance, frequency, above_ground = _asked(model, metres, mhz, height)
    if model != "rural_los":
        return np.full(distance.shape, chosen.sigma_db)
    far = distance > _rural_turning(frequency, above_ground)
    return np.where(far, path_loss_parameters().rural.sigma_db[1], chosen.sigma_db)


def _asked(
    model: str, metres: ArrayLike, mhz: float | None, height: float | None
) -> tuple[Model, Losses, float, float]:
    """The model, the distances, frequency and height that a question is about."""
    p = path_loss_parameters()
    distance = numbers("distance", metres, above=0.0)
    frequency = float(numbers("frequency", p.frequency_mhz if mhz is None else mhz, above=0.0))
    above_ground = float(numbers("height", p.meter_height_m if height is None else height, above=1.0, most=22.5))
    all_models = models()
    return all_models[known(model, list(all_models))], distance, frequency, above_ground


def in_range(model: str, metres: ArrayLike) -> NDArray[np.bool_]:
    """Whether the model's source covers the distances."""
    all_models = models()
    first, last = all_models[known(model, list(all_models))].range_m
    distance = numbers("distance", metres, above=0.0)
    return np.asarray((first <= distance) & (distance <= last))


def free_space(metres: Losses, mhz: float) -> Losses:
    """Loss between isotropic antennas in nothing."""
    return np.asarray(32.45 + 20 * math.log10(mhz) + 20 * np.log10(metres / 1000))


def low_height_loss(environment: str, metres: ArrayLike, percent: float, mhz: float | None = None) -> Losses:
    """Loss that ``percent`` of places do not exceed, both ends 1.9 to 3 m high (P.1411-11 §4.3.1).

    Line of sight up to a distance that fewer places reach, then a transition, then none.
    """
    p = path_loss_parameters()
    low = p.low_height
    extra = low.extra_db[known(environment, list(low.extra_db))]
    distance = numbers("distance", metres, above=0.0)
    frequency = float(numbers("frequency", p.frequency_mhz if mhz is None else mhz, above=0.0))
    share = float(numbers("percent", percent, above=0.0)) / 100
    need(share < 1, "percent must be below 100")
    line = 1.5624 * low.sigma_db * (math.sqrt(-2 * math.log(1 - share)) - 1.1774)
    shadow = low.sigma_db * NormalDist().inv_cdf(share)
    near, far = line_of_sight_reach(share), line_of_sight_reach(share) + low.transition_m

    def seen(at: Losses) -> Losses:
        return free_space(at, frequency) + line

    def hidden(at: Losses) -> Losses:
        return _low_height(at, frequency, extra) + shadow

    ends = seen(np.array(near)), hidden(np.array(far))
    between = ends[0] + (ends[1] - ends[0]) * (distance - near) / low.transition_m
    return np.where(distance < near, seen(distance), np.where(distance > far, hidden(distance), between))


def line_of_sight_reach(share: float) -> float:
    """Distance in m within which so large a share of places (0 … 1) sees the other end (P.1411-11 §4.3.1)."""
    need(0 < share < 1, "a share of places lies between 0 and 1")
    if share < 0.45:
        decade = math.log10(share)
        return 212 * decade**2 - 64 * decade
    return 79.2 - 70 * share


def _general(name: str, metres: Losses, mhz: float, height: float) -> Losses:
    model = path_loss_parameters().model[name]
    loss = model.beta + 10 * model.alpha * np.log10(metres) + 10 * model.gamma * np.log10(mhz / 1000)
    loss = loss - model.height_gain * (height - 1.5)
    if model.breakpoint is not None:
        loss = np.where(metres > _turning(model, mhz, height), _beyond(model, metres, mhz, height), loss)
    if model.floor is not None:
        loss = np.maximum(loss, _general(model.floor, metres, mhz, height))
    return np.asarray(loss)


def _turning(model: LossModel, mhz: float, height: float) -> float:
    """Where the wave from the ground begins to cancel the direct one; 1 m of effective environment height."""
    assert model.breakpoint is not None
    return 4 * (model.breakpoint.base_m - 1) * (height - 1) * mhz * 1e6 / _LIGHT


def _beyond(model: LossModel, metres: Losses, mhz: float, height: float) -> Losses:
    point = model.breakpoint
    assert point is not None
    apart = _turning(model, mhz, height) ** 2 + (point.base_m - height) ** 2
    slope = 10 * point.alpha * np.log10(metres) + 10 * model.gamma * math.log10(mhz / 1000)
    return np.asarray(model.beta + slope - point.heights * math.log10(apart))


def _rural_turning(mhz: float, height: float) -> float:
    return 2 * math.pi * path_loss_parameters().rural.base_m * height * mhz * 1e6 / _LIGHT


def _rural_los(metres: Losses, mhz: float, height: float) -> Losses:
    rural, turning = path_loss_parameters().rural, _rural_turning(mhz, height)
    near = _rural_near(np.minimum(metres, turning), mhz, rural.building_m)
    return np.asarray(near + 40 * np.log10(np.maximum(metres / turning, 1.0)))


def _rural_near(metres: Losses, mhz: float, building: float) -> Losses:
    clutter = building**1.72
    direct = 20 * np.log10(40 * math.pi * metres * mhz / 1000 / 3) + min(0.03 * clutter, 10.0) * np.log10(metres)
    return np.asarray(direct - min(0.044 * clutter, 14.77) + 0.002 * math.log10(building) * metres)


def _rural_nlos(metres: Losses, mhz: float, height: float) -> Losses:
    rural = path_loss_parameters().rural
    base = math.log10(rural.base_m)
    town = -7.1 * math.log10(rural.street_m) + 7.5 * math.log10(rural.building_m)
    town -= (24.37 - 3.7 * (rural.building_m / rural.base_m) ** 2) * base
    meter = 3.2 * math.log10(11.75 * height) ** 2 - 4.97
    slope = (43.42 - 3.1 * base) * (np.log10(metres) - 3)
    hidden = 161.04 + town + slope + 20 * math.log10(mhz / 1000) - meter
    return np.maximum(_rural_los(metres, mhz, height), hidden)


def _low_height_nlos(environment: str, metres: Losses, mhz: float, height: float) -> Losses:
    return _low_height(metres, mhz, path_loss_parameters().low_height.extra_db[environment])


def _low_height(metres: Losses, mhz: float, extra: float) -> Losses:
    return np.asarray(9.5 + 45 * math.log10(mhz) + 40 * np.log10(metres / 1000) + extra)
