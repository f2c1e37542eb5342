"""The load model compiled: the data files' shapes as arrays, scaled so that each class has its annual energy.

A *cell* is a combination (load class, state, variant): all homes of a cell have the same mean load in a slot, up to
their own ``scale``. States: somebody is in (0), nobody is (1). Variants: time shift × level of electric heating.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY
from twins.load.parameters import Habit, LoadClass, Parameters, Use, japan
from twins.load.sun import clear_sky, days_per_year, month_weights
from twins.plan import METER_CLASSES, MeterClass
from twins.random import lognormal_table

AT_HOME, NOBODY_IN = 0, 1
_DAY_WEIGHTS = (5 / 7, 2 / 7)  # weekday, weekend
_HOURS_PER_YEAR = 8760


class LoadModel:
    """Arrays over classes ``C``, uses ``U`` (padded with zeros), variants ``V``; all fixed, shared by every fleet.

    ``pattern``      mean Wh of a half-hour before season and weather, float32 ``(U, 2 day types, 48, C, 2 states, V)``
    ``season``       seasonal factor of a use in the middle of each month, float32 ``(12, U, C)``
    ``sensitivity``  how far the area's weather acts on a use, float32 ``(U, C)``
    ``variant_share`` share of homes in each variant, ``(V,)``
    ``annual_wh``    whole annual Wh of a home with scale 1 that is never empty, ``(C, V)``: an upper mean
    ``slot_noise``   quantiles of the half-hour's noise factor minus 1, float32 ``(4096,)``
    ``lively``       part of that noise in force, float32 ``(48,)``
    ``clear_sky``    Wh per kW of plant, float32 ``(372, 48)``; ``pv_wh_per_kw`` its expected sum over a year
    ``members``      numbers of the load classes of each meter class

    Only the load classes of the ``meter_classes`` asked for are compiled: tables grow with their number.
    """

    def __init__(self, parameters: Parameters, meter_classes: Collection[MeterClass] = METER_CLASSES) -> None:
        self.parameters = parameters
        names = {each: parameters.classes_of(each) for each in METER_CLASSES if each in meter_classes}
        self.names = tuple(chain.from_iterable(names.values()))
        self.members = {each: np.array([self.names.index(name) for name in own]) for each, own in names.items()}
        self.classes = tuple(parameters.classes[name] for name in self.names)
        self.variant_share = np.outer(parameters.variety.shift_share, parameters.variety.level_share).ravel()
        self.variants = len(self.variant_share)
        self.cells = len(self.classes) * 2 * self.variants
        self.months = month_weights()
        pattern, season, self.sensitivity = self._uses()
        self.pattern, self.season = pattern.astype(np.float32), season.astype(np.float32)
        self.annual_wh = self._annual_wh(pattern, season)
        self.slot_noise = lognormal_table(parameters.noise.slot_sigma) - np.float32(1)
        self.lively = _by_slot(parameters.noise.lively).astype(np.float32)
        self.clear_sky = clear_sky(parameters.sun)
        self.clearness = np.array(parameters.sun.clearness, dtype=np.float32)
        self.clearness_month = np.array(parameters.sun.clearness_month, dtype=np.float32)
        self.pv_wh_per_kw = self._pv_yield()
        heaters = [load_class.heater for load_class in self.classes]
        self.heater_season = np.array([h.months if h else [0.0] * 12 for h in heaters], dtype=np.float32).T.copy()
        self.night_spread = np.array([h.night_spread if h else 0.0 for h in heaters], dtype=np.float32)

    def _uses(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
        """Patterns, seasons and weather sensitivities, every use scaled to its share of the class's annual energy."""
        count = max(len(load_class.use) for load_class in self.classes)
        pattern = np.zeros((count, 2, SLOTS_PER_DAY, len(self.classes), 2, self.variants))
        season = np.zeros((12, count, len(self.classes)))
        sensitivity = np.zeros((count, len(self.classes)), dtype=np.float32)
        for c, load_class in enumerate(self.classes):
            absent = absence_by_slot(load_class)
            for u, use in enumerate(load_class.use.values()):
                shape = self._shape(use)
                season[:, u, c] = self.parameters.months[use.months].values
                mean = self._mean_over_year(shape, season[:, u, c], absent)
                factor = use.share * load_class.annual * 1000 / (2 * _HOURS_PER_YEAR) / mean
                # Sums may differ in the last bit between processors; nine digits do not, and a twin must not either.
                pattern[u, :, :, c] = shape * float(f"{factor:.9g}")
                sensitivity[u, c] = use.weather
        return pattern, season, sensitivity

    def _shape(self, use: Use) -> NDArray[np.float64]:
        """One use's unscaled pattern ``(2 day types, 48, 2 states, V)``."""
        variety = self.parameters.variety
        hours = self.parameters.hours[use.hours]
        days = np.array([_by_slot(hours.weekday), _by_slot(hours.weekend or hours.weekday)])
        shifted = np.stack([np.roll(days, shift, axis=1) for shift in variety.shifts], axis=-1)
        levels = np.array(variety.levels) if use.levelled else np.ones(len(variety.levels))
        variants = (shifted[..., None] * levels).reshape(2, SLOTS_PER_DAY, 1, self.variants)
        return np.asarray(variants * np.array([1.0, use.away])[:, None])

    def _mean_over_year(
        self, shape: NDArray[np.float64], season: NDArray[np.float64], absent: NDArray[np.float64]
    ) -> float:
        """Mean of a use over the year, the variants and the presence of people."""
        by_state = shape @ self.variant_share
        present = by_state[..., AT_HOME] * (1 - absent) + by_state[..., NOBODY_IN] * absent
        return float(np.array(_DAY_WEIGHTS) @ present.mean(axis=1)) * float(self._year_weights() @ season)

    def _annual_wh(self, pattern: NDArray[np.float64], season: NDArray[np.float64]) -> NDArray[np.float64]:
        year = np.tensordot(self._year_weights(), season, 1)  # (U, C)
        day = np.tensordot(np.array(_DAY_WEIGHTS), pattern[..., AT_HOME, :].sum(axis=2), (0, 1))  # (U, C, V)
        return np.asarray(np.rint((day * year[..., None]).sum(axis=0) * 365))

    def _year_weights(self) -> NDArray[np.float64]:
        """Weight of each month's value in the mean of an interpolated year; sum 1."""
        days = days_per_year()
        weights = np.bincount(self.months.here, days * (1 - self.months.weight), 12)
        weights += np.bincount(self.months.there, days * self.months.weight, 12)
        return np.asarray(weights / days.sum())

    def _pv_yield(self) -> int:
        months = self.months
        clearness = (
            self.clearness_month[months.here] * (1 - months.weight) + self.clearness_month[months.there] * months.weight
        )
        clear_days = self.clear_sky.sum(axis=1, dtype=np.float64)
        return round(float((days_per_year() * clear_days * clearness).sum() * self.clearness.mean(dtype=np.float64)))


