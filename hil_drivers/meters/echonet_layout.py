"""Where each ECHONET Lite class keeps what the contract asks for (tables: ``protocols/echonet/data``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hil_drivers.errors import AddressError

MAKER, PRODUCT, SERIAL, STANDARD, ROUTE_B_ID = 0x8A, 0x8C, 0x8D, 0x82, 0xC0
TIME_OF_DAY, DATE = 0x97, 0x98
GET_MAP = 0x9F


@dataclass(frozen=True, slots=True)
class Layout:
    """EPCs of one class.

    ``registers`` and ``instant`` map an EPC to the fields that its numbers go to. ``days`` is the selector of day
    histories and the history of each field, ``minutes`` the selector of the one-minute history and the history (import,
    export); empty and None where the class has none. ``digits`` tells where registers wrap.
    """

    registers: Mapping[int, tuple[str, ...]]
    instant: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    day_selector: int | None = None
    days: Mapping[str, int] = field(default_factory=dict)
    minutes: tuple[int, int] | None = None
    digits: int | None = None


_BOTH: Final = ("import_wh", "export_wh")
_LEGS: Final = ("current_r_ma", "current_t_ma")

LAYOUTS: Final[Mapping[int, Layout]] = {
    0x0288: Layout(
        {0xE0: ("import_wh",), 0xE3: ("export_wh",)},
        {0xE7: ("power_w",), 0xE8: _LEGS},
        0xE5,
        {"import_wh": 0xE2, "export_wh": 0xE4},
        (0xEF, 0xEE),
        0xD7,
    ),
    0x028A: Layout({0xE2: ("import_wh",)}, {}, 0xE1, {"import_wh": 0xE7}, None, 0xE5),
    0x028F: Layout(
        {0xE2: _BOTH},
        {0xEA: ("power_w",), 0xEB: _LEGS},
        0xE1,
        {"import_wh": 0xE7, "export_wh": 0xE8},
        (0xEF, 0xED),
        0xE5,
    ),
    0x0281: Layout({0xE0: ("volume_l",)}),
    0x0282: Layout({0xE0: ("volume_l",)}),
}
"""By class code. Demand and reactive energy of high-voltage meters have no place in the contract yet."""


def layout_of(class_code: int) -> Layout:
    """The layout of a class; raises :class:`AddressError` for one that is no meter we know."""
    try:
        return LAYOUTS[class_code]
    except KeyError:
        known = ", ".join(f"{code:04X}" for code in LAYOUTS)
        raise AddressError(f"no meter class {class_code:04X}; there are {known}") from None
