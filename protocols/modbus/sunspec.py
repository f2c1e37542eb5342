"""The chain of SunSpec models in a device: a marker, models one behind the other, an end.

Every model begins with its id and the number of registers that follow; a client walks from one to the next until the
id 0xFFFF. The marker stands at 40000, where clients look first (then at 0 and 50000, pysunspec2 1.3.7).
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.modbus.maps import Point, RegisterMap, register_map

BASE = 40_000
"""Where the marker stands."""

COMMON, SINGLE_PHASE, SPLIT_PHASE, WYE = 1, 201, 202, 203
"""Ids of the models whose maps are known."""

_MARKER = int.from_bytes(b"SunS", "big")
_END_ID = 0xFFFF


def chain(models: Sequence[int], base: int = BASE) -> list[RegisterMap]:
    """The maps of a device with these models in this order; raises ``RegisterMapError`` for a model without a map."""
    inner = [register_map(f"sunspec_{model}") for model in models]
    placed: list[RegisterMap] = []
    for each in (_frame("marker", _MARKER_POINTS, inner[0]), *inner, _frame("end", _END_POINTS, inner[0])):
        placed.append(each.at(placed[-1].last + 1 if placed else base))
    return placed


_MARKER_POINTS = (Point("SunS", 0, "u32", 2, constant=_MARKER),)
_END_POINTS = (Point("ID", 0, "u16", 1, constant=_END_ID), Point("L", 1, "u16", 1, constant=0))


def _frame(name: str, points: tuple[Point, ...], like: RegisterMap) -> RegisterMap:
    """A map of constants around the models, read as they are."""
    return RegisterMap(
        name=name,
        title=f"SunSpec {name}",
        points=points,
        first=0,
        last=points[-1].end - 1,
        low_word_first=False,
        has_absent=False,
        unlisted_zero=False,
        functions=like.functions,
        source="pysunspec2 1.3.7, client scan",
        verified=True,
    )
