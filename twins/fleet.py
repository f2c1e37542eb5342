"""A fleet: many twins as columns, metered half-hour by half-hour in whole Wh.

Rules of this file: the only state that time leaves behind is the registers; everything else of a twin is fixed columns
and a hash of (seed, index, time), so any interval can be had again (design decision 2). No operation looks at two rows,
so no twin depends on another (decision 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.errors import MeterBenchError
from protocols.slots import SLOTS_PER_DAY
from twins.load.energy import energy
from twins.load.homes import Draw, Homes, class_of
from twins.load.model import japanese
from twins.load.moment import Moment, Moments
from twins.plan import FleetPlan

BLOCK = 32_768
"""Rows evaluated at a time: a handful of 128 kB temporaries stays in the second cache level and memory stays flat."""

_CELLS_AT_A_TIME = 1 << 18  # bound on a moment's tables when many slots are evaluated together


class FleetError(MeterBenchError):
    """A fleet was asked for twins or for times that it does not have."""


class Fleet:
    """Twins ``start … stop - 1`` of a plan, as they stand at the beginning of its first slot.

    ``slot`` is the first interval that is not metered yet. Columns over rows (row = index - ``start``): ``import_wh``
    and ``export_wh`` registers (exact Wh, never wrapped; on the wire they are cut to 8 digits, requirement M8),
    ``counter`` the DLMS invocation counter, which the shard moves, and the fixed columns of
    :class:`twins.load.homes.Homes`. Raises :class:`FleetError` when the plan has no such rows. ``block`` changes speed,
    never results.
    """

    def __init__(self, plan: FleetPlan, start: int, stop: int, *, block: int = BLOCK) -> None:
        if not 0 <= start <= stop <= plan.meters:
            raise FleetError(f"rows {start} to {stop} asked of a plan with {plan.meters} meters")
        self.start, self.stop, self.size = start, stop, stop - start
        self.slot = plan.first_slot
        self.counter = np.zeros(self.size, dtype=np.uint32)
        self.import_wh = np.zeros(self.size, dtype=np.uint64)
        self.export_wh = np.zeros(self.size, dtype=np.uint64)
        self._model = japanese()
        self._homes = Homes.empty(self.size)
        self._block = block
        years = self._model.parameters.age.history_years
        self.first_known_slot = plan.first_slot - years * 366 * SLOTS_PER_DAY
        first_area, end_area = (0, 0) if start == stop else self._areas(plan)
        areas = plan.areas[first_area:end_area]
        self._moments = Moments(self._model, plan.seed, [area.name for area in areas])
        for number, area in enumerate(areas):
            first = plan.first_meter_of_area(first_area + number)
            draw = Draw(self._model, plan.seed, area, number)
            self._build(draw, max(first, start), min(first + area.meters, stop))

    def _areas(self, plan: FleetPlan) -> tuple[int, int]:
        first, last = plan.area_of(np.array([self.start, self.stop - 1]))
        return int(first), int(last) + 1

    def _build(self, draw: Draw, start: int, stop: int) -> None:
        """Draw the homes of one area, block by block so that the build takes no more memory than the result."""
        for first in range(start, stop, self._block):
            index = np.arange(first, min(first + self._block, stop))
            rows = slice(first - self.start, first - self.start + len(index))
            homes = draw.homes(index)
            for name, column in self._homes._asdict().items():
                column[rows] = getattr(homes, name)
            self.import_wh[rows], self.export_wh[rows] = draw.registers(homes)

    @property
    def contract_a(self) -> NDArray[np.uint8]:
        """Contracted current of each twin in ampere."""
        return self._homes.contract_a

    @property
    def load_class(self) -> NDArray[np.uint8]:
        """Load class of each twin as a position in :attr:`load_classes`; computed, not stored."""
        return class_of(self._model, self._homes.kind).astype(np.uint8)

    @property
    def load_classes(self) -> tuple[str, ...]:
        """Names of the load classes."""
        return self._model.names

    @property
    def interval_bound_wh(self) -> NDArray[np.int64]:
        """The most that a twin may import or export in an interval: contract ampere × volts × legs × 0.5 h."""
        return self._homes.contract_a.astype(np.int64) * self._model.parameters.contract.wh_per_ampere

    def columns(self) -> dict[str, NDArray[Any]]:
        """All resident columns by name; the arrays themselves, not copies."""
        own: dict[str, NDArray[Any]] = {
            "import_wh": self.import_wh,
            "export_wh": self.export_wh,
            "counter": self.counter,
        }
        return own | self._homes._asdict()

    @property
    def nbytes(self) -> int:
        """Bytes of all resident columns."""
        return sum(column.nbytes for column in self.columns().values())

    def advance(self) -> None:
        """Meter interval ``slot`` for all twins, then move on to the next."""
        moment = self._moments.at(np.array([self.slot]))
        for first in range(0, self.size, self._block):
            rows = slice(first, first + self._block)
            imported, exported = energy(self._model, self._homes.rows(rows), moment)
            # Both are non-negative; seen as unsigned they add into the registers without a detour over floats.
            self.import_wh[rows] += imported.view(np.uint32)
            self.export_wh[rows] += exported.view(np.uint32)
        self.slot += 1

    def advance_to(self, slot: int) -> None:
        """Advance until ``self.slot`` is ``slot``; raises :class:`FleetError` for the past: registers never fall."""
        if slot < self.slot:
            raise FleetError(f"the fleet stands at slot {self.slot} and cannot go back to {slot}")
        while self.slot < slot:
            self.advance()

    def interval(self, rows: NDArray[Any], slot: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Wh imported and exported by some rows in one interval, past or future; changes nothing."""
        moment = self._moments.at(np.array([slot]))
        imported, exported = np.empty(len(rows), dtype=np.uint32), np.empty(len(rows), dtype=np.uint32)
        for first in range(0, len(rows), self._block):
            part = slice(first, first + self._block)
            imported[part], exported[part] = energy(self._model, self._homes.rows(rows[part]), moment)
        return imported, exported

    def registers_at(self, rows: NDArray[Any], slots: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Import and export register at the end of ``slots[j]`` of row ``rows[j]``, for any slot already metered.

        Counted back from today's registers by computing the intervals in between once more: the cost grows with the
        distance. Raises :class:`FleetError` for slots not metered yet or before the history of the meters.
        """
        rows, slots = np.asarray(rows), np.asarray(slots)
        if len(slots) and not self.first_known_slot <= slots.min() <= slots.max() < self.slot:
            raise FleetError(f"registers are known from slot {self.first_known_slot} to {self.slot - 1}")
        order = np.argsort(slots, kind="stable")  # the furthest back first: those that are still walking are a prefix
        found_import, found_export = np.empty(len(rows), np.uint64), np.empty(len(rows), np.uint64)
        for first in range(0, len(rows), self._block):
            part = order[first : first + self._block]
            found_import[part], found_export[part] = self._count_back(rows[part], slots[part])
        return found_import, found_export

    def _count_back(self, rows: NDArray[Any], slots: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Registers of pairs sorted by slot: subtract window after window of intervals, later windows first."""
        imported, exported = self.import_wh[rows], self.export_wh[rows]
        homes = self._homes.rows(rows).rows((slice(None), None))
        end = self.slot
        while (walking := int(np.searchsorted(slots, end - 1))) > 0:
            width = max(1, min(self._block // walking, _CELLS_AT_A_TIME // (self._moments.areas * self._model.cells)))
            begin = max(end - width, int(slots[0]) + 1)
            moment = self._moments.at(np.arange(begin, end))
            after = np.arange(begin, end) > slots[:walking, None]
            for register, wh in zip((imported, exported), self._energy_of(homes, walking, moment), strict=True):
                register[:walking] -= np.where(after, wh, 0).sum(axis=1).astype(np.uint64)
            end = begin
        return imported, exported

    def _energy_of(self, homes: Homes, count: int, moment: Moment) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return energy(self._model, homes.rows(slice(0, count)), moment)
