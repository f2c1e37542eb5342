"""What a twin measures, as COSEM objects: registers, power, currents, voltages, maximum demand.

Registers travel with 8 digits (requirement M8). Power is signed in 16.7.0 alone; 1.7.0 and 2.7.0 are import and export,
currents are magnitudes. A 2-wire meter has no second leg, and no objects of one. A high-voltage meter counts behind its
transformers, and states their ratios. Gas and water meters are seen through their host, in m³.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

from protocols.dlms.axdr import Data, DataType, octets
from protocols.dlms.clock import DateTime
from protocols.dlms.objects import Attr, CosemObject
from protocols.dlms.profile import REGISTER_SPAN
from protocols.dlms.roles import IDENTIFIED
from protocols.dlms.values import scaler_unit, uint8, uint16, uint32
from protocols.slots import JST, SLOT_SECONDS, jst, slot_of
from twins.device.device import Device
from twins.dlms import names
from twins.dlms.names import obis
from twins.meter.view import MeterView

_WH, _VARH, _W, _A, _V, _CUBIC_METRE = 30, 32, 27, 33, 35, 13
_MILLI = -3


def instruments(device: Device) -> list[CosemObject]:
    """The registers of a device."""
    view = device.view

    def electric(name: str) -> Callable[[], Data]:
        return lambda: uint32(abs(getattr(view.electric(device.now), name)))

    def power(sign: int) -> Callable[[], Data]:
        return lambda: uint32(max(sign * view.power_w(device.now), 0))

    found = [
        _register(names.IMPORT_WH, lambda: _energy(view.active(device.now).import_wh), _WH),
        _register(names.EXPORT_WH, lambda: _energy(view.active(device.now).export_wh), _WH),
        _register(names.PLUS_VARH, lambda: _energy(view.reactive(device.now).plus_varh), _VARH),
        _register(names.MINUS_VARH, lambda: _energy(view.reactive(device.now).minus_varh), _VARH),
        _register(obis(1, 0, 1, 7, 0), power(1), _W),
        _register(obis(1, 0, 2, 7, 0), power(-1), _W),
        _register(obis(1, 0, 16, 7, 0), lambda: Data(DataType.INT32, view.power_w(device.now)), _W),
        _register(names.CURRENT, lambda: uint16(device.current_a()), _A),
        _register(obis(1, 0, 31, 7, 0), electric("current_r_ma"), _A, _MILLI),
        _register(obis(1, 0, 32, 7, 0), electric("voltage_r_mv"), _V, _MILLI),
        _demand(device),
    ]
    if view.high_voltage is not None:
        current, whole = view.high_voltage.current_ratio, view.high_voltage.ratio
        found += [_ratio(names.CURRENT_RATIO, current), _ratio(names.VOLTAGE_RATIO, whole // current)]
    if view.three_wire:
        found += [
            _register(obis(1, 0, 71, 7, 0), electric("current_t_ma"), _A, _MILLI),
            _register(obis(1, 0, 72, 7, 0), electric("voltage_t_mv"), _V, _MILLI),
        ]
    return found


def attached_meters(device: Device, views: Sequence[MeterView]) -> list[CosemObject]:
    """The newest half-hour of gas and water meters, one M-Bus value a class (``meter-protocols`` §3.3)."""
    return [_attached(device, view) for view in views if view.meter_class in names.ATTACHED]


def _attached(device: Device, view: MeterView) -> CosemObject:
    def value() -> Data:
        return _energy(view.half_hour(device.now)[1].import_wh)

    def captured() -> Data:
        return octets(DateTime.from_unix(view.half_hour(device.now)[0]).to_bytes())

    return _extended(names.ATTACHED[view.meter_class], value, _CUBIC_METRE, _MILLI, captured)


def _ratio(name: bytes, ratio: int) -> CosemObject:
    return CosemObject(1, name, {"value": Attr(uint32(ratio), read=IDENTIFIED)})


def _energy(counted: int) -> Data:
    return uint32(counted % REGISTER_SPAN)


def _register(name: bytes, value: Callable[[], Data], unit: int, scaler: int = 0) -> CosemObject:
    unit_of = Attr(scaler_unit(scaler, unit), read=IDENTIFIED)
    return CosemObject(3, name, {"value": Attr(value, read=IDENTIFIED), "scaler_unit": unit_of})


def _demand(device: Device) -> CosemObject:
    """Highest mean import power of a half-hour since the month began, with the end of that half-hour."""

    @lru_cache(1)
    def of_slot(slot: int) -> tuple[int, int]:
        return highest_demand(device.view, slot)

    def value() -> Data:
        return uint32(of_slot(slot_of(device.view.record_time(device.now)))[0])

    def captured() -> Data:
        return octets(DateTime.from_unix(of_slot(slot_of(device.view.record_time(device.now)))[1]).to_bytes())

    return _extended(names.MAX_DEMAND, value, _W, 0, captured)


def _extended(
    name: bytes, value: Callable[[], Data], unit: int, scaler: int, captured: Callable[[], Data]
) -> CosemObject:
    return CosemObject(
        4,
        name,
        {
            "value": Attr(value, read=IDENTIFIED),
            "scaler_unit": Attr(scaler_unit(scaler, unit), read=IDENTIFIED),
            "status": Attr(uint8(0), read=IDENTIFIED),
            "capture_time": Attr(captured, read=IDENTIFIED),
        },
    )


def highest_demand(view: MeterView, slot: int) -> tuple[int, int]:
    """Mean W of the half-hour with most import in the month so far, and its end; ``slot`` is the running one.

    In the first half-hour of a month it is 0, captured at the month's begin.
    """
    now = slot * SLOT_SECONDS
    today = jst(now)
    begin = int(today.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=JST).timestamp())
    rows = view.record(SLOT_SECONDS, begin, now, now)
    used = [
        (2 * (after.active.import_wh - before.active.import_wh), after.end)
        for before, after in itertools.pairwise(rows)
    ]
    return max(used, key=lambda found: (found[0], -found[1]), default=(0, begin))
