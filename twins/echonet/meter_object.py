"""What all meter objects have in common: the properties of every device, selections, the installation location.

Rules of this file: values are computed when they are asked for, and belong to the instant ``now`` that the caller has
set, one for all properties of a request. The only state is what a controller has set: selections, and the location 81.
A class of meters adds the properties of its own in ``fixed`` and ``computed``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from protocols.echonet.history import MINUTE, SLOT, DayHistory, Selector, Series, Stamped, series_times
from protocols.echonet.values import Raw, Special
from protocols.errors import ProtocolError
from twins.echonet.registers import Registers, wall
from twins.meter.clock import Clocks
from twins.meter.view import Active, MeterView

UNIT_CODES = {1000: b"\x00", 100: b"\x01", 10: b"\x02", 1: b"\x03"}
"""Code of an energy or volume unit by the base units (Wh, W, litres) in a count."""

_ON, _NO_FAULT = b"\x30", b"\x42"
_LOCATION, _LOCATION_NOT_SET = 0x81, b"\x00"
_NEVER_CHOSEN: Mapping[str, Any] = {
    "history_day": Special.UNSET,
    "selector_2": Selector(),
    "selector_3": Selector(),
}
_STEPS = {"selector_2": SLOT, "selector_3": MINUTE}


class MeterObject:
    """Provider of one meter object (:class:`protocols.echonet.objects.Provider`).

    ``now`` is the true instant (Unix s) that values belong to; who receives a request sets it. ``selectors`` maps the
    class's selectors to their data types. ``defects`` are planted faults by name. Whether a property is in the maps is
    the table's matter (:mod:`twins.echonet.kinds`), not this one's.
    """

    def __init__(
        self, view: MeterView, clocks: Clocks, defects: Collection[str] = (), selectors: Mapping[int, str] | None = None
    ) -> None:
        self.now = 0.0
        self.view = view
        self.registers = Registers(view, defects)
        self._clocks = clocks
        self._codecs = self.registers.codecs
        self._selectors = selectors or {}
        self._chosen = {epc: _NEVER_CHOSEN[name] for epc, name in self._selectors.items()}
        self._location = _LOCATION_NOT_SET
        self._changed: list[int] = []
        who = view.identity
        self.fixed = {
            0x80: _ON,
            0x88: _NO_FAULT,
            0x8A: who.maker,
            0x8C: self.encoded("ascii_12", who.product),
            0x8D: self.encoded("ascii_12", who.serial),
        }
        self.computed: dict[int, tuple[str, Callable[[], Any]]] = {
            0x97: ("time", lambda: self._shown().time()),
            0x98: ("date", lambda: self._shown().date()),
        }

    def get(self, epc: int) -> bytes | None:
        """The property's data at ``now``; None for what such a meter has no value of."""
        if epc in self.fixed:
            return self.fixed[epc]
        if epc == _LOCATION:
            return self._location
        if epc in self._chosen:
            return self.encoded(self._selectors[epc], self._chosen[epc])
        if epc in self.computed:
            codec, value = self.computed[epc]
            return self.encoded(codec, value())
        return None

    def set(self, epc: int, edt: bytes) -> bool:
        """Take a selection or the location; a selection that would begin before all dates is refused."""
        if epc == _LOCATION:
            if edt != self._location:
                self._location = edt
                self._changed.append(epc)
            return True
        if epc not in self._chosen:
            return False
        name = self._selectors[epc]
        choice = self._codecs[name].decode(edt)
        if isinstance(choice, Selector):
            try:
                series_times(choice, _STEPS[name])
            except ProtocolError:
                return False
        self._chosen[epc] = choice
        return True

    def take_changes(self) -> list[int]:
        """Properties that were set to another value since this was asked last."""
        changed, self._changed = self._changed, []
        return changed

    def encoded(self, codec: str, value: Any) -> bytes:
        """A value in one of the data types that the tables name."""
        return self._codecs[codec].encode(value)

    def chosen_day(self, selector: int) -> Raw:
        """The day that a selector stands at."""
        day: Raw = self._chosen[selector]
        return day

    def day_history(self, selector: int, tell: Callable[[Active | None], Raw]) -> DayHistory:
        """What ``tell`` makes of the registers of the selected day."""
        day = self.chosen_day(selector)
        return DayHistory(day, tuple(map(tell, self.registers.day(day, self.now))))

    def series(self, selector: int, step: timedelta) -> Series:
        """The registers of both directions at the selected instants."""
        choice: Selector = self._chosen[selector]
        return Series(choice, tuple(map(self.registers.pair, self.registers.series(choice, step, self.now))))

    def normal(self, active: Active | None) -> Raw:
        """The register of the normal direction."""
        return self.registers.pair(active)[0]

    def reverse(self, active: Active | None) -> Raw:
        """The register of the reverse direction."""
        return self.registers.pair(active)[1]

    def at_half_hour(self, *tell: Callable[[Active | None], Raw]) -> Stamped:
        """Registers at the newest :00 or :30 with its time."""
        at = self.registers.half_hour(self.now)
        return Stamped(at.time, tuple(each(at.active) for each in tell))

    def at_minute(self) -> Stamped:
        """Registers of both directions at the newest full minute with its time."""
        at = self.registers.minute(self.now)
        return Stamped(at.time, self.registers.pair(at.active))

    def _shown(self) -> datetime:
        """What the meter's own clock shows."""
        return wall(self._clocks.of(self.view.index, self.now))
