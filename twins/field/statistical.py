"""The statistical stand-in of the field: loss and delay by concentrator, with a spread between concentrators.

Losses cluster in reality: a plain binomial with one loss for all would give far too few bad concentrators
(``field-network`` §6.3). So each concentrator draws its own mean loss from a Beta distribution and its own slowness
from a log-normal one; then each message is lost or delayed for itself. The numbers are data (``data/stand_in.toml``)
and marked as assumptions. The physical model takes this module's place behind the same interface.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from twins.field.interface import Passage
from twins.plan import FleetPlan
from twins.random import keys, mix32, salt, unit
from twins.shard.spec import AreaField


class _Medium(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    send_window: float
    hops: tuple[float, ...]
    hop_delay: tuple[float, ...]
    spread: float
    unevenness: float


class StandIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data file of the stand-in; units and meanings are told in it."""

    source: str
    verified: bool
    knots: tuple[float, ...]
    multihop: _Medium
    cellular: _Medium
    plc: _Medium


@cache
def stand_in() -> StandIn:
    """The numbers of the stand-in as they ship."""
    text = resources.files("twins.field").joinpath("data", "stand_in.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), StandIn)


class StatisticalField:
    """Implements :class:`twins.field.interface.Field` from statistics, for any meters of a plan."""

    def __init__(self, plan: FleetPlan, areas: Sequence[AreaField]) -> None:
        self._plan = plan
        self._seed = plan.seed
        data = stand_in()
        self._media: list[_Medium] = [getattr(data, area.medium) for area in plan.areas]
        self._knots = np.array(data.knots)
        size = [area.concentrators for area in plan.areas]
        # One generator a property, drawn for all concentrators of the plan: no shard cut can change a draw.
        loss, slow = (np.random.Generator(np.random.PCG64(int(salt(plan.seed, name)))) for name in ("loss", "slow"))
        self.loss = np.concatenate([_losses(loss, m, f, n) for m, f, n in zip(self._media, areas, size, strict=True)])
        """Mean share of single sendings that each concentrator (fleet-wide number) loses."""
        self.slowness = np.concatenate(
            [
                f.slowness * slow.lognormal(0.0, m.unevenness, n)
                for m, f, n in zip(self._media, areas, size, strict=True)
            ]
        )
        """Factor on the delays of each concentrator."""

    def reading(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of a periodic reading of each meter in slot ``occasion``; see the interface."""
        return self._passage(index, occasion, "reading", ways=1)

    def exchange(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of a request and its answer; see the interface."""
        return self._passage(index, occasion, "exchange", ways=2)

    def _passage(self, index: NDArray[np.int64], occasion: int, kind: str, ways: int) -> Passage:
        meter = keys(self._seed, index)
        concentrator = self._plan.concentrator_of(index)
        area = self._plan.area_of(index)
        hops = self._hops(meter, area)

        def draw(name: str) -> NDArray[np.float64]:
            return unit(mix32(meter ^ salt(self._seed, kind, name, occasion)))

        arrives = draw("loss") >= 1 - (1 - self.loss[concentrator]) ** ways
        # One draw a message serves all its hops: a message that is slow once is slow because its path is busy.
        quantile = draw("delay")
        delay = np.empty(len(index))
        for number in np.unique(area):
            at, medium = area == number, self._media[number]
            delay[at] = ways * hops[at] * np.interp(quantile[at], self._knots, medium.hop_delay)
        delay *= self.slowness[concentrator]
        if ways == 1:  # a meter chooses its moment to send; an answer is sent when the request comes
            window = np.array([medium.send_window for medium in self._media])
            delay += window[area] * draw("window")
        return Passage(arrives, delay, hops)

    def _hops(self, meter: NDArray[np.uint32], area: NDArray[np.int64]) -> NDArray[np.uint8]:
        u = unit(mix32(meter ^ salt(self._seed, "hops")))
        hops = np.empty(len(meter), dtype=np.uint8)
        for number in np.unique(area):
            at = area == number
            shares = np.cumsum(self._media[number].hops)
            hops[at] = 1 + np.searchsorted(shares[:-1] / shares[-1], u[at], side="right")
        return hops


def _losses(generator: np.random.Generator, medium: _Medium, field: AreaField, count: int) -> NDArray[np.float64]:
    if field.loss == 0:
        return np.zeros(count)
    return generator.beta(medium.spread * field.loss, medium.spread * (1 - field.loss), count)
