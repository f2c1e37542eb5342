"""What a run lost at first, where and why: the shards' counts, completed so that they add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from twins.field.causes import CAUSES, DOWN
from twins.plan import AreaPlan
from twins.shard.losses import READINGS

REFUSED: Final = "refused"
"""It came, and the head-end did not take it: no loss on the air."""


class Loss(msgspec.Struct, frozen=True):
    """Readings of one area that did not arrive by themselves, for one cause."""

    area: str
    medium: str
    cause: str
    readings: int


def losses(
    figures: Mapping[str, float],
    areas: Sequence[AreaPlan],
    missing: Mapping[str, int],
    refused: Mapping[str, int] | None = None,
) -> tuple[Loss, ...]:
    """The losses out of the shards' figures (``lost:AREA:CAUSE``), most first.

    ``missing``: due values by area that did not come by themselves; ``refused``: how many of them the head-end may have
    refused. What the shards did not count is put down to that; and what is left, to processes that were down: a shard
    that metered while it was away, a broker that took messages with it. So the readings of an area add up to what is
    missing, unless more were lost on the air than that, which is left as it is.
    """
    found: dict[tuple[str, str], int] = {}
    counted: defaultdict[str, int] = defaultdict(int)
    for name, count in figures.items():
        kind, _, rest = name.partition(":")
        area, _, cause = rest.partition(":")
        if kind == READINGS and count:
            found[area, cause] = int(count)
            counted[area] += int(count)
    for area, count in missing.items():
        left = count - counted[area]
        known = max(0, min(left, (refused or {}).get(area, 0)))
        found |= {(area, cause): n for cause, n in ((REFUSED, known), (CAUSES[DOWN], left - known)) if n > 0}
    media = {area.name: area.medium for area in areas}
    return tuple(
        Loss(area, media[area], cause, count) for (area, cause), count in sorted(found.items(), key=lambda x: -x[1])
    )
