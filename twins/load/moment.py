"""What all twins have in common in a slot: the time of day, the season, each area's weather, the hashes' salts.

A moment may be one slot or several; then every array has the slots as its last axis, and the homes of
:func:`twins.load.energy.energy` stand in a column against it. Nothing here depends on which twins exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.slots import day_of, slot_of_day
from twins.load.model import LoadModel
from twins.load.sun import date_numbers, weekends
from twins.plan import AreaPlan
from twins.random import mix32, salt, salts, unit

HEATER_UNITS_PER_SLOT = 6  # water heaters are timed in 5-minute units from 23:00
_SLOTS_BEFORE_MIDNIGHT = 2
NIGHT_UNITS = 8 * 12  # 23:00 … 07:00


@dataclass(frozen=True, slots=True)
class Manners:
    """How the customers of each area take, ``(areas,)`` each: see :class:`twins.load.parameters.Customers`."""

    noise: NDArray[np.float32]
    day_spread: NDArray[np.float32]
    lump: NDArray[np.float32]
    lump_spread: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Moment:
    """One slot or several (``m``). Flat tables are read at ``cell + offset``, ``area + area_offset`` and so on.

    ``manners`` is None where all customers are low-voltage ones: then there is nothing to look up.
    """

    slot_salt: NDArray[np.uint32]
    day_salt: NDArray[np.uint32]
    night_salt: NDArray[np.uint32]
    slot_of_day: NDArray[np.uint8]
    weekend: NDArray[np.bool_]
    lively: NDArray[np.float32]
    mean_wh: NDArray[np.float32]  # flat (m, areas, cells)
    mean_offset: NDArray[np.intp]
    sun_wh: NDArray[np.float32]  # flat (m, areas): per kW of plant
    sun_offset: NDArray[np.intp]
    heater_season: NDArray[np.float32]  # flat (m, classes)
    heater_offset: NDArray[np.intp]
    night_unit: NDArray[np.float32]  # start of the slot in heater units after 23:00; NIGHT_UNITS and more by day
    daylight: bool
    night: bool
    manners: Manners | None


class Moments:
    """Makes moments for the areas of a plan. Meters that are read through another area's share its weather."""

    def __init__(self, model: LoadModel, seed: int, areas: Sequence[AreaPlan]) -> None:
        self.areas = len(areas)
        self._model = model
        places = [area.through or area.name for area in areas]
        self._weather_salts = np.array([salt(seed, "weather", place) for place in places], dtype=np.uint32)
        self._cloud_salts = np.array([salt(seed, "clouds", place) for place in places], dtype=np.uint32)
        self._manners = _manners(model, areas)
        self._slot_salt, self._day_salt = salt(seed, "slot"), salt(seed, "day")
        self._night_salt = salt(seed, "night")

    def at(self, slots: NDArray[Any]) -> Moment:
        """The moment of some slots, shape ``(m,)``."""
        days, k = day_of(slots), slot_of_day(slots)
        dates = date_numbers(days)
        order = np.arange(len(slots))
        mean, heaters = self._mean_wh(days, dates, k), self._by_date(self._model.heater_season, dates)
        sun = self._sun_wh(days, dates, k)
        night_unit = (k + _SLOTS_BEFORE_MIDNIGHT) % 48 * HEATER_UNITS_PER_SLOT
        return Moment(
            slot_salt=salts(self._slot_salt, slots),
            day_salt=salts(self._day_salt, days),
            night_salt=salts(self._night_salt, day_of(slots + _SLOTS_BEFORE_MIDNIGHT)),
            slot_of_day=k.astype(np.uint8),
            weekend=weekends(days).astype(np.bool_),
            lively=self._model.lively[k],
            mean_wh=mean.ravel(),
            mean_offset=order * mean[0].size,
            sun_wh=sun.ravel(),
            sun_offset=order * self.areas,
            heater_season=heaters.ravel(),
            heater_offset=order * heaters.shape[1],
            night_unit=night_unit.astype(np.float32),
            daylight=bool(sun.any()),
            night=bool((night_unit < NIGHT_UNITS).any()),
            manners=self._manners,
        )

    def _by_date(self, months: NDArray[np.float32], dates: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values for dates out of mid-month values, months on the first axis."""
        here, there, weight = (part[dates] for part in self._model.months)
        weight = weight.reshape(-1, *[1] * (months.ndim - 1))
        return np.asarray(months[here] * (np.float32(1) - weight) + months[there] * weight)

    def _mean_wh(self, days: NDArray[Any], dates: NDArray[np.intp], k: NDArray[Any]) -> NDArray[np.float32]:
        """Mean energy of every cell in every area, ``(m, areas, C, 2, V)``.

        Uses are added one after the other, never by a matrix product, whose order of summation may vary.
        """
        model, weekend = self._model, weekends(days)
        season = self._by_date(model.season, dates)  # (m, U, C)
        anomaly = self._weather(days)  # (m, areas)
        total = np.zeros((len(days), self.areas, *model.pattern.shape[3:]), dtype=np.float32)
        for u, pattern in enumerate(model.pattern):
            factor = season[:, u, None, :] * (np.float32(1) + anomaly[:, :, None] * model.sensitivity[u])
            total += pattern[weekend, k][:, None] * factor[..., None, None]
        return total

    def _weather(self, days: NDArray[Any]) -> NDArray[np.float32]:
        """Deviation of each area's day from the season, uniform within ± spread."""
        bits = mix32(self._weather_salts ^ salts(self._day_salt, days)[:, None])
        return ((2 * unit(bits) - 1) * self._model.parameters.weather.spread).astype(np.float32)

    def _sun_wh(self, days: NDArray[Any], dates: NDArray[np.intp], k: NDArray[Any]) -> NDArray[np.float32]:
        """Wh of a plant of 1 kW in each area under that day's sky, ``(m, areas)``."""
        model = self._model
        bits = mix32(self._cloud_salts ^ salts(self._day_salt, days)[:, None])
        clearness = model.clearness[(unit(bits) * len(model.clearness)).astype(np.intp)]
        clearness *= self._by_date(model.clearness_month, dates)[:, None]
        return np.asarray(clearness * model.clear_sky[dates, k][:, None])


def _manners(model: LoadModel, areas: Sequence[AreaPlan]) -> Manners | None:
    if all(area.meter_class == "LV" for area in areas):
        return None
    each = [model.parameters.customers_of(area.meter_class) for area in areas]
    return Manners(
        noise=np.array([one.noise for one in each], dtype=np.float32),
        day_spread=np.array([one.day_spread for one in each], dtype=np.float32),
        lump=np.array([one.lump for one in each], dtype=np.float32),
        lump_spread=np.array([one.lump_spread for one in each], dtype=np.float32),
    )
