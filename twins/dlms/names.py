"""Logical names of the objects that several modules speak of (``meter-protocols`` §3.3)."""

from __future__ import annotations

from typing import Final


def obis(*groups: int) -> bytes:
    """A logical name of A to E, with F = 255."""
    return bytes([*groups, 255])


CLOCK: Final = obis(0, 0, 1, 0, 0)
SERIAL: Final = obis(0, 0, 96, 1, 0)
FIRMWARE: Final = obis(1, 0, 0, 2, 0)
STATUS: Final = obis(0, 0, 96, 10, 1)
EVENT_CODE: Final = obis(0, 0, 96, 11, 0)
EVENT_LOG: Final = obis(0, 0, 99, 98, 0)
POWER_FAILURES: Final = obis(0, 0, 96, 7, 21)
IMPORT_WH: Final = obis(1, 0, 1, 8, 0)
EXPORT_WH: Final = obis(1, 0, 2, 8, 0)
PLUS_VARH: Final = obis(1, 0, 3, 8, 0)
MINUS_VARH: Final = obis(1, 0, 4, 8, 0)
MAX_DEMAND: Final = obis(1, 0, 1, 6, 0)
CURRENT: Final = obis(1, 0, 11, 7, 0)
VOLTAGE_R: Final = obis(1, 0, 32, 7, 0)
VOLTAGE_T: Final = obis(1, 0, 72, 7, 0)
CURRENT_RATIO: Final = obis(1, 0, 0, 4, 2)
VOLTAGE_RATIO: Final = obis(1, 0, 0, 4, 3)
PUSH_SETUP: Final = obis(0, 0, 25, 9, 0)
LIMIT_BOOKING: Final = obis(0, 0, 15, 0, 0)
SWITCH_BOOKING: Final = obis(0, 0, 15, 0, 1)
PROFILES: Final = {1800: obis(1, 0, 99, 1, 0), 300: obis(1, 0, 99, 2, 0), 60: obis(1, 0, 99, 3, 0)}
"""Load profiles by their period in seconds."""

ATTACHED: Final = {"gas": obis(0, 1, 24, 2, 1), "water": obis(0, 2, 24, 2, 1)}
"""M-Bus values of the meters behind this one, by their class; the channels are this project's choice."""
