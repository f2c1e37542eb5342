"""The fixed columns of a twin: what kind of home it is, drawn once from its key.

Each property has a salt of its own, so that a property added later changes none of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twins.load.model import LoadModel, habit_slots
from twins.load.parameters import Heater, LoadModelError
from twins.plan import AreaPlan
from twins.random import TABLE_SHIFT, keys, lognormal_table, mix32, salt, unit

HEATER_WATT = 10  # unit of heater_power
PV_KW = 0.1  # unit of pv
_EXPORTED = 0.9  # part of its generation that a plant's export register is started with: more than any home exports


class Homes(NamedTuple):
    """Columns over homes; each can be any shape that broadcasts against a moment's slots.

    ``key`` hash key; ``kind`` area and cell with state 0 (see :class:`twins.load.model.LoadModel`); ``scale`` own level
    against the class mean; ``contract_a`` ampere, or the contract of another meter class
    (:mod:`twins.load.parameters`); ``absence``, ``absence_weekend`` chance of an empty day in 1/256;
    ``leave``, ``back`` slots of the day between which it is empty then; ``heater_start``, ``heater_length`` in 5 min
    from 23:00, ``heater_power`` in 10 W, 0 without; ``pv`` in 0.1 kW, 0 without.
    """

    key: NDArray[np.uint32]
    kind: NDArray[np.uint32]
    scale: NDArray[np.float32]
    contract_a: NDArray[np.uint8]
    absence: NDArray[np.uint8]
    absence_weekend: NDArray[np.uint8]
    leave: NDArray[np.uint8]
    back: NDArray[np.uint8]
    heater_start: NDArray[np.uint8]
    heater_length: NDArray[np.uint8]
    heater_power: NDArray[np.uint8]
    pv: NDArray[np.uint8]

    def rows(self, selection: Any) -> Homes:
        """The selected homes: views for a slice, copies for row numbers."""
        return Homes._make(column[selection] for column in self)

    @staticmethod
    def empty(count: int) -> Homes:
        """Columns of the right types for a number of homes, not filled in."""
        types = {"key": np.uint32, "kind": np.uint32, "scale": np.float32}
        return Homes._make(np.empty(count, dtype=types.get(name, np.uint8)) for name in Homes._fields)


class Draw:
    """Draws homes of one area. ``number`` is the area's place in the plan."""

    def __init__(self, model: LoadModel, seed: int, area: AreaPlan, number: int) -> None:
        self._model = model
        self._seed = seed
        self._first_cell = number * model.cells
        self._customers = model.parameters.customers_of(area.meter_class)
        # Below, a load class is its place among those of the area's meter class; ``_members`` has the model's numbers.
        self._members = model.members[area.meter_class]
        self._classes = classes = [model.classes[member] for member in self._members]
        self._class_steps = _steps(_mix_in_order(area, [model.names[member] for member in self._members]))
        self._pv_share = area.pv_share
        self._contract_steps = np.array([_steps(c.contract_share) for c in classes])
        self._energy = np.array([_energy_by_contract(c.energy_by_contract, c.contract_share) for c in classes])
        self._spread = np.array([lognormal_table(c.energy_sigma) for c in classes])
        self._sizes = np.array(self._customers.sizes, dtype=np.uint8)

    def homes(self, index: NDArray[Any]) -> Homes:
        """The homes with these fleet-wide indexes."""
        key = keys(self._seed, index)
        load_class = _choose(self._class_steps, self._unit(key, "load class"))
        contract = _choose(self._contract_steps[load_class], self._unit(key, "contract"))
        variant = _choose(_steps(self._model.variant_share), self._unit(key, "variant"))
        return Homes(
            key=key,
            kind=self._kind(load_class, variant),
            scale=self._scale(key, load_class, contract),
            contract_a=self._sizes[contract],
            **self._habits(key, load_class),
            **self._heaters(key, load_class),
            pv=self._pv(key, self._sizes[contract]),
        )

    def _kind(self, load_class: NDArray[Any], variant: NDArray[Any]) -> NDArray[np.uint32]:
        cell = self._members[load_class] * 2 * self._model.variants + variant
        return np.asarray(cell + self._first_cell, dtype=np.uint32)

    def registers(self, homes: Homes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Import and export registers (Wh) at the plan's first slot: age times what such a home counts in a year.

        Both are upper means, so that the readings of the years before, counted back, stay above zero.
        """
        model = self._model
        low, high = self._customers.years
        age = low + (high - low) * self._unit(homes.key, "age")
        load_class, variant = class_of(model, homes.kind), homes.kind % model.variants
        yearly = homes.scale * model.annual_wh[load_class, variant]
        season = model.heater_season.mean(axis=0, dtype=np.float64)[load_class]
        nightly = homes.heater_length / 12 * homes.heater_power.astype(np.float64) * HEATER_WATT
        exported = homes.pv * PV_KW * model.pv_wh_per_kw * _EXPORTED
        return (age * (yearly + 365 * nightly * season)).astype(np.uint64), (age * exported).astype(np.uint64)

    def _unit(self, key: NDArray[np.uint32], purpose: str) -> NDArray[np.float64]:
        return unit(mix32(key ^ salt(self._seed, purpose)))

    def _scale(self, key: NDArray[np.uint32], load_class: NDArray[Any], contract: NDArray[Any]) -> NDArray[np.float32]:
        entry = mix32(key ^ salt(self._seed, "annual energy")) >> TABLE_SHIFT
        scale = self._energy[load_class, contract] * self._spread[load_class, entry]
        hours, volts = 8.76, self._model.parameters.contract.volts * self._model.parameters.contract.legs
        ceiling = np.array([c.load_factor_high * hours * volts / c.annual for c in self._classes])
        return np.asarray(np.minimum(scale, ceiling[load_class] * self._sizes[contract]), dtype=np.float32)

    def _habits(self, key: NDArray[np.uint32], load_class: NDArray[Any]) -> dict[str, NDArray[np.uint8]]:
        pick, leave, back = (self._unit(key, purpose) for purpose in ("habit", "leave", "back"))
        columns = {name: np.zeros(len(key), np.uint8) for name in ("absence", "absence_weekend", "leave", "back")}
        for c, parameters in enumerate(self._classes):
            chosen = _choose(_steps([habit.share for habit in parameters.habit.values()]), pick)
            for h, habit in enumerate(parameters.habit.values()):
                rows = (load_class == c) & (chosen == h)
                columns["absence"][rows], columns["absence_weekend"][rows] = (round(255 * p) for p in habit.absence)
                for name, slots, place in zip(("leave", "back"), habit_slots(habit), (leave, back), strict=True):
                    columns[name][rows] = slots[0] + (place[rows] * len(slots)).astype(np.uint8)
        return columns

    def _heaters(self, key: NDArray[np.uint32], load_class: NDArray[Any]) -> dict[str, NDArray[np.uint8]]:
        columns = {name: np.zeros(len(key), np.uint8) for name in ("heater_start", "heater_length", "heater_power")}
        for c, parameters in enumerate(self._classes):
            if parameters.heater:
                rows = np.flatnonzero(load_class == c)
                for name, (low, high) in _heater_units(parameters.heater).items():
                    columns[name][rows] = np.rint(low + (high - low) * self._unit(key[rows], name))
        return columns

    def _pv(self, key: NDArray[np.uint32], ampere: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Plant sizes; a plant is no larger than its connection, so that the contract bounds export as well."""
        contract = self._model.parameters.contract
        quantiles = self._customers.pv_kw or [0.0]
        kw = np.interp(self._unit(key, "pv size"), np.linspace(0, 1, len(quantiles)), quantiles)
        kw = np.minimum(kw, ampere * (contract.volts * contract.legs / 1000))
        return np.where(self._unit(key, "pv") < self._pv_share, np.rint(kw / PV_KW), 0).astype(np.uint8)


def area_of(model: LoadModel, kind: NDArray[Any]) -> NDArray[np.intp]:
    """Place of the area in the plan."""
    return np.asarray(kind // np.uint32(model.cells), dtype=np.intp)


def class_of(model: LoadModel, kind: NDArray[Any]) -> NDArray[np.intp]:
    """Number of the load class in ``model.names``."""
    return (kind % model.cells // (2 * model.variants)).astype(np.intp)


def _heater_units(heater: Heater) -> Mapping[str, tuple[float, float]]:
    """Ranges of the three heater columns in the columns' units."""
    (start, late), (short, long), (weak, strong) = heater.start, heater.hours, heater.kw
    watts = 1000 / HEATER_WATT
    return {
        "heater_start": (start * 12, late * 12),
        "heater_length": (short * 12, long * 12),
        "heater_power": (weak * watts, strong * watts),
    }


def _mix_in_order(area: AreaPlan, names: list[str]) -> list[float]:
    """Shares in the order of the load classes that the area's meters can have; the order in a topology is free."""
    unknown = set(area.load_mix) - set(names)
    if unknown:
        odd, known = ", ".join(sorted(unknown)), ", ".join(names)
        raise LoadModelError(f"area {area.name}: load_mix names {odd}; the model knows {known} of {area.meter_class}")
    return [area.load_mix.get(name, 0.0) for name in names]


def _energy_by_contract(relative: list[float], share: list[float]) -> NDArray[np.float64]:
    """Mean energy of each contract against the class mean, which is 1 by construction."""
    return np.array(relative) / float(np.dot(relative, share))


def _steps(shares: Any) -> NDArray[np.float64]:
    """Upper ends of the pieces of 0 … 1 that belong to each choice; the last is left open against rounding."""
    return np.cumsum(shares)[:-1]


def _choose(steps: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of the piece in which each place lies; ``steps`` for all homes or one row a home."""
    return np.asarray((place[:, None] >= steps).sum(axis=1), dtype=np.intp)
