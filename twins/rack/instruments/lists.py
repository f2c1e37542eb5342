"""Lists of the HP model (Keysight 68xx, California Instruments): targets, slews and dwells made into pieces.

At each point a quantity goes from where it stands towards its target at its slew and stays there; a slew too slow for
its dwell ends underway. One value in a list stands for all points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from protocols.scpi.errors import ScpiError
from twins.rack.world.output import Piece, Point


class Track(NamedTuple):
    """Targets and slews (units a second, infinite for a jump) of one quantity."""

    targets: Sequence[float]
    slews: Sequence[float]


def pieces(before: Point, volts: Sequence[Track], hertz: Track, dwells: Sequence[float]) -> list[Piece]:
    """The programme of a list; raises :class:`ScpiError` -226 for lists of different lengths."""
    columns: list[Sequence[float]] = [dwells]
    for track in (*volts, hertz):
        columns += track
    count = max(len(column) for column in columns)
    if any(len(column) not in (1, count) for column in columns):
        raise ScpiError(-226)
    rows = [column if len(column) == count else list(column) * count for column in columns]
    made: list[Piece] = []
    values = [*before.volts, before.hertz]
    for dwell, *ways in zip(*rows, strict=True):
        goals, slews = ways[0::2], ways[1::2]
        ends = [
            min(dwell, abs(goal - value) / slew if slew else math.inf)
            for goal, value, slew in zip(goals, values, slews, strict=True)
        ]
        times = sorted({0.0, dwell, *(end for end in ends if end > 0)})
        for start, stop in itertools.pairwise(times):
            begin = [_along(*way, start) for way in zip(values, goals, slews, strict=True)]
            end = [_along(*way, stop) for way in zip(values, goals, slews, strict=True)]
            made.append(
                Piece(
                    Point(tuple(begin[:-1]), before.angles, begin[-1]),
                    Point(tuple(end[:-1]), before.angles, end[-1]),
                    stop - start,
                )
            )
        values = [_along(*way, dwell) for way in zip(values, goals, slews, strict=True)]
    return made


def _along(value: float, goal: float, slew: float, seconds: float) -> float:
    """Where a quantity is after so many seconds; a jump has been made at once."""
    if math.isinf(slew):
        return goal
    way = goal - value
    return goal if slew * seconds >= abs(way) - 1e-9 else value + math.copysign(slew * seconds, way)
