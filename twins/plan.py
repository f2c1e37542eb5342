"""The fleet's plan: who exists and where they stand, before any twin is built.

The plan is the contract between the bench (which makes it from a topology) and the processes that act on it: every
shard and the head-end get the same plan and agree on the *index* of each meter, ``0 … meters - 1``, area by area and
concentrator by concentrator. Nothing here is random.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

MAKER = b"TWN"  # three-letter maker code of a twin's system title; not a registered FLAG id
HEAD_END_TITLE = b"TWNHES\x00\x01"  # system title of the head-end: the IV space it counts in


MeterClass: TypeAlias = Literal["LV", "HV", "gas", "water"]
"""What a meter measures, and where: low-voltage or high-voltage electricity, city gas, water."""

METER_CLASSES: tuple[MeterClass, ...] = get_args(MeterClass)


class AreaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One area: a utility's piece of field with one medium, one class of meters and one mix of customers.

    ``through`` names the LV area whose meters read those of this one (:mod:`twins.hosts`); empty when none do.
    """

    name: str
    utility: str
    medium: str
    concentrators: int
    meters_per_concentrator: int
    generation_mix: dict[str, float]
    load_mix: dict[str, float]
    pv_share: float
    meter_class: MeterClass = "LV"
    through: str = ""

    @property
    def meters(self) -> int:
        """Meters in the area."""
        return self.concentrators * self.meters_per_concentrator


class FleetPlan(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """All areas, the seed, and the slot from which the twins' registers count."""

    seed: int
    first_slot: int
    areas: tuple[AreaPlan, ...]

    @property
    def meters(self) -> int:
        """Meters in the whole fleet."""
        return int(self._first_meter[-1])

    @property
    def concentrators(self) -> int:
        """Concentrators in the whole fleet."""
        return int(self._first_concentrator[-1])

    @property
    def meter_classes(self) -> frozenset[MeterClass]:
        """Classes of meters that there are."""
        return frozenset(area.meter_class for area in self.areas)

    @cached_property
    def _first_meter(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum([area.meters for area in self.areas], dtype=np.int64)])

    @cached_property
    def _first_concentrator(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum([area.concentrators for area in self.areas], dtype=np.int64)])

    def area_of(self, index: NDArray[Any]) -> NDArray[np.int64]:
        """Position in ``areas`` of each meter index."""
        return np.searchsorted(self._first_meter, index, side="right") - 1

    def concentrator_of(self, index: NDArray[Any]) -> NDArray[np.int64]:
        """Fleet-wide concentrator number of each meter index."""
        area = self.area_of(index)
        size = np.array([a.meters_per_concentrator for a in self.areas], dtype=np.int64)
        return self._first_concentrator[area] + (index - self._first_meter[area]) // size[area]

    def class_of(self, index: int) -> MeterClass:
        """Class of the meter with this index."""
        return self.areas[int(self.area_of(np.array([index]))[0])].meter_class

    def first_meter_of_area(self, area: int) -> int:
        """Index of the first meter of an area."""
        return int(self._first_meter[area])

    def first_concentrator_of_area(self, area: int) -> int:
        """Fleet-wide number of the first concentrator of an area."""
        return int(self._first_concentrator[area])


def meter_id(index: int) -> str:
    """Id of a twin, as printed and as used in topics: ``TWN000000000042``."""
    return f"{MAKER.decode()}{index:012d}"


def system_title(index: int) -> bytes:
    """DLMS system title of a twin as it travels: maker code (3 bytes) then the serial number (5 bytes)."""
    return MAKER + index.to_bytes(5, "big")


def system_titles(index: NDArray[Any]) -> NDArray[np.uint64]:
    """System titles of many twins, as the numbers that their bytes are in big-endian order."""
    return (np.uint64(int.from_bytes(MAKER, "big")) << np.uint64(40)) | index.astype(np.uint64)


def concentrator_id(number: int) -> str:
    """Id of a concentrator by its fleet-wide number: ``c000007``."""
    return f"c{number:06d}"
