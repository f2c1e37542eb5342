"""Numbers as people read them: thousands separators, units, and digits that never round a shortfall away."""

from __future__ import annotations

import math

from bench.measure import Measurement

SHARE = "1"  # unit of a share, 0 … 1


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """A share as per cent, with as many digits as keep it apart from 0 % and from 100 %."""
    if value in (0.0, 1.0) or not 0.0 < value < 1.0:
        return f"{value * 100:,.6g} %"
    distance = min(value, 1.0 - value)
    digits = max(1, -math.floor(math.log10(distance)) - 1)
    scale = 10**digits
    percent = value * 100 * scale
    # Towards 50 %, so that 99.9996 never becomes 100.
    whole = math.floor(percent + 1e-6) if value > 0.5 else math.ceil(percent - 1e-6)
    return f"{whole / scale:.{digits}f} %"


def significant(value: float, digits: int = 4) -> str:
    """A number to some significant digits, never in powers of ten, whole numbers in full."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if float(value).is_integer():
        return count(value)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it: ``0.42 s``, ``12.3 s``, ``56 min 52 s``, ``3 h 05 min``."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.2f} s"
    if value < 60:
        return f"{math.floor(value * 10) / 10:.1f} s"
    whole = math.floor(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def byte_size(value: float) -> str:
    """Bytes as GB or MB (powers of ten)."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit; shares as per cent; ``not measured`` when there is none."""
    if value is None:
        return "not measured"
    if unit == SHARE:
        return share(value)
    return f"{significant(value)} {unit}"


def limit(measurement: Measurement) -> str:
    """The limits of a measurement in words; ``recorded only`` when there are none."""
    low, high, unit = measurement.low, measurement.high, measurement.unit
    if low is None and high is None:
        return "recorded only"
    if low is not None and high is not None:
        return quantity(low, unit) if low == high else f"{quantity(low, unit)} to {quantity(high, unit)}"
    return f"at least {quantity(low, unit)}" if low is not None else f"at most {quantity(high, unit)}"
