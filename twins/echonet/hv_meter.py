"""The high-voltage meter objects of one twin: 0x028A, which knows import alone, and 0x028F with both directions.

Registers and demands are those behind the instrument transformers; the properties D3 and D4 make them the customer's
(``meter-protocols`` §1.5). Only power and currents, for which the class has no coefficient, are told as the customer's.

A demand bears the end of its half-hour, in C3 as in the histories: an assumption (``docs/echonet.md``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from protocols.echonet.history import MINUTE, SLOTS_PER_DAY, DayHistory, Stamped
from protocols.echonet.values import Raw, Special
from twins.echonet.demand import Demand, Watts
from twins.echonet.meter_object import UNIT_CODES, MeterObject
from twins.echonet.registers import NO_DATA, Pair, wall
from twins.meter.clock import Clocks
from twins.meter.high_voltage import Phases
from twins.meter.parameters import MeterModelError, high_voltage_parameters
from twins.meter.view import Active, MeterView

_DAY, _SELECTOR_3 = 0xE1, 0xEF
_MA_IN_A_TENTH = 100
_NORMAL, _REVERSE = range(2)


class HvMeterObject(MeterObject):
    """What both classes have; ``directions`` is how many of import and export their properties carry.

    Raises :class:`MeterModelError` for a meter that is no high-voltage one.
    """

    def __init__(
        self,
        view: MeterView,
        clocks: Clocks,
        defects: Collection[str],
        directions: int,
        selectors: Mapping[int, str],
    ) -> None:
        super().__init__(view, clocks, defects, selectors)
        if view.high_voltage is None:
            raise MeterModelError(f"meter {view.identity.meter} is no high-voltage meter")
        self.service, self._directions = view.high_voltage, directions
        self._demand, self._told = Demand(view, self.service.closing_day), high_voltage_parameters().demand
        unit, digits = UNIT_CODES[view.model.unit_wh], self.encoded("digits", view.model.digits)
        self.fixed |= {
            0xC4: self.encoded("digits", self._told.digits),
            0xC5: UNIT_CODES[self._told.unit_w],
            0xCC: digits,
            0xCD: unit,
            0xD3: self.encoded("coefficient", self.service.coefficient),
            0xD4: self.encoded("coefficient_multiplier", self.service.multiplier),
            0xE0: self.encoded("day_of_month", self.service.closing_day),
            0xE5: digits,
            0xE6: unit,
        }
        stamped = "stamped_register" if directions == 1 else "stamped_registers"
        self.computed |= {
            0xC3: (stamped, lambda: self.told_at_half_hour(self._demands(self._demand.newest(self.now)))),
            0xC6: ("day_history", lambda: self.demand_history(_NORMAL)),
            0xCB: (stamped, lambda: self.told_at_half_hour(self.lags([self._half_hour()])[0])),
            0xCE: ("day_history", lambda: self.lag_history(_NORMAL)),
            0xE2: (stamped, lambda: self.told_now(self.registers.pair(view.active(self.now)))),
            0xE3: (stamped, lambda: self.told_at_half_hour(self.registers.pair(self._half_hour()))),
            0xE7: ("day_history", lambda: self.day_history(_DAY, self.normal)),
        }

    def largest(self) -> Pair:
        """The largest demand of the running month."""
        return self._demands(self._demand.largest_of_month(self.now))

    def told_now(self, pair: Pair) -> Stamped:
        """Values with the time of now."""
        return Stamped(wall(self.now), pair[: self._directions])

    def told_at_half_hour(self, pair: Pair) -> Stamped:
        """Values with the time of the newest half-hour."""
        return Stamped(self.registers.half_hour(self.now).time, pair[: self._directions])

    def demand_history(self, direction: int) -> DayHistory:
        """The demand of the half-hours that end at the instants of the selected day."""
        day = self.chosen_day(_DAY)
        if isinstance(day, Special):
            return DayHistory(day, (NO_DATA,) * SLOTS_PER_DAY)
        found = self._demand.at(self.registers.day_times(day, self.now), self.now)
        return DayHistory(day, tuple(self._demands(watts)[direction] for watts in found))

    def lag_history(self, direction: int) -> DayHistory:
        """The lagging reactive registers at the instants of the selected day."""
        day = self.chosen_day(_DAY)
        return DayHistory(day, tuple(pair[direction] for pair in self.lags(self.registers.day(day, self.now))))

    def lags(self, actives: Sequence[Active | None]) -> list[Pair]:
        """Lagging reactive registers by the direction of the active energy, where that stood so; None has no data."""
        return self._reactive(actives, 0)

    def leads(self, actives: Sequence[Active | None]) -> list[Pair]:
        """The same of the leading ones."""
        return self._reactive(actives, 1)

    def _reactive(self, actives: Sequence[Active | None], which: int) -> list[Pair]:
        known = iter(self.view.reactive_by_direction([active for active in actives if active is not None]))
        found = []
        for active in actives:
            varh = None if active is None else next(known)
            # Shown as the active registers are: the same unit, and no reverse direction where none is measured.
            found.append(self.registers.pair(None if varh is None else Active(varh[0][which], varh[1][which])))
        return found

    def _half_hour(self) -> Active:
        return self.registers.half_hour(self.now).active

    def _demands(self, watts: Watts | None) -> Pair:
        if watts is None:
            return NO_DATA, NO_DATA
        normal, reverse = (each // self._told.unit_w for each in watts)
        return normal, reverse if self.view.has_generator else NO_DATA


class HvMeter(HvMeterObject):
    """Provider of 0x028A for one twin."""

    def __init__(self, view: MeterView, clocks: Clocks, _number: bytes, defects: Collection[str] = ()) -> None:
        super().__init__(view, clocks, defects, 1, {_DAY: "history_day"})
        self.computed |= {0xC1: ("register", lambda: self.largest()[_NORMAL])}


class BidirectionalHvMeter(HvMeterObject):
    """Provider of 0x028F for one twin. ``number`` is the route-B identification number (C0, 16 bytes).

    Beside what shows in all registers, the planted defect ``wrong-sign`` shows here.
    """

    def __init__(self, view: MeterView, clocks: Clocks, number: bytes, defects: Collection[str] = ()) -> None:
        super().__init__(view, clocks, defects, 2, {_DAY: "history_day", _SELECTOR_3: "selector_3"})
        self._sign = -1 if "wrong-sign" in defects else 1
        self.fixed |= {0xC0: number}
        self.computed |= {
            0xC1: ("two_registers", self.largest),
            0xC8: ("day_history", lambda: self.demand_history(_REVERSE)),
            0xCF: ("day_history", lambda: self.lag_history(_REVERSE)),
            0xD0: ("stamped_registers", self.at_minute),
            0xD5: ("stamped_registers", lambda: self.told_now(self.lags([view.active(self.now)])[0])),
            0xD6: ("stamped_registers", lambda: self.told_now(self.leads([view.active(self.now)])[0])),
            0xE8: ("day_history", lambda: self.day_history(_DAY, self.reverse)),
            0xEA: ("s32", lambda: self._sign * self._customer().power_w),
            0xEB: ("two_s32", self._currents),
            0xED: ("series_3", lambda: self.series(_SELECTOR_3, MINUTE)),
        }

    def _customer(self) -> Phases:
        """Power and currents before the transformers."""
        seen = self.view.electric(self.now)
        return self.service.primary(Phases(seen.power_w, seen.current_r_ma, seen.current_t_ma or 0))

    def _currents(self) -> tuple[Raw, Raw]:
        seen = self._customer()
        return round(seen.current_r_ma / _MA_IN_A_TENTH), round(seen.current_t_ma / _MA_IN_A_TENTH)
