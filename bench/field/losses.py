"""What a run lost on the air at first, where and why: the shards' counts, completed so that they add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from twins.field.causes import CAUSES, DOWN
from twins.plan import AreaPlan
from twins.shard.losses import READINGS


class Loss(msgspec.Struct, frozen=True):
    """Readings of one area that did not arrive by themselves, for one cause; no area where it is not known."""

    area: str | None
    medium: str | None
    cause: str
    readings: int


def losses(figures: Mapping[str, float], areas: Sequence[AreaPlan], missing: int) -> tuple[Loss, ...]:
    """The losses out of the shards' figures (``lost:AREA:CAUSE``), most first.

    ``missing``: due values that did not come by themselves. What the shards did not count, because they were down or
    their last words were lost, is put down to that; so the readings add up to ``missing``, unless more were lost on the
    air than are missing (something else delivered them), which is left as it is.
    """
    media = {area.name: area.medium for area in areas}
    found = []
    for name, count in figures.items():
        kind, _, rest = name.partition(":")
        area, _, cause = rest.partition(":")
        if kind == READINGS and count:
            found.append(Loss(area, media.get(area), cause, int(count)))
    uncounted = missing - sum(loss.readings for loss in found)
    if uncounted > 0:
        found.append(Loss(None, None, CAUSES[DOWN], uncounted))
    return tuple(sorted(found, key=lambda loss: -loss.readings))
