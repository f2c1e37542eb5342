"""The meter objects of gas 0x0282 and water 0x0281 of one twin.

Neither has a selector or a time: a history is that of the last 24 hours. That its oldest value comes first is an
assumption (``docs/echonet.md``).
"""

from __future__ import annotations

from collections.abc import Collection

from protocols.echonet.values import Raw
from twins.echonet.meter_object import UNIT_CODES, MeterObject
from twins.meter.clock import Clocks
from twins.meter.view import MeterView

_RUNNING_WATER, _NOT_ABNORMAL = b"\x30", b"\x42"


class VolumeMeter(MeterObject):
    """What both have: the volume, and its last 48 half-hours, in litres."""

    def __init__(self, view: MeterView, clocks: Clocks, _number: bytes, defects: Collection[str] = ()) -> None:
        super().__init__(view, clocks, defects)
        self.computed |= {
            0xE0: ("register_9", lambda: self.normal(view.active(self.now))),
            0xE2: ("history_9", self._history),
        }

    def _history(self) -> tuple[Raw, ...]:
        return tuple(map(self.normal, self.registers.last_day(self.now)))


class GasMeter(VolumeMeter):
    """Provider of 0x0282 for one twin: its unit is fixed by the class."""


class WaterMeter(VolumeMeter):
    """Provider of 0x0281 for one twin."""

    def __init__(self, view: MeterView, clocks: Clocks, number: bytes, defects: Collection[str] = ()) -> None:
        super().__init__(view, clocks, number, defects)
        self.fixed |= {0xD0: _RUNNING_WATER, 0xE1: UNIT_CODES[view.model.unit_wh], 0xE3: _NOT_ABNORMAL}
        self.computed |= {0xE7: self.computed[0xE2]}  # its unit is that of E2: litres
