"""Arguments and replies: numbers with units, booleans, words; NR1, NR2 and NR3 (IEEE 488.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from protocols.errors import ProtocolError
from protocols.scpi.errors import ScpiError
from protocols.scpi.tree import short_form

UNITS: Final[dict[str, dict[str, float]]] = {
    "V": {"V": 1, "KV": 1e3, "MV": 1e-3, "UV": 1e-6},
    "A": {"A": 1, "KA": 1e3, "MA": 1e-3, "UA": 1e-6},
    "HZ": {"HZ": 1, "KHZ": 1e3, "MHZ": 1e6},
    "S": {"S": 1, "MS": 1e-3, "US": 1e-6, "MIN": 60},
    "DEG": {"DEG": 1, "RAD": 180 / math.pi},
    "W": {"W": 1, "KW": 1e3, "MW": 1e6},
    "": {},
}
"""Factor to the base unit of each suffix; MHZ is mega, as IEEE 488.2 has it, every other M is milli but MW."""

INFINITY: Final = 9.9e37
NOT_A_NUMBER: Final = 9.91e37
"""What SCPI sends for infinity and for a value that does not exist (SCPI-1999 vol. 1, 7.2.1)."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*([A-Z]*)\Z", re.IGNORECASE)


def number(text: str, unit: str = "", words: Mapping[str, float] | None = None) -> float:
    """A number in the base unit: ``100``, ``1E2``, ``100V``, ``0.1 KV``, or one of ``words`` by either form.

    Raises :class:`ScpiError` -104 for no number, -131 for a suffix that is not one of the unit.
    """
    for name, value in (words or {}).items():
        if text.upper() in (short_form(name), name.upper()):
            return value
    match = _NUMBER.match(text)
    if match is None:
        raise ScpiError(-104, text)
    suffix = match[2].upper()
    if suffix and suffix not in UNITS[unit]:
        raise ScpiError(-131, text)
    return float(match[1]) * (UNITS[unit][suffix] if suffix else 1)


def boolean(text: str) -> bool:
    """``ON``, ``OFF`` or a number, which is true unless it rounds to 0."""
    word = text.upper()
    return word == "ON" if word in ("ON", "OFF") else round(number(text)) != 0


def word(text: str, names: tuple[str, ...]) -> str:
    """The one of ``names`` (``IMMediate``) that was sent, in either form; raises :class:`ScpiError` -224 otherwise."""
    for name in names:
        if text.upper() in (short_form(name), name.upper()):
            return name
    raise ScpiError(-224, text)


def nr1(value: float) -> str:
    """A whole number: ``42``."""
    return str(round(value))


def nr2(value: float, digits: int = 4) -> str:
    """A number with a fixed point: ``100.0000``."""
    return f"{value:.{digits}f}"


def nr3(value: float, digits: int = 5) -> str:
    """A number with an exponent and its sign: ``+1.00000E+02``."""
    mantissa, exponent = f"{value:+.{digits}E}".split("E")
    return f"{mantissa}E{int(exponent):+03d}"


def reading(text: str) -> float:
    """A number that an instrument replied: NR1, NR2, NR3, ``INF``, ``NAN``, or SCPI's numbers for the latter two.

    Raises :class:`ProtocolError` for anything else.
    """
    sent = text.strip().upper()
    if sent.lstrip("+-") in ("INF", "NAN"):
        return float(sent)
    match = _NUMBER.match(sent)
    if match is None or match[2]:
        raise ProtocolError(f"{text!r} is no number")
    value = float(match[1])
    if math.isclose(value, NOT_A_NUMBER, rel_tol=1e-4):
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= INFINITY else value


def switched(text: str) -> bool:
    """A boolean that an instrument replied: ``1``, ``0``, ``ON`` or ``OFF``; raises ProtocolError for anything else."""
    words = {"1": True, "ON": True, "0": False, "OFF": False}
    if text.strip().upper() not in words:
        raise ProtocolError(f"{text!r} is neither on nor off")
    return words[text.strip().upper()]
