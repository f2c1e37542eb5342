"""A fleet: many twins as columns, metered half-hour by half-hour in whole Wh.

Rules of this file: the only state that time leaves behind is the registers; everything else of a twin is fixed columns
and a hash of (seed, index, time), so any interval can be had again (design decision 2). No operation looks at two rows,
so no twin depends on another (decision 3).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from protocols.errors import MeterBenchError
from protocols.slots import SLOTS_PER_DAY
from twins.load.energy import energy
from twins.load.homes import Draw, Homes, class_of
from twins.load.model import LoadModel, japanese
from twins.load.moment import Moment, Moments
from twins.plan import FleetPlan

BLOCK = 32_768
"""Rows evaluated at a time: a handful of 128 kB temporaries stays in the second cache level and memory stays flat."""

_CELLS_AT_A_TIME = 1 << 18  # bound on a moment's tables when many slots are evaluated together


class FleetError(MeterBenchError):
    """A fleet was asked for twins or for times that it does not have."""


class Cuts(Protocol):
    """What takes energy away from homes: whatever interrupts their supply."""

    def cut(self, rows: NDArray[Any], first: int, imported: NDArray[Any], exported: NDArray[Any]) -> None:
        """Lower the Wh ``(n, m)`` of some rows in the slots from ``first`` on, in place."""


class Fleet:
    """Twins ``start … stop - 1`` of a plan, as they stand at the beginning of its first slot.

    ``slot`` is the first interval that is not metered yet. Columns over rows (row = index - ``start``): ``import_wh``
    and ``export_wh`` registers (exact Wh, never wrapped; on the wire they are cut to 8 digits, requirement M8),
    ``counter`` the DLMS invocation counter, which the shard moves, and the fixed columns of
    :class:`twins.load.homes.Homes`. ``cuts`` is what interrupts supplies, if anything does. Raises
    :class:`FleetError` when the plan has no such rows. ``block`` changes speed, never results.
    """

    def __init__(self, plan: FleetPlan, start: int, stop: int, *, block: int = BLOCK) -> None:
        if not 0 <= start <= stop <= plan.meters:
            raise FleetError(f"rows {start} to {stop} asked of a plan with {plan.meters} meters")
        self.plan = plan
        self.start, self.stop, self.size = start, stop, stop - start
        self.slot = plan.first_slot
        self.counter = np.zeros(self.size, dtype=np.uint32)
        self.import_wh = np.zeros(self.size, dtype=np.uint64)
        self.export_wh = np.zeros(self.size, dtype=np.uint64)
        self._model = japanese(plan.meter_classes)
        self._homes = Homes.empty(self.size)
        self._block = block
        self.cuts: Cuts | None = None
        years = self._model.parameters.age.history_years
        self.first_known_slot = plan.first_slot - years * 366 * SLOTS_PER_DAY
        self._moments = Moments(self._model, plan.seed, plan.areas)
        for number, area in enumerate(plan.areas):
            first = plan.first_meter_of_area(number)
            draw = Draw(self._model, plan.seed, area, number)
            self._build(draw, max(first, start), min(first + area.meters, stop))

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
    def homes(self) -> Homes:
        """The fixed columns of the twins; the arrays themselves, not copies."""
        return self._homes

    @property
    def model(self) -> LoadModel:
        """The load model that the twins follow."""
        return self._model

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
            if self.cuts is not None:
                index = np.arange(first, first + len(imported))
                self.cuts.cut(index, self.slot, imported[:, None], exported[:, None])
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
            flows = energy(self._model, self._homes.rows(rows[part]), moment)
            if self.cuts is not None:
                self.cuts.cut(rows[part], slot, flows[0][:, None], flows[1][:, None])
            imported[part], exported[part] = flows
        return imported, exported

    def moment(self, slots: NDArray[Any]) -> Moment:
        """What all twins have in common in some slots ``(m,)``; worth keeping when the same slots are asked again."""
        return self._moments.at(slots)

    def flows(self, rows: NDArray[Any], moment: Moment) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Wh that some rows would import and export in each slot of a moment with nothing cut, ``(n, m)``."""
        return energy(self._model, self._homes.rows(rows).rows((slice(None), None)), moment)

    def registers_at(self, rows: NDArray[Any], slots: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Import and export register at the end of ``slots[j]`` of row ``rows[j]``, for any slot already metered.

        Counted back from today's registers by computing the intervals in between once more: the cost grows with the
        distance. Raises :class:`FleetError` for slots not metered yet or before the history of the meters.
        """
        rows, slots = np.asarray(rows), np.asarray(slots)
        if len(slots) and not self.first_known_slot <= slots.min() <= slots.max() < self.slot:
            raise FleetError(f"registers are known from slot {self.first_known_slot} to {self.slot - 1}")
        twins, twin = np.unique(rows, return_inverse=True)
        earliest = np.full(len(twins), self.slot)
        np.minimum.at(earliest, twin, slots)
        order = np.argsort(earliest)  # furthest back first, so that neighbours walk about equally far
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        found_import, found_export = np.empty(len(rows), np.uint64), np.empty(len(rows), np.uint64)
        for first in range(0, len(twins), self._block):
            pairs = np.flatnonzero((first <= rank[twin]) & (rank[twin] < first + self._block))
            pairs = pairs[np.argsort(slots[pairs])]
            part = order[first : first + self._block]
            found_import[pairs], found_export[pairs] = self._count_back(
                twins[part], earliest[part], rank[twin[pairs]] - first, slots[pairs]
            )
        return found_import, found_export

    def _count_back(
        self, rows: NDArray[Any], earliest: NDArray[Any], twin: NDArray[Any], slots: NDArray[Any]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Registers of pairs (position in ``rows``, slot): windows of intervals, later windows first.

        ``rows`` are different and sorted by the ``earliest`` slot asked of them, so those still walking are a prefix;
        pairs are sorted by slot, so those that end in a window are a slice.
        """
        registers = [self.import_wh[rows], self.export_wh[rows]]
        found = [register[twin] for register in registers]  # right for the last metered slot already
        homes = self._homes.rows(rows).rows((slice(None), None))
        most = max(1, _CELLS_AT_A_TIME // (self._moments.areas * self._model.cells))
        end = self.slot
        while walking := int(np.searchsorted(earliest, end - 1)):
            begin = max(end - max(1, min(self._block // walking, most)), int(earliest[0]) + 1)
            wanted = slice(*np.searchsorted(slots, (begin - 1, end - 1)))
            moment = self._moments.at(np.arange(begin, end))
            flows = energy(self._model, homes.rows(slice(0, walking)), moment)
            if self.cuts is not None:
                self.cuts.cut(rows[:walking], begin, *flows)
            for register, answer, wh in zip(registers, found, flows, strict=True):
                since = wh[:, ::-1].cumsum(axis=1, dtype=np.uint64)[:, ::-1]  # Wh from each slot to the window's end
                answer[wanted] = register[twin[wanted]] - since[twin[wanted], slots[wanted] + 1 - begin]
                register[:walking] -= since[:, 0]
            end = begin
        return found[0], found[1]
