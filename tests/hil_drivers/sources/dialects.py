"""The source drivers by the names of their front ends."""

from __future__ import annotations

from hil_drivers.source import PhaseSetting, Setting
from hil_drivers.sources.chroma import Chroma615
from hil_drivers.sources.keysight import Keysight68
from hil_drivers.sources.kikusui import KikusuiPcr
from hil_drivers.sources.nf import NfEc
from hil_drivers.sources.scpi_source import ScpiSource

DRIVERS: dict[str, type[ScpiSource]] = {
    "kikusui-pcr": KikusuiPcr,
    "nf-ec": NfEc,
    "chroma-615xx": Chroma615,
    "keysight-68xx": Keysight68,
}
PLAYERS = [name for name in DRIVERS if name != "nf-ec"]


def volts(value: float, hertz: float = 50.0, limit: float | None = None) -> Setting:
    """A setting of one phase."""
    return Setting((PhaseSetting(value),), hertz, limit)
