"""What no field can have is refused at the door, so that no NaN travels further in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.errors import MeterBenchError

MOST_DBM = 100.0
"""No power is above 10 MW: a larger number is a slip (of units, say), and would work on every link."""
MOST_SECONDS = 1e9
"""No time is longer than 31 years: in nanoseconds, sums of such times still are 64-bit numbers."""


class FieldError(MeterBenchError):
    """A field that cannot be: no channel, a meter at 0 m, an attenuation below 0 dB …; the message says which."""

    exit_code = 2


def need(condition: bool | np.bool_, message: str) -> None:
    """Raise :class:`FieldError` with the message unless the condition holds."""
    if not condition:
        raise FieldError(f"field: {message}")


def numbers(
    name: str, values: ArrayLike, *, above: float | None = None, least: float | None = None, most: float | None = None
) -> NDArray[np.float64]:
    """Finite numbers as an array of any shape; raises :class:`FieldError` for text, NaN, infinity, or out of bounds."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FieldError(f"field: {name} must be numbers") from error
    need(np.isfinite(array).all(), f"{name} must be finite")
    need(above is None or (array > above).all(), f"{name} must be above {above:g}" if above is not None else "")
    need(least is None or (array >= least).all(), f"{name} must be at least {least:g}" if least is not None else "")
    need(most is None or (array <= most).all(), f"{name} must be at most {most:g}" if most is not None else "")
    return array


def whole(name: str, value: float, *, least: int, most: int) -> int:
    """A whole number between two; raises :class:`FieldError` for all else."""
    fits = isinstance(value, Real) and least <= value <= most and value == int(value)
    need(fits, f"{name} must be a whole number from {least} to {most}")
    return int(value)


def one_or_each(name: str, values: ArrayLike, count: int, *, least: float | None = None) -> NDArray[np.float64]:
    """One number for all, or one each, as an array (count,); raises :class:`FieldError` for any other shape."""
    given = numbers(name, values, least=least)
    need(given.shape in ((), (1,), (count,)), f"{name} must be one number or {count}, one each, not {given.size}")
    return np.broadcast_to(given, (count,))


def places(positions: ArrayLike) -> NDArray[np.float64]:
    """Positions as an array (n, 3) of metres east, north and up; two columns stand on the ground."""
    array = numbers("positions", positions)
    need(array.ndim == 2 and array.shape[1] in (2, 3), "positions are rows of 2 or 3 metres")
    if array.shape[1] == 2:
        array = np.column_stack([array, np.zeros(len(array))])
    return array


def known(name: str, table: Sequence[str]) -> str:
    """The name, if it is one of these; raises :class:`FieldError` that lists what there is."""
    need(name in table, f"unknown {name!r}; there are {', '.join(sorted(table))}")
    return name


def milliwatts(dbm: ArrayLike) -> NDArray[np.float64]:
    """Power in mW of finite dBm."""
    return np.asarray(10.0 ** (numbers("power in dBm", dbm) / 10.0))


def is_positive(value: float) -> bool:
    """Whether a number is finite and above 0."""
    return math.isfinite(value) and value > 0
