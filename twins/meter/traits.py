"""What is fixed for a meter beside its home: kind, wiring, legs, power factors; drawn by (seed, index)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.fleet import Fleet
from twins.load.homes import class_of
from twins.meter.noise import Ints, between
from twins.meter.parameters import MeterModelError, electric_parameters, generation_parameters
from twins.meter.reactive import PER_MILLE, ReactiveModel, Tendency
from twins.plan import METER_CLASSES, FleetPlan, MeterClass
from twins.random import mix32, salt, unit


class Kind(NamedTuple):
    """A class of meters in one of its generations."""

    meter_class: MeterClass
    generation: str


class Traits(NamedTuple):
    """Fixed columns of some meters, ``(n,)`` each.

    ``generation`` position in :func:`generations`; ``kind`` position in :func:`kinds`; ``limit_w`` contract in W;
    ``r_share`` per mille of the power on leg R, 1000 without a T leg; ``neighbourhood`` key of what stands behind one
    transformer.
    """

    key: NDArray[np.uint32]
    generation: NDArray[np.intp]
    kind: NDArray[np.intp]
    limit_w: Ints
    three_wire: NDArray[np.bool_]
    r_share: Ints
    neighbourhood: NDArray[np.uint32]
    tendency: Tendency


@cache
def generations() -> tuple[str, ...]:
    """Names of the generations, oldest first; gas and water meters have the first alone."""
    return tuple(generation_parameters().generation["LV"])


@cache
def kinds() -> tuple[Kind, ...]:
    """All classes times all generations, a class's generations behind each other."""
    return tuple(Kind(meter_class, generation) for meter_class in METER_CLASSES for generation in generations())


class TraitsDraw:
    """Draws the traits of a fleet's rows; nothing is kept."""

    def __init__(self, fleet: Fleet, reactive: ReactiveModel) -> None:
        seed = fleet.plan.seed
        self._fleet, self._reactive = fleet, reactive
        self._electric = electric_parameters()
        self._steps = _generation_steps(fleet.plan)
        self._classes = np.array([METER_CLASSES.index(area.meter_class) for area in fleet.plan.areas], dtype=np.intp)
        self._three_phase = self._classes == METER_CLASSES.index("HV")  # both of the metered phases exist
        self._generation_salt, self._wiring_salt = salt(seed, "generation"), salt(seed, "wiring")
        self._share_salt, self._neighbourhood_salt = salt(seed, "r share"), salt(seed, "neighbourhood")

    def traits(self, rows: NDArray[np.int64]) -> Traits:
        """Traits of some rows."""
        fleet, legs = self._fleet, self._electric.legs
        homes, index = fleet.homes.rows(rows), rows + fleet.start
        area = fleet.plan.area_of(index)
        place = unit(mix32(homes.key ^ self._generation_salt))
        generation = (place[:, None] >= self._steps[area]).sum(axis=1)
        three_wire = self._three_wire(homes.key, homes.contract_a, homes.pv) | self._three_phase[area]
        share = between(mix32(homes.key ^ self._share_salt), *legs.share)
        concentrator = fleet.plan.concentrator_of(index).astype(np.uint32)
        contract = fleet.model.parameters.contract
        return Traits(
            key=homes.key,
            generation=generation,
            kind=self._classes[area] * len(generations()) + generation,
            limit_w=homes.contract_a.astype(np.int64) * (contract.volts * contract.legs),
            three_wire=three_wire,
            r_share=np.where(three_wire, share, PER_MILLE),
            neighbourhood=mix32(mix32(concentrator) ^ self._neighbourhood_salt),
            tendency=self._reactive.tendencies(homes.key, class_of(fleet.model, homes.kind)),
        )

    def _three_wire(
        self, key: NDArray[np.uint32], contract_a: NDArray[np.uint8], pv: NDArray[np.uint8]
    ) -> NDArray[np.bool_]:
        wiring = self._electric.wiring
        step = np.minimum(np.searchsorted(wiring.amperes, contract_a), len(wiring.amperes) - 1)
        drawn = unit(mix32(key ^ self._wiring_salt)) < np.array(wiring.three_wire)[step]
        return np.asarray(drawn | (pv > 0))


def _generation_steps(plan: FleetPlan) -> NDArray[np.float64]:
    """Upper ends of the pieces of 0 … 1 that belong to each generation but the last, a row an area."""
    names = generations()
    for area in plan.areas:
        known = generation_parameters().generation[area.meter_class]
        unknown = {name for name, share in area.generation_mix.items() if share and name not in known}
        if unknown:
            odd, right = ", ".join(sorted(unknown)), f"the meter model knows {', '.join(known)} of {area.meter_class}"
            raise MeterModelError(f"area {area.name}: generation_mix names {odd}; {right}")
    shares = np.array([[area.generation_mix.get(name, 0.0) for name in names] for area in plan.areas])
    return np.asarray(shares.cumsum(axis=1)[:, :-1])
