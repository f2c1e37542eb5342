"""Many meters of a fleet at any instant: registers, power, currents, voltages, periodic rows.

Rules of this file: registers are the fleet's, walked forward or back by its own intervals; what lies inside a half-hour
is cut from the interval's energy. Nothing is kept that could not be computed again: the caches are bounded, and
:meth:`Meters.forget` empties them after a change of the fleet's columns. No method moves the fleet. Use it from the
thread that advances the fleet: in the middle of an advance, registers belong to no slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.slots import SLOT_SECONDS, slot_end, slot_of
from twins.fleet import Fleet
from twins.meter.appliances import Appliances
from twins.meter.interruptions import Interruptions, Span, kept_by_minute
from twins.meter.ledger import FEW_SLOTS, Ledger, Rows
from twins.meter.minutes import MINUTES, MWH, minute_model
from twins.meter.noise import Ints
from twins.meter.parameters import Column, electric_parameters
from twins.meter.profiles import Profile, ends_kept, rule
from twins.meter.reactive import PER_MILLE, ReactiveModel
from twins.meter.supply import Supply
from twins.meter.traits import Traits, TraitsDraw, kinds
from twins.meter.window import MINUTE_SECONDS, Cut, Window

CACHED_METERS = 4096
"""Meters whose last two hours are kept cut into minutes: about 6 kB each."""

_RECENT_SLOTS = FEW_SLOTS  # the running half-hour, and more than the hour of 1-minute values behind it
_MILLI = 1000
_CELLS = 1 << 14  # half-hours of meters that are cut into minutes at a time: some 20 MB of temporaries


class Instant(NamedTuple):
    """What meters show in one second; ``(n,)``, or ``(n, 2)`` for the legs R and T.

    Signs follow the active power: negative is export. ``reactive_var`` is positive when inductive. Values of leg T mean
    nothing where ``three_wire`` is False.
    """

    power_w: Ints
    reactive_var: Ints
    power_factor: NDArray[np.float64]
    current_ma: Ints
    voltage_mv: Ints
    three_wire: NDArray[np.bool_]


class Minutely(NamedTuple):
    """What holds for a minute: mean power, power factor, voltage and so on; ``(n, m)``, by leg ``(n, m, 2)``."""

    traits: Traits
    watts: Ints
    ripple: Ints
    tangent: Ints
    power_factor: NDArray[np.float64]
    voltage_mv: Ints
    ma_per_watt: NDArray[np.float64]


class Meters:
    """The meters of a fleet. ``rows`` are local rows (index - ``fleet.start``), times true Unix seconds.

    Registers are ``(…, 2)``: import and export in exact Wh, or +R and -R in varh, never wrapped. A single row is served
    out of a cache of ``cached`` meters. Times beyond the last metered slot are computed ahead; what *now* is, and so
    what is future, is the caller's to say. Raises :class:`twins.fleet.FleetError` before the meters' history.
    """

    def __init__(self, fleet: Fleet, *, cached: int = CACHED_METERS) -> None:
        electric, seed = electric_parameters(), fleet.plan.seed
        self.fleet = fleet
        self._minutes = minute_model(seed)
        self._appliances = Appliances(fleet, self._minutes)
        self._reactive = ReactiveModel(electric.reactive, seed, fleet.load_classes)
        self._supply = Supply(electric, seed)
        self._draw = TraitsDraw(fleet, self._reactive)
        self._interruptions = fleet.cuts = Interruptions(fleet, self._minutes)
        self._ledger = Ledger(fleet)
        self._traits_of_one = lru_cache(cached)(self._draw_one)
        self._recent_of_one = lru_cache(cached)(self._cut_recent)
        self._minutely_of_one = lru_cache(cached)(self._make_minutely_of_one)

    def forget(self) -> None:
        """Empty the caches; needed after a column of the fleet was changed from outside."""
        self._traits_of_one.cache_clear()
        self._recent_of_one.cache_clear()
        self._minutely_of_one.cache_clear()

    def interrupt(self, row: int, spans: Iterable[Span]) -> None:
        """All times without supply of one meter, in place of those known.

        The fleet stays where it is: half-hours that it has metered already must not change.
        """
        self._interruptions.put(row, spans)
        self.forget()

    def traits(self, rows: Rows) -> Traits:
        """Fixed columns of some meters."""
        return self._traits_of_one(int(rows[0])) if len(rows) == 1 else self._draw.traits(rows)

    def registers(self, rows: Rows, at: float) -> Ints:
        """Import and export registers ``(n, 2)`` in Wh at an instant; exact at minute ends, in between in a line."""
        second = int(at // 1)
        slot = slot_of(second)
        return self._window(rows, slot, slot).register(second)

    def reactive(self, rows: Rows, active_wh: Ints) -> Ints:
        """Reactive registers (+R, -R in varh; ``(n, 2)``) when the active ones stand at ``active_wh``."""
        return self._reactive.registers(self.traits(rows).tendency, active_wh[:, None])[:, 0]

    def power(self, rows: Rows, at: float) -> Ints:
        """Active power ``(n,)`` in W of a second; negative is export. The seconds of a minute have its mean power."""
        minutely, place = self._minutely(rows, at)
        return self._second(rows, minutely, place, at)

    def instant(self, rows: Rows, at: float) -> Instant:
        """All values of a second."""
        minutely, place = self._minutely(rows, at)
        watts = self._second(rows, minutely, place, at)
        tangent = minutely.tangent[:, place]
        return Instant(
            power_w=watts,
            reactive_var=np.abs(watts) * tangent // PER_MILLE,
            power_factor=minutely.power_factor[:, place],
            current_ma=np.rint(watts[:, None] * minutely.ma_per_watt[:, place]).astype(np.int64),
            voltage_mv=minutely.voltage_mv[:, place],
            three_wire=minutely.traits.three_wire,
        )

    def _second(self, rows: Rows, minutely: Minutely, place: int, at: float) -> Ints:
        watts, ripple = minutely.watts[:, place], minutely.ripple[:, place]
        seen = self._supply.at_second(watts, ripple, minutely.traits.limit_w, int(at % MINUTE_SECONDS))
        return np.where(self._interruptions.off(rows, at), 0, seen) if self._interruptions else seen

    def _minutely(self, rows: Rows, at: float) -> tuple[Minutely, int]:
        """The minute of an instant, and its place among the minutes given."""
        slot, minute = slot_of(at), int(at // MINUTE_SECONDS)
        if len(rows) == 1:
            return self._minutely_of_one(int(rows[0]), slot), minute % MINUTES
        return self._make_minutely(rows, self._window(rows, slot, slot), np.array([minute])), 0

    def _make_minutely(self, rows: Rows, window: Window, minutes: Ints) -> Minutely:
        traits, watts = self.traits(rows), window.mean_watts(minutes)
        share, voltage = self._supply.legs(traits.key, traits.neighbourhood, traits.r_share, minutes, watts)
        by_direction = self._reactive.tangents(traits.tendency, window.registers(minutes * MINUTE_SECONDS))
        tangent = np.where(watts < 0, by_direction[..., 1], by_direction[..., 0])
        apparent = np.sqrt(1 + (tangent / PER_MILLE) ** 2)  # VA for each W
        ripple = self._supply.ripples(traits.key, minutes)
        ma_per_watt = apparent[..., None] * share * _MILLI / voltage
        return Minutely(traits, watts, ripple, tangent, 1 / apparent, voltage, ma_per_watt)

    def minutes(self, rows: Rows, slot: int) -> Ints:
        """Whole Wh of the minutes of one half-hour, ``(n, 30, 2)``: import and export; they sum to the interval's."""
        edges = np.arange(slot * SLOT_SECONDS, (slot + 1) * SLOT_SECONDS + 1, MINUTE_SECONDS)
        return np.diff(self._window(rows, slot, slot).registers(edges), axis=1)

    def profile(self, rows: Rows, period: int, first: float, last: float, now: float) -> Profile:
        """Rows of a record stamped from ``first`` to ``last`` (both included) that the meters have at ``now``."""
        kind = self.traits(rows).kind
        found = {k: rule(kinds()[k].meter_class, kinds()[k].generation, period) for k in np.unique(kind)}
        kept = {k: ends_kept(of, first, last, now) for k, of in found.items() if of}
        low = min((ends[0] for ends in kept.values() if ends), default=0)
        high = max((ends[-1] for ends in kept.values() if ends), default=-1)
        low = max(low, slot_end(self.fleet.first_known_slot) + period)
        ends = np.arange(low, high + 1, period, dtype=np.int64)
        present = np.zeros((len(rows), len(ends)), dtype=np.bool_)
        for k, has in kept.items():
            present |= (kind == k)[:, None] & (ends >= has.start) & (ends < has.stop)
        return self._fill(rows, period, ends, present, {column for of in found.values() if of for column in of.columns})

    def _fill(self, rows: Rows, period: int, ends: Ints, present: NDArray[np.bool_], columns: set[Column]) -> Profile:
        """The profile with these rows; all columns are computed for all meters, ``present`` says which are true."""
        active = np.zeros((*present.shape, 2), dtype=np.int64)
        voltage = np.zeros_like(active) if "voltage" in columns else None
        if active.size and period == SLOT_SECONDS and voltage is None:
            active[:] = self._ledger.at_begin(rows, int(ends[0]) // SLOT_SECONDS, int(ends[-1]) // SLOT_SECONDS)
        elif active.size:
            for some, place, window in self._windows(rows, ends):
                active[some, place] = window.registers(ends[place])
                if voltage is not None:
                    voltage[some, place] = self._mean_voltage(rows[some], window, period, ends[place])
        reactive = self._reactive.registers(self.traits(rows).tendency, active) if "plus" in columns else None
        return Profile(ends, present, active, reactive, voltage)

    def _windows(self, rows: Rows, ends: Ints) -> Iterator[tuple[slice, slice, Window]]:
        """Windows that together hold all meters at all ``ends``, with their places among rows and ends."""
        first, last = (int(ends[place] - 1) // SLOT_SECONDS for place in (0, -1))
        if self._is_recent(rows, first, last):
            yield slice(None), slice(None), self._window(rows, first, last)
            return
        for row in range(0, len(rows), _CELLS):
            some = slice(row, row + _CELLS)
            starts = self._ledger.at_begin(rows[some], first, last + 1)
            step = max(1, _CELLS // len(rows[some]))
            for slot in range(first, last + 1, step):
                stop = min(slot + step, last + 1)
                begin, end = np.searchsorted(ends, (slot * SLOT_SECONDS, stop * SLOT_SECONDS), side="right")
                known = starts[:, slot - first : stop - first + 1]
                window = self._cut(rows[some], slot, self._whole(rows[some], slot, np.diff(known, axis=1)))
                yield some, slice(begin, end), window.standing(known[:, 0], slot)

    def _mean_voltage(self, rows: Rows, window: Window, period: int, ends: Ints) -> Ints:
        """Mean of each leg over the minutes before each end, ``(n, m, 2)`` in mV."""
        count = period // MINUTE_SECONDS
        minutes = ((ends // MINUTE_SECONDS - count)[:, None] + np.arange(count)).ravel()
        traits = self.traits(rows)
        watts = window.mean_watts(minutes)
        legs = self._supply.legs(traits.key, traits.neighbourhood, traits.r_share, minutes, watts)
        return np.asarray(legs.voltage_mv.reshape(len(rows), len(ends), count, 2).sum(axis=2) // count)

    def _is_recent(self, rows: Rows, first: int, last: int) -> bool:
        """Whether the cached window of a single meter holds these slots."""
        return len(rows) == 1 and first > max(last, self.fleet.slot) - _RECENT_SLOTS

    def _window(self, rows: Rows, first: int, last: int) -> Window:
        """Minutes of the slots ``first … last`` or more, with the registers that the fleet has now."""
        if self._is_recent(rows, first, last):
            window = self._recent_of_one(int(rows[0]), max(last, self.fleet.slot))
        else:
            window = self._cut(rows, first, self._ledger.energies(rows, first, last))
        if window.first <= self.fleet.slot <= window.last + 1:
            return window.standing(self._ledger.now(rows), self.fleet.slot)
        return window.standing(self._ledger.at_begin(rows, window.first, window.first)[:, 0], window.first)

    def _cut(self, rows: Rows, first: int, flows: Ints) -> Window:
        """Cut the whole energies ``(n, m, 2)`` of slots from ``first`` on into minutes, less what was interrupted."""
        homes = self.fleet.homes
        bound = homes.contract_a[rows].astype(np.int64) * self.fleet.model.parameters.contract.wh_per_ampere
        watts = self._appliances.watts(rows, np.arange(first, first + flows.shape[1]))
        mwh = np.zeros((len(rows), 2, flows.shape[1] * MINUTES + 1), dtype=np.int64)
        for direction in range(2):
            wh = flows[..., direction]
            if wh.any():
                inside = self._minutes.cumulative(watts, wh, bound, upside_down=direction == 1)
                before = (wh.cumsum(axis=1) - wh) * MWH
                mwh[:, direction, 1:] = (inside[..., 1:] + before[..., None]).reshape(len(rows), -1)
        return Window(first, mwh, cuts=self._interrupted(rows, first, mwh))

    def _interrupted(self, rows: Rows, first: int, mwh: Ints) -> dict[tuple[int, int], Cut]:
        """Take the interruptions out of a window's ``mwh``, and tell which half-hours had any."""
        cuts = {}
        for place, slot in self._interruptions.touched(rows, first, first + mwh.shape[-1] // MINUTES - 1):
            edges = slice((slot - first) * MINUTES, (slot - first + 1) * MINUTES + 1)
            # Half-hours come in order, so the begin of this one has lost already what those before it lost.
            begin, after = mwh[place, :, edges.start], mwh[place, :, edges.stop - 1 :]
            whole, spans = mwh[place, :, edges] - begin[:, None], self._interruptions.within(int(rows[place]), slot)
            less = whole[:, -1] - kept_by_minute(whole, spans)[:, -1]
            mwh[place, :, edges] = begin[:, None] + kept_by_minute(whole, spans)
            after[:, 1:] -= less[:, None]
            cuts[place, slot] = Cut(whole, spans)
        return cuts

    def _whole(self, rows: Rows, first: int, flows: Ints) -> Ints:
        """Energies with nothing cut, for rows and slots whose ``flows`` may have been cut; the same where none was."""
        for place, slot in self._interruptions.touched(rows, first, first + flows.shape[1] - 1):
            flows[place, slot - first] = self._ledger.energies(rows[place : place + 1], slot, slot)[0, 0]
        return flows

    def _cut_recent(self, row: int, slot: int) -> Window:
        rows, first = np.array([row]), slot - _RECENT_SLOTS + 1
        return self._cut(rows, first, self._ledger.energies(rows, first, slot))

    def _make_minutely_of_one(self, row: int, slot: int) -> Minutely:
        rows, minutes = np.array([row]), slot * MINUTES + np.arange(MINUTES)
        return self._make_minutely(rows, self._window(rows, slot, slot), minutes)

    def _draw_one(self, row: int) -> Traits:
        return self._draw.traits(np.array([row]))
