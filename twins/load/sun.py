"""The calendar and the sun of a year, as tables by date: what does not depend on any draw.

Tables are indexed by *date number* ``month * 31 + day - 1`` (month from 0; of the 372 numbers some do not exist as
dates), so that every year uses the same table. They are made once with Python's own arithmetic and rounded to 32 bits:
vector mathematics may differ in the last bit between processors, and a twin must not.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOTS_PER_DAY
from twins.load.parameters import Sun

DATES = 12 * 31
_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SOLAR_CONSTANT = 1.353  # kW/m2; with the air-mass exponent below the textbook clear-sky formula of Meinel
_AIR_MASS_EXPONENT = 0.678


class MonthWeights(NamedTuple):
    """Interpolation between the middles of months, by date number: ``here * (1 - weight) + there * weight``."""

    here: NDArray[np.intp]
    there: NDArray[np.intp]
    weight: NDArray[np.float32]


def date_numbers(days: NDArray[Any]) -> NDArray[np.intp]:
    """Date number of each running day number (0 is 1970-01-01)."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return np.asarray(months.astype(np.int64) % 12 * 31 + (dates - months).astype(np.int64), dtype=np.intp)


def weekends(days: NDArray[Any]) -> NDArray[np.intp]:
    """1 for Saturdays and Sundays, else 0. Public holidays count as weekdays."""
    return ((days + 3) % 7 >= 5).astype(np.intp)  # day 0 was a Thursday


def month_weights() -> MonthWeights:
    """Weights that turn twelve mid-month values into a value for each date."""
    here, there, weight = [], [], []
    for month in range(12):
        for day in range(31):
            past_middle = min((day + 0.5) / _DAYS_IN_MONTH[month], 1.0) - 0.5
            here.append(month)
            there.append((month + (1 if past_middle > 0 else -1)) % 12)
            weight.append(abs(past_middle))
    return MonthWeights(np.array(here), np.array(there), np.array(weight, dtype=np.float32))


def days_per_year() -> NDArray[np.float64]:
    """How often each date occurs in a common year: 1, or 0 for dates that do not exist."""
    counts = [1.0 if day < _DAYS_IN_MONTH[month] else 0.0 for month in range(12) for day in range(31)]
    return np.array(counts)


def clear_sky(sun: Sun) -> NDArray[np.float32]:
    """Wh that a plant of 1 kW gives in each half-hour under a clear sky; shape ``(DATES, 48)``."""
    table = np.zeros((DATES, SLOTS_PER_DAY), dtype=np.float32)
    for date in range(DATES):
        day_of_year = sum(_DAYS_IN_MONTH[: date // 31]) + date % 31 + 1
        declination = math.radians(23.44) * math.sin(2 * math.pi * (day_of_year - 81) / 365)
        for slot in range(SLOTS_PER_DAY):
            hour_angle = math.radians(15 * ((slot + 0.5) / 2 - sun.noon_hour))
            table[date, slot] = 500 * min(1.0, _plant_power(sun, declination, hour_angle))
    return table


def _plant_power(sun: Sun, declination: float, hour_angle: float) -> float:
    """Power of a south-facing plant as a part of its rated power."""
    height = _cosine_of_incidence(math.radians(sun.latitude), declination, hour_angle)
    if height <= 0:
        return 0.0
    # A tilt towards the equator is the same as standing that much nearer to it.
    on_roof = _cosine_of_incidence(math.radians(sun.latitude - sun.tilt), declination, hour_angle)
    direct = _SOLAR_CONSTANT * math.pow(sun.transmittance, math.pow(1 / max(height, 0.03), _AIR_MASS_EXPONENT))
    return sun.performance * direct * (max(on_roof, 0.0) + sun.diffuse)


def _cosine_of_incidence(latitude: float, declination: float, hour_angle: float) -> float:
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )
