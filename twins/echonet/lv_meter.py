"""The low-voltage meter object 0x0288 of one twin: every property out of :class:`twins.meter.view.MeterView`.

Rules of this file: values are computed when they are asked for, and belong to the instant ``now`` that the caller has
set, one for all properties of a request. The only state is what a controller has set: the selections E5, ED and EF, and
the installation location 81. Times on the wire are Japan Standard Time (``meter-protocols`` §1.4).

What does not exist is *no data*: rows outside the retention or in the future, histories that were never selected, the T
leg of a 2-wire meter, the reverse half of a pair when the meter does not measure export.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from protocols.echonet.epc import CODECS
from protocols.echonet.history import (
    MINUTE,
    SLOT,
    SLOTS_PER_DAY,
    DayHistory,
    Selector,
    Series,
    Stamped,
    series_times,
    slot_times,
)
from protocols.echonet.values import Raw, Special
from protocols.errors import ProtocolError
from protocols.slots import JST, jst
from twins.meter.clock import Clocks
from twins.meter.profiles import newest_end
from twins.meter.view import Active, MeterView, Row
from twins.shard.spec import DefectKind

_ON, _NO_FAULT = b"\x30", b"\x42"
_LOCATION_NOT_SET = b"\x00"
_MA_IN_A_TENTH = 100
_UNIT_CODES = {1000: 0x00, 100: 0x01, 10: 0x02, 1: 0x03}  # E1 by Wh in a count
_SELECTORS = {0xE5: "history_day", 0xED: "selector_2", 0xEF: "selector_3"}


class LvMeter:
    """Provider of 0x0288 for one twin.

    ``now`` is the true instant (Unix s) that values belong to; who receives a request sets it. ``number`` is the
    route-B identification number (C0, 16 bytes). ``defects`` are planted faults by name; only ``wrong-sign`` shows
    here. Whether a property is in the maps is the table's matter (:func:`twins.echonet.node.table_of`), not this one's.
    """

    def __init__(self, view: MeterView, clocks: Clocks, number: bytes, defects: Collection[DefectKind] = ()) -> None:
        self.now = 0.0
        self._view, self._clocks, self._number = view, clocks, number
        self._reverse = view.has_generator
        self._sign = -1 if "wrong-sign" in defects else 1
        self._chosen: dict[int, Any] = {0xE5: Special.UNSET, 0xED: Selector(), 0xEF: Selector()}
        self._location = _LOCATION_NOT_SET
        self._changed: list[int] = []
        who, model = view.identity, view.model
        self._fixed = {
            0x80: _ON,
            0x88: _NO_FAULT,
            0x8A: who.maker,
            0x8C: CODECS["ascii_12"].encode(who.product),
            0x8D: CODECS["ascii_12"].encode(who.serial),
            0xC0: number,
            0xD3: CODECS["coefficient"].encode(1),
            0xD7: CODECS["digits"].encode(model.digits),
            0xE1: bytes([_UNIT_CODES[model.unit_wh]]),
        }
        self._computed: dict[int, tuple[str, Callable[[], Any]]] = {
            0x97: ("time", lambda: self._shown().time()),
            0x98: ("date", lambda: self._shown().date()),
            0xD0: ("stamped_registers", self._minute),
            0xE0: ("register", lambda: self._pair(view.active(self.now))[0]),
            0xE2: ("day_history", lambda: self._day(0)),
            0xE3: ("register", lambda: self._pair(view.active(self.now))[1]),
            0xE4: ("day_history", lambda: self._day(1)),
            0xE7: ("s32", lambda: self._sign * view.power_w(self.now)),
            0xE8: ("two_s16", self._currents),
            0xEA: ("stamped_register", lambda: self._half_hour(0)),
            0xEB: ("stamped_register", lambda: self._half_hour(1)),
            0xEC: ("series_2", lambda: self._series(0xED, SLOT)),
            0xEE: ("series_3", lambda: self._series(0xEF, MINUTE)),
        }

    def get(self, epc: int) -> bytes | None:
        """The property's data at ``now``; None for what such a meter has no value of."""
        if epc in self._fixed:
            return self._fixed[epc]
        if epc == 0x81:
            return self._location
        if epc in self._chosen:
            return CODECS[_SELECTORS[epc]].encode(self._chosen[epc])
        if epc in self._computed:
            codec, value = self._computed[epc]
            return CODECS[codec].encode(value())
        return None

    def set(self, epc: int, edt: bytes) -> bool:
        """Take a selection or the location; a selection that would begin before all dates is refused."""
        if epc == 0x81:
            if edt != self._location:
                self._location = edt
                self._changed.append(epc)
            return True
        if epc not in self._chosen:
            return False
        choice = CODECS[_SELECTORS[epc]].decode(edt)
        if isinstance(choice, Selector):
            try:
                series_times(choice, SLOT if epc == 0xED else MINUTE)
            except ProtocolError:
                return False
        self._chosen[epc] = choice
        return True

    def take_changes(self) -> list[int]:
        """Properties that were set to another value since this was asked last."""
        changed, self._changed = self._changed, []
        return changed

    def _pair(self, active: Active) -> tuple[Raw, Raw]:
        """Import and export as shown; a meter that does not measure export has no data there."""
        shown = self._view.counts(active.import_wh)
        return shown, self._view.counts(active.export_wh) if self._reverse else Special.NO_DATA

    def _row(self, row: Row | None) -> tuple[Raw, Raw]:
        return (Special.NO_DATA, Special.NO_DATA) if row is None else self._pair(row.active)

    def _rows(self, times: list[datetime], step: timedelta) -> list[tuple[Raw, Raw]]:
        """The rows of a record at Japanese wall-clock times."""
        ends = [int(time.replace(tzinfo=JST).timestamp()) for time in times]
        return [self._row(row) for row in self._view.rows_at(int(step.total_seconds()), ends, self.now)]

    def _half_hour(self, direction: int) -> Stamped:
        end, active = self._view.half_hour(self.now)
        return Stamped(_wall(end), (self._pair(active)[direction],))

    def _minute(self) -> Stamped:
        end = newest_end(int(MINUTE.total_seconds()), self.now)
        return Stamped(_wall(end), self._pair(self._view.active(end)))

    def _day(self, direction: int) -> DayHistory:
        day = self._chosen[0xE5]
        if day is Special.UNSET:
            return DayHistory(day, (Special.NO_DATA,) * SLOTS_PER_DAY)
        times = slot_times(_wall(self.now).date() - timedelta(days=day))
        return DayHistory(day, tuple(row[direction] for row in self._rows(times, SLOT)))

    def _series(self, selector: int, step: timedelta) -> Series:
        choice: Selector = self._chosen[selector]
        if choice.time is None:
            return Series(choice, ((Special.NO_DATA, Special.NO_DATA),) * choice.count)
        return Series(choice, tuple(self._rows(series_times(choice, step), step)))

    def _currents(self) -> tuple[Raw, Raw]:
        seen = self._view.electric(self.now)
        return _tenths(seen.current_r_ma), _tenths(seen.current_t_ma)

    def _shown(self) -> datetime:
        """What the meter's own clock shows."""
        index = np.array([self._view.index])
        return _wall(float(self._clocks.time(index, self.now)[0]))


def _wall(at: float) -> datetime:
    return jst(at).replace(tzinfo=None)


def _tenths(milliampere: int | None) -> Raw:
    return Special.NO_DATA if milliampere is None else round(milliampere / _MA_IN_A_TENTH)
