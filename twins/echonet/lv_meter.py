"""The low-voltage meter object 0x0288 of one twin: every property out of :class:`twins.meter.view.MeterView`."""

from __future__ import annotations

from collections.abc import Collection

from protocols.echonet.history import MINUTE, SLOT
from protocols.echonet.values import Raw, Special
from twins.echonet.meter_object import UNIT_CODES, MeterObject
from twins.meter.clock import Clocks
from twins.meter.view import MeterView

_DAY, _SELECTOR_2, _SELECTOR_3 = 0xE5, 0xED, 0xEF
_MA_IN_A_TENTH = 100


class LvMeter(MeterObject):
    """Provider of 0x0288 for one twin. ``number`` is the route-B identification number (C0, 16 bytes).

    Beside what shows in all registers, the planted defect ``wrong-sign`` shows here.
    """

    def __init__(self, view: MeterView, clocks: Clocks, number: bytes, defects: Collection[str] = ()) -> None:
        selectors = {_DAY: "history_day", _SELECTOR_2: "selector_2", _SELECTOR_3: "selector_3"}
        super().__init__(view, clocks, defects, selectors)
        self._sign = -1 if "wrong-sign" in defects else 1
        self.fixed |= {
            0xC0: number,
            0xD3: self.encoded("coefficient", 1),
            0xD7: self.encoded("digits", view.model.digits),
            0xE1: UNIT_CODES[view.model.unit_wh],
        }
        self.computed |= {
            0xD0: ("stamped_registers", self.at_minute),
            0xE0: ("register", lambda: self.normal(view.active(self.now))),
            0xE2: ("day_history", lambda: self.day_history(_DAY, self.normal)),
            0xE3: ("register", lambda: self.reverse(view.active(self.now))),
            0xE4: ("day_history", lambda: self.day_history(_DAY, self.reverse)),
            0xE7: ("s32", lambda: self._sign * view.power_w(self.now)),
            0xE8: ("two_s16", self._currents),
            0xEA: ("stamped_register", lambda: self.at_half_hour(self.normal)),
            0xEB: ("stamped_register", lambda: self.at_half_hour(self.reverse)),
            0xEC: ("series_2", lambda: self.series(_SELECTOR_2, SLOT)),
            0xEE: ("series_3", lambda: self.series(_SELECTOR_3, MINUTE)),
        }

    def _currents(self) -> tuple[Raw, Raw]:
        """Of the legs R and T in tenths of an ampere; a 2-wire meter has no T leg."""
        seen = self.view.electric(self.now)
        return _tenths(seen.current_r_ma), _tenths(seen.current_t_ma)


def _tenths(milliampere: int | None) -> Raw:
    return Special.NO_DATA if milliampere is None else round(milliampere / _MA_IN_A_TENTH)
