"""One meter of a fleet, in plain numbers: what a protocol's front end asks.

A view holds no state of the meter: it names a row and passes questions on to :class:`twins.meter.meters.Meters`. Values
that do not exist are None; times are true Unix seconds, and what *now* is, the caller says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from protocols.slots import SLOT_SECONDS
from twins.fleet import FleetError
from twins.meter.display import counts
from twins.meter.high_voltage import high_voltage, phases, terminal_voltage
from twins.meter.identity import Identity, identity
from twins.meter.interruptions import Span
from twins.meter.meters import Meters
from twins.meter.parameters import Generation, generation_parameters
from twins.meter.profiles import ends_kept, newest_end, rule
from twins.meter.traits import kinds


class Active(NamedTuple):
    """Active registers in exact Wh, never wrapped."""

    import_wh: int
    export_wh: int


class Reactive(NamedTuple):
    """Reactive registers in varh: +R and -R."""

    plus_varh: int
    minus_varh: int


class Electric(NamedTuple):
    """Values of one second; signs follow the active power, negative is export; leg T is None with 2 wires.

    Of a high-voltage meter they are those behind its transformers, and the legs are the phases R and T.
    """

    power_w: int
    reactive_var: int
    power_factor: float
    current_r_ma: int
    current_t_ma: int | None
    voltage_r_mv: int
    voltage_t_mv: int | None


class Row(NamedTuple):
    """One row of a record, stamped with the end of its period; None where the meter has no such column."""

    end: int
    active: Active
    reactive: Reactive | None
    voltage_r_mv: int | None
    voltage_t_mv: int | None


class MeterView:
    """The meter in a row of a fleet. Raises :class:`twins.fleet.FleetError` for no such row, and as :class:`Meters`."""

    def __init__(self, meters: Meters, row: int) -> None:
        if not 0 <= row < meters.fleet.size:
            raise FleetError(f"row {row} asked of a fleet with {meters.fleet.size} rows")
        self.meters, self.row = meters, row
        self.index = meters.fleet.start + row
        self._rows = np.array([row])
        traits = meters.traits(self._rows)
        self.meter_class, self.generation = kinds()[int(traits.kind[0])]
        self.three_wire = bool(traits.three_wire[0])
        self.high_voltage = high_voltage(meters.fleet.plan.seed, self.index) if self.meter_class == "HV" else None

    @property
    def model(self) -> Generation:
        """What all meters of its class and generation have in common: unit, digits, product code."""
        return generation_parameters().generation[self.meter_class][self.generation]

    @property
    def identity(self) -> Identity:
        """Who the meter is, as it left the factory."""
        return identity(self.index, self.model)

    @property
    def contract_a(self) -> int:
        """Contracted current in ampere."""
        return int(self.meters.fleet.contract_a[self.row])

    @property
    def has_generator(self) -> bool:
        """Whether energy can flow out here."""
        return bool(self.meters.fleet.homes.pv[self.row])

    def counts(self, wh: int) -> int:
        """A register as the meter shows it and as the B-route carries it: counts of ``model.unit_wh``, wrapped."""
        return counts(self.model, wh)

    def active(self, at: float) -> Active:
        """Active registers at an instant."""
        imported, exported = self.meters.registers(self._rows, at)[0].tolist()
        return Active(imported, exported)

    def reactive(self, at: float) -> Reactive:
        """Reactive registers at an instant."""
        plus, minus = self.meters.reactive(self._rows, self.meters.registers(self._rows, at))[0].tolist()
        return Reactive(plus, minus)

    def reactive_by_direction(self, actives: Sequence[Active]) -> list[tuple[Reactive, Reactive]]:
        """The parts of the reactive registers that import and that export gave, where the active ones stood so."""
        if not actives:
            return []
        rows, both = np.repeat(self._rows, len(actives)), np.array(actives, dtype=np.int64)
        total = self.meters.reactive(rows, both)
        imported = self.meters.reactive(rows, both * np.array([1, 0]))
        return [
            (Reactive(*normal), Reactive(*reverse))
            for normal, reverse in zip(imported.tolist(), (total - imported).tolist(), strict=True)
        ]

    def record_time(self, now: float) -> float:
        """By which time it keeps its records (Unix s): true time, whatever its clock shows."""
        return now

    def ended(self, end: int) -> Active:
        """Active registers at the end of a period, by the time of :meth:`record_time`."""
        return self.active(end)

    def half_hour(self, now: float) -> tuple[int, Active]:
        """Stamp and registers of the newest :00 or :30."""
        end = newest_end(SLOT_SECONDS, self.record_time(now))
        return end, self.ended(end)

    def power_w(self, at: float) -> int:
        """Active power of a second in W; negative is export."""
        return int(self.meters.power(self._rows, at)[0])

    def electric(self, at: float) -> Electric:
        """All values of a second."""
        now = self.meters.instant(self._rows, at)
        (current_r, current_t), (voltage_r, voltage_t) = now.current_ma[0].tolist(), now.voltage_mv[0].tolist()
        power, reactive = int(now.power_w[0]), int(now.reactive_var[0])
        if self.high_voltage is not None:
            _, current_r, current_t = phases(power, reactive, current_r, current_t)
            voltage_r, voltage_t = terminal_voltage(voltage_r), terminal_voltage(voltage_t)
        return Electric(
            power_w=power,
            reactive_var=reactive,
            power_factor=float(now.power_factor[0]),
            current_r_ma=current_r,
            current_t_ma=current_t if self.three_wire else None,
            voltage_r_mv=voltage_r,
            voltage_t_mv=voltage_t if self.three_wire else None,
        )

    def ends(self, period: int, now: float) -> Sequence[int]:
        """Stamps of the rows of a record that are there now, oldest first; none where there is no such record."""
        own = rule(self.meter_class, self.generation, period)
        return ends_kept(own, 0, now, now) if own else ()

    def record(self, period: int, first: float, last: float, now: float) -> list[Row]:
        """Rows of the record with this period (s), stamped ``first`` to ``last``, that are there now; oldest first."""
        own = rule(self.meter_class, self.generation, period)
        if own is None:
            return []
        found = self.meters.profile(self._rows, period, first, last, now)
        has_reactive, has_voltage = "plus" in own.columns, "voltage" in own.columns
        reactive = found.reactive_varh if has_reactive else None
        voltage = found.voltage_mv if has_voltage else None
        return [
            Row(
                end=end,
                active=Active(*active),
                reactive=None if reactive is None else Reactive(*reactive[0, place].tolist()),
                voltage_r_mv=None if voltage is None else int(voltage[0, place, 0]),
                voltage_t_mv=None if voltage is None or not self.three_wire else int(voltage[0, place, 1]),
            )
            for place, (end, active) in enumerate(zip(found.ends.tolist(), found.registers_wh[0].tolist(), strict=True))
        ]

    def rows_at(self, period: int, ends: Sequence[int], now: float) -> list[Row | None]:
        """The rows with these stamps, in their order; None for those that are not there."""
        if not ends:
            return []
        rows = {row.end: row for row in self.record(period, min(ends), max(ends), now)}
        return [rows.get(end) for end in ends]

    def interrupt(self, spans: Iterable[Span], *, switched_off: bool, now: float) -> None:
        """All times in which the home had no supply, in place of those known.

        ``switched_off`` tells whether the meter's own switch is open now; a home does without it either way.
        """
        self.meters.interrupt(self.row, spans)