def absence_by_slot(load_class: LoadClass) -> NDArray[np.float64]:
    """Chance that nobody is in, ``(2 day types, 48)``, over all homes of a class."""
    chance = np.zeros((2, SLOTS_PER_DAY))
    for habit in load_class.habit.values():
        leave, back = habit_slots(habit)
        away = np.zeros(SLOTS_PER_DAY)
        for first in leave:
            for end in back:
                away[first:end] += 1 / (len(leave) * len(back))
        chance += habit.share * np.outer(habit.absence, away)
    return chance


def habit_slots(habit: Habit) -> tuple[range, range]:
    """Slots of the day in which the empty time of such homes may begin, and before which it may end."""
    (first, last), (end, late) = habit.leave, habit.back
    return range(round(first * 2), round(last * 2) + 1), range(round(end * 2), round(late * 2) + 1)


def _by_slot(hours: list[float]) -> NDArray[np.float64]:
    """Hourly values at half-hours, interpolated around midnight."""
    return np.interp(np.arange(SLOTS_PER_DAY) / 2 + 0.25, np.arange(24) + 0.5, hours, period=24)


@cache
def japanese(meter_classes: frozenset[MeterClass] = frozenset({"LV"})) -> LoadModel:
    """The model of the data files that ship, for customers with these classes of meters."""
    return LoadModel(japan(), meter_classes)
