"""The hot path: energy of many homes in a moment. Elementwise on 32-bit numbers, so it can be cut anywhere.

Rules of this file: every operation is elementwise and exactly rounded (add, multiply, compare, look up, convert), so a
home's result is bit-identical in any block, shard or processor; and results are whole Wh, so registers are exact sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twins.load.homes import HEATER_WATT, PV_KW, Homes, area_of, class_of
from twins.load.model import LoadModel
from twins.load.moment import HEATER_UNITS_PER_SLOT, NIGHT_UNITS, Manners, Moment
from twins.random import TABLE_SHIFT, mix32

Wh = NDArray[np.int32]

_ONE, _ZERO, _HALF = np.float32(1), np.float32(0), np.float32(0.5)
_TOP_BYTE = np.uint32(24)


def energy(model: LoadModel, homes: Homes, moment: Moment) -> tuple[Wh, Wh]:
    """Whole Wh imported and exported, each home against each slot of the moment.

    Columns of shape ``(n,)`` with a moment of one slot give ``(n,)``; columns ``(n, 1)`` with ``m`` slots give
    ``(n, m)``. The hash of the slot gives its 12 top bits to the noise and its 12 low bits to the clouds or, of those
    who take in lumps, to whether a lump falls into the slot, and the 8 bits between to its size; the hash of the day
    gives its 8 top bits to absence and its 16 low bits to the level of the day.
    """
    slot_bits = mix32(homes.key ^ moment.slot_salt)
    day_bits = mix32(homes.key ^ moment.day_salt)
    wh = moment.mean_wh.take(_cells(model, homes, moment, day_bits))
    wh *= homes.scale
    noise = model.slot_noise.take(slot_bits >> TABLE_SHIFT)
    noise *= moment.lively
    day_spread: Any = np.float32(model.parameters.noise.day_spread)
    if (manners := moment.manners) is not None:
        area = area_of(model, homes.kind)
        noise *= manners.noise.take(area)
        day_spread = manners.day_spread.take(area)
    noise += _ONE
    wh *= noise
    wh *= _spread(day_bits, 16, day_spread)
    if manners is not None and (rows := np.flatnonzero(manners.lump.take(area) != 0)).size:
        wh[rows] = _in_lumps(wh[rows], manners, area[rows], slot_bits[rows])
    if moment.night and (rows := np.flatnonzero(homes.heater_power != 0)).size:
        wh[rows] += _heater_wh(model, homes, rows, moment)
    np.minimum(wh, homes.contract_a * np.float32(model.parameters.contract.wh_per_ampere), out=wh)
    exported = np.zeros(wh.shape, dtype=np.int32)
    if moment.daylight and (rows := np.flatnonzero(homes.pv != 0)).size:
        net = wh[rows] - _pv_wh(model, homes, rows, moment, slot_bits[rows])
        wh[rows] = np.maximum(net, _ZERO)
        exported[rows] = _whole(np.maximum(-net, _ZERO))
    return _whole(wh), exported


def _cells(model: LoadModel, homes: Homes, moment: Moment, day_bits: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Place of each home's mean in the moment's table: its kind, moved on by one state when nobody is in."""
    absence = np.where(moment.weekend, homes.absence_weekend, homes.absence)
    nobody_in = (day_bits >> _TOP_BYTE).astype(np.uint8) < absence
    nobody_in &= homes.leave <= moment.slot_of_day
    nobody_in &= moment.slot_of_day < homes.back
    cells = nobody_in.astype(np.uint32)
    cells *= np.uint32(model.variants)
    cells += homes.kind
    return np.asarray(cells + moment.mean_offset)


def _in_lumps(
    wh: NDArray[np.float32], manners: Manners, area: NDArray[np.intp], slot_bits: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """The same mean, taken in lumps: a tap is open or it is not, and most half-hours of a night have nothing."""
    lump = manners.lump.take(area) * _spread(slot_bits >> np.uint32(12), 8, manners.lump_spread.take(area))
    chance = (slot_bits & np.uint32(0xFFF)).view(np.int32).astype(np.float32)
    chance += _HALF
    chance *= np.float32(2.0**-12)
    chance += wh / lump
    return np.asarray(chance.astype(np.int32).astype(np.float32) * lump)


def _heater_wh(model: LoadModel, homes: Homes, rows: NDArray[np.intp], moment: Moment) -> NDArray[np.float32]:
    """What the night-rate water heaters take: the overlap of the slot with each one's own hours."""
    load_class = class_of(model, homes.kind[rows])
    length = homes.heater_length[rows] * moment.heater_season.take(load_class + moment.heater_offset)
    length *= _spread(mix32(homes.key[rows] ^ moment.night_salt), 16, model.night_spread[load_class])
    start = homes.heater_start[rows].astype(np.float32)
    end = np.minimum(start + length, np.float32(NIGHT_UNITS))
    on = np.minimum(end, moment.night_unit + np.float32(HEATER_UNITS_PER_SLOT)) - np.maximum(start, moment.night_unit)
    return np.asarray(np.maximum(on, _ZERO) * (homes.heater_power[rows] * np.float32(HEATER_WATT / 12)))


def _pv_wh(
    model: LoadModel, homes: Homes, rows: NDArray[np.intp], moment: Moment, slot_bits: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """What the roofs give: the area's sky with each one's own passing clouds, never above the plant's rating."""
    per_kw = moment.sun_wh.take(area_of(model, homes.kind[rows]) + moment.sun_offset)
    per_kw *= _spread(slot_bits, 12, np.float32(model.parameters.sun.slot_spread))
    return np.asarray(np.minimum(per_kw, np.float32(500)) * (homes.pv[rows] * np.float32(PV_KW)))


def _spread(hashes: NDArray[np.uint32], bits: int, width: Any) -> NDArray[np.float32]:
    """Factors uniform within 1 ± width (float32) from the low bits of hashes."""
    # Few bits fit a signed word, whose conversion to float is a vector instruction.
    factors = (hashes & np.uint32((1 << bits) - 1)).view(np.int32).astype(np.float32)
    factors *= width * np.float32(2.0 ** (1 - bits))
    factors += _ONE - width
    return factors


def _whole(wh: NDArray[np.float32]) -> Wh:
    """Nearest whole Wh of values that are not negative."""
    return (wh + _HALF).astype(np.int32)
