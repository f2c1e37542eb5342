"""Logical names of a meter's objects (``meter-protocols`` §3.3), by what the contract calls their values.

Two conventions are not the standard's: reserved changes stand in the single-action schedules 0.0.15.0.0 (limit) and
0.0.15.0.1 (switch), and run a script of the table 0.0.10.0.107 (script n sets n ampere) or 0.0.10.0.106 (1 opens, 2
closes the switch).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hil_drivers.meter import Action, ProfileRow
from protocols.dlms.apdu import Attribute
from protocols.dlms.roles import SECURITY_SETUP


def obis(text: str) -> bytes:
    """A logical name from its usual form without the last group, which is 255: ``1.0.1.8.0``."""
    return bytes([*map(int, text.split(".")), 255])


CLOCK: Final = Attribute(8, obis("0.0.1.0.0"), 2)
IDENTITY: Final = {
    "serial": Attribute(1, obis("0.0.96.1.0"), 2),
    "firmware": Attribute(1, obis("1.0.0.2.0"), 2),
    "device_name": Attribute(1, obis("0.0.42.0.0"), 2),
    "system_title": Attribute(64, SECURITY_SETUP, 5),
}
ENERGIES: Final = {
    "import_wh": obis("1.0.1.8.0"),
    "export_wh": obis("1.0.2.8.0"),
    "plus_varh": obis("1.0.3.8.0"),
    "minus_varh": obis("1.0.4.8.0"),
}
PRESENT: Final = {
    "power_w": obis("1.0.16.7.0"),
    "import_w": obis("1.0.1.7.0"),
    "export_w": obis("1.0.2.7.0"),
    "current_r_ma": obis("1.0.31.7.0"),
    "current_t_ma": obis("1.0.71.7.0"),
    "voltage_r_mv": obis("1.0.32.7.0"),
    "voltage_t_mv": obis("1.0.72.7.0"),
}
COLUMNS: Final[Mapping[bytes, str]] = {
    name: field for field, name in (ENERGIES | PRESENT).items() if field in ProfileRow.__dataclass_fields__
}
"""Logical name of a register to its field in a row of a profile."""

PROFILES: Final[Mapping[int, bytes]] = {1800: obis("1.0.99.1.0"), 300: obis("1.0.99.2.0"), 60: obis("1.0.99.3.0")}
"""Period in seconds to the profile."""

STATUS: Final = obis("0.0.96.10.1")
"""Status of a profile's row, as a column."""

EVENT_LOG: Final = obis("0.0.99.98.0")
EVENT_CODE: Final = obis("0.0.96.11.0")
POWER_FAILURES: Final = Attribute(1, obis("0.0.96.7.21"), 2)
ATTACHED: Final = {"gas": obis("0.1.24.2.1"), "water": obis("0.2.24.2.1")}
"""M-Bus values of meters behind this one; which channel is which is this project's choice."""

SWITCH: Final = obis("0.0.96.3.10")
LIMITER: Final = obis("0.0.17.0.0")
IMAGE: Final = obis("0.0.44.0.0")

LIMIT_SCHEDULE: Final = obis("0.0.15.0.0")
SWITCH_SCHEDULE: Final = obis("0.0.15.0.1")
LIMIT_SCRIPTS: Final = obis("0.0.10.0.107")
SWITCH_SCRIPTS: Final = obis("0.0.10.0.106")
SWITCH_SELECTORS: Final[Mapping[Action, int]] = {Action.OPEN: 1, Action.CLOSE: 2}
