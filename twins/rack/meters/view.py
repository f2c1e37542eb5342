"""An emulated meter as any front end asks a twin: a twin's identity and past, the world's metrology since its birth.

Rules of this file:

* Until the world was born everything is the twin's: its registers then, its rows before. Since then the registers are
  those and whole Wh of what the emulated meter has counted, and the rows are those that it kept.
* Rows are stamped by the meter's own clock; where it is behind true time, rows that it keeps go before the twin's.
* How many legs it has is the wiring of its place, not the twin's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from protocols.slots import SLOT_SECONDS
from twins.meter.interruptions import Span
from twins.meter.parameters import profile_parameters
from twins.meter.profiles import newest_end, rule
from twins.meter.view import Active, Electric, MeterView, Reactive, Row
from twins.plan import MeterClass
from twins.rack.world.meter import EmulatedMeter
from twins.rack.world.registers import Keep, Kept, Registers
from twins.rack.world.wiring import WIRINGS

_MINUTES = Keep(60, 3600 + 60)  # whatever its class keeps, ECHONET Lite asks for the newest minute
_TOLD = (_MINUTES.period_s, SLOT_SECONDS)
"""Periods at whose ends registers are asked for by themselves."""

_MILLI = 1000
_LEAST_FACTOR = 0.001  # a meter shows three digits, and its readers divide by them


def keeps_of(meter_class: MeterClass, generation: str) -> tuple[Keep, ...]:
    """The records that a meter of this kind has."""
    rules = profile_parameters().profile
    own = {each.period: each.keep for each in rules if (each.meter_class, each.generation) == (meter_class, generation)}
    own[_MINUTES.period_s] = max(own.get(_MINUTES.period_s, 0), _MINUTES.keep_s)
    return tuple(Keep(period, keep) for period, keep in own.items())


class EmulatedView(MeterView):
    """``meter`` is the emulated one that has this ``twin``'s identity, contract and past."""

    def __init__(self, twin: MeterView, meter: EmulatedMeter) -> None:
        super().__init__(twin.meters, twin.row)
        self.meter = meter
        self.three_wire = len(WIRINGS[meter.spec.wiring]) > 1
        self._born = meter.born
        self._past_until = min(meter.born, meter.clock(meter.born))
        self._base, self._base_varh = super().active(meter.born), super().reactive(meter.born)

    def exact(self, now: float) -> Registers:
        """The registers as they really stand now, with the parts of a Wh that nobody is shown."""
        self.meter.world.advance(now)
        base = (*self._base, *self._base_varh)
        return Registers(*(before + since for before, since in zip(base, self.meter.registers, strict=True)))

    def active(self, at: float) -> Active:
        """Active registers now; at an instant before the world's birth the twin's."""
        if at < self._born:
            return super().active(at)
        self.meter.world.advance(at)
        return self._active(self.meter.registers)

    def reactive(self, at: float) -> Reactive:
        """Reactive registers now; at an instant before the world's birth the twin's."""
        if at < self._born:
            return super().reactive(at)
        self.meter.world.advance(at)
        return self._reactive(self.meter.registers)

    def reactive_by_direction(self, actives: Sequence[Active]) -> list[tuple[Reactive, Reactive]]:
        """The same as the twin's; found among what was kept, by what the active registers showed."""
        before = super().reactive_by_direction([min(active, self._base) for active in actives])
        known = {self._active(kept.registers): kept.registers for kept in self._all_kept()}
        found = []
        for active, (normal, reverse) in zip(actives, before, strict=True):
            since = known.get(active, self.meter.registers) if active > self._base else Registers()
            plus, minus = math.floor(since.plus_varh), math.floor(since.minus_varh)
            found.append((Reactive(normal.plus_varh + plus, normal.minus_varh + minus), reverse))
        return found

    def record_time(self, now: float) -> float:
        """By which time it keeps its records: its own clock's."""
        return self.meter.clock(now)

    def ended(self, end: int) -> Active:
        """Active registers at the end of a period; while it is down they stand still."""
        if end <= self._past_until:
            return super().ended(end)
        records = [self.meter.records[period].rows for period in _TOLD]
        for rows in records:
            if end in rows:
                return self._active(rows[end].registers)
        newest = [(max((stamp for stamp in rows if stamp < end), default=0), rows) for rows in records]
        known = [(at, registers) for at, registers in self.meter.stood if at <= end]
        known += [(stamp, rows[stamp].registers) for stamp, rows in newest if stamp]
        return self._active(max(known, key=lambda row: row[0])[1]) if known else self._base

    def half_hour(self, now: float) -> tuple[int, Active]:
        """Stamp and registers of the newest :00 or :30 of its clock."""
        self.meter.world.advance(now)
        return super().half_hour(now)

    def power_w(self, at: float) -> int:
        """Active power of now in W; negative is export."""
        return round(self.meter.instant(at).watts)

    def electric(self, at: float) -> Electric:
        """All values of now; legs are the elements of its wiring."""
        seen = self.meter.instant(at)
        apparent = math.hypot(seen.watts, seen.vars)
        milliampere = [round(math.copysign(amps * _MILLI, seen.watts)) for amps in seen.amps]
        millivolt = [round(volts * _MILLI) for volts in seen.volts]
        return Electric(
            power_w=round(seen.watts),
            reactive_var=round(seen.vars),
            power_factor=max(abs(seen.watts) / apparent, _LEAST_FACTOR) if apparent else 1.0,
            current_r_ma=milliampere[0],
            current_t_ma=milliampere[1] if self.three_wire else None,
            voltage_r_mv=millivolt[0],
            voltage_t_mv=millivolt[1] if self.three_wire else None,
        )

    def ends(self, period: int, now: float) -> Sequence[int]:
        """Stamps of the rows of a record that are there now, oldest first."""
        past = [end for end in super().ends(period, now) if end <= self._past_until]
        return past + [row.end for row in self._kept(period, -math.inf, math.inf, now)]

    def record(self, period: int, first: float, last: float, now: float) -> list[Row]:
        """Rows of the record with this period (s), stamped ``first`` to ``last``, that are there now; oldest first."""
        past = super().record(period, first, min(last, self._past_until), now)
        return past + self._kept(period, first, last, now)

    def interrupt(self, spans: Iterable[Span], *, switched_off: bool, now: float) -> None:
        """Its own switch, which the world's load goes through; what the line does, the world knows by itself."""
        self.meter.switch(not switched_off, now)

    def _kept(self, period: int, first: float, last: float, now: float) -> list[Row]:
        own = rule(self.meter_class, self.generation, period)
        if own is None:
            return []
        self.meter.world.advance(now)
        oldest = newest_end(period, self.record_time(now)) - own.keep
        rows = self.meter.records[period].rows
        return [self._row(end, rows[end], own.columns) for end in sorted(rows) if first <= end <= last and end > oldest]

    def _row(self, end: int, kept: Kept, columns: Sequence[str]) -> Row:
        volts = [round(volts * _MILLI) for volts in kept.volts] if "voltage" in columns else []
        return Row(
            end=end,
            active=self._active(kept.registers),
            reactive=self._reactive(kept.registers) if "plus" in columns else None,
            voltage_r_mv=volts[0] if volts else None,
            voltage_t_mv=volts[1] if len(volts) > 1 else None,
        )

    def _all_kept(self) -> Iterable[Kept]:
        return (row for period in _TOLD for row in self.meter.records[period].rows.values())

    def _active(self, since: Registers) -> Active:
        base = self._base
        return Active(base.import_wh + math.floor(since.import_wh), base.export_wh + math.floor(since.export_wh))

    def _reactive(self, since: Registers) -> Reactive:
        base = self._base_varh
        return Reactive(base.plus_varh + math.floor(since.plus_varh), base.minus_varh + math.floor(since.minus_varh))
