"""Loss that comes and goes, played by the attenuators of a rack: the same function of time as the twins' links have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bench.field.attenuators import Wanted
from bench.field.matrix import SetLink, settle_s
from bench.rack.client import RackClient
from bench.rack.messages import Attenuate
from twins.field.areas import AreaField
from twins.field.variations import Variation, extra_db, of_concentrator


class Played(msgspec.Struct, frozen=True):
    """One setting: s after the first half-hour began, extra loss of the link then, and what was set, in dB."""

    place: str
    seconds: float
    extra_db: float
    db: float


class _Part(NamedTuple):
    link: Wanted
    set_to: SetLink
    variations: tuple[Variation, ...]


class Player:
    """Writes changing attenuation to the attenuators of links that were set; ``begin``: Unix s of the first half-hour.

    No faster than an attenuator settles, and only where the setting changes by a step.
    """

    def __init__(
        self,
        links: Mapping[str, Wanted],
        found: Sequence[SetLink],
        fields: Sequence[AreaField],
        seed: int,
        begin: float,
    ) -> None:
        self._seed, self._begin = seed, begin
        self._parts = [
            _Part(links[each.place], each, varied)
            for each in found
            if each.set_db is not None
            and (varied := _of_link(links[each.place], fields[links[each.place].area].variations))
        ]
        self._steps = {each.place: _steps(each, 0.0) for _, each, _ in self._parts}
        self._next = -float("inf")
        self.played: list[Played] = []

    def look(self, client: RackClient, token: str, now: float, real: float) -> None:
        """Set what has changed at ``now`` (Unix s); ``real``: any clock in real seconds.

        Raises what the gateway says.
        """
        if real < self._next or not self._parts:
            return
        self._next = real + settle_s()
        for link, set_to, varied in self._parts:
            assert set_to.wanted_db is not None
            seconds = now - self._begin
            extra = float(extra_db(varied, self._seed, seconds, link.node, link.other))
            steps = _steps(set_to, extra)
            if steps == self._steps[link.place]:
                continue
            db = float(client.ask(Attenuate(link.place, token, set_to.wanted_db + extra, nearest=True))["db"])
            self._steps[link.place] = steps
            self.played.append(Played(link.place, round(seconds, 1), round(extra, 2), db))


def _steps(set_to: SetLink, extra: float) -> int:
    """How many steps of its attenuator a link takes with so much extra loss."""
    assert set_to.wanted_db is not None and set_to.step_db is not None
    return round(max(0.0, set_to.wanted_db + extra) / set_to.step_db)


def _of_link(link: Wanted, variations: Sequence[Variation]) -> tuple[Variation, ...]:
    """Those that a link may have."""
    near = (link.node, link.other)
    return tuple(each for each in of_concentrator(variations, link.number) if each.node in near)
