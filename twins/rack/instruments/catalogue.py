"""The electrical instruments of the virtual rack by the names of their drivers in a topology."""

from __future__ import annotations

from typing import Final

from twins.rack.faults import FrontEnd, RackError
from twins.rack.instruments.ac_source import AcSource
from twins.rack.instruments.chroma_615 import Chroma615
from twins.rack.instruments.chroma_638 import Chroma638
from twins.rack.instruments.keysight_68 import Keysight68
from twins.rack.instruments.kikusui_pcr import KikusuiPcr
from twins.rack.instruments.nf_ec import NfEc
from twins.rack.instruments.ratings import AnalyserRating, LoadRating, SourceRating, rating
from twins.rack.instruments.yokogawa_wt import YokogawaWt
from twins.rack.world.world import World

ANALYSERS: Final = {"yokogawa-wt": YokogawaWt}
LOADS: Final = {"chroma-638xx": Chroma638}
SOURCES: Final[dict[str, type[AcSource]]] = {
    "kikusui-pcr": KikusuiPcr,
    "nf-ec": NfEc,
    "chroma-615xx": Chroma615,
    "keysight-68xx": Keysight68,
}


def front_end(model: str, world: World, pace: float = 1.0) -> FrontEnd:
    """A front end with its rating that ships; raises :class:`RackError` for a model there is not."""
    if model in SOURCES:
        return SOURCES[model](rating(model, SourceRating), world, pace)
    if model in ANALYSERS:
        return ANALYSERS[model](rating(model, AnalyserRating), world, pace)
    if model in LOADS:
        return LOADS[model](rating(model, LoadRating), world, pace)
    known = ", ".join([*SOURCES, *ANALYSERS, *LOADS])
    raise RackError(f"virtual instrument {model!r}; there are {known}")
