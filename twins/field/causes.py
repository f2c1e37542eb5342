"""Why a message did not arrive: one cause each, so that the causes add up to all that is missing."""

from __future__ import annotations

from typing import Final

from twins.field.checks import known

ARRIVED: Final = 0

CAUSES: Final = (
    "arrived",
    "out of reach",  # no way to the concentrator
    "signal too weak",  # lost in noise alone
    "collision",  # another frame was too loud
    "receiver busy",  # it sent, listened elsewhere or followed another frame
    "channel busy",  # carrier sense never found it free
    "queue full",
    "air time used up",  # the legal sum of the hour
    "under way",  # still on its way when it was given up
    "jammed",
    "link shaded",  # by a door or a truck
    "not joined",  # the meter had no place in the network
    "without power",
    "went in a circle",  # nodes took each other for the way
    "not needed",  # it had come by then
    "coverage",  # 1:N: no cell heard it
    "line noise",  # power line
    "wide-area link",  # between concentrator and head-end
    "imposed",  # the topology's `loss`
    "silent meter",  # a planted defect: it was never sent
    "shard down",  # metered while its process was away
    "not heard in the flood",  # a block that is sent to everybody, and acknowledged by nobody
)
"""Names by code. Codes stand in passages and counts, names in files: add at the end, never between."""

_ENGINE = {
    "no route": "out of reach",
    "receiver busy with another frame": "receiver busy",
    "channel never free": "channel busy",
}


def code(name: str) -> int:
    """The code of a cause; raises :class:`twins.field.checks.FieldError` for names that are none."""
    return CAUSES.index(known(name, CAUSES))


def of_engine(outcome: str) -> str:
    """The cause that an outcome of the event engine is; raises :class:`twins.field.checks.FieldError` for others."""
    return CAUSES[code(_ENGINE.get(outcome, outcome))]


OUT_OF_REACH: Final = code("out of reach")
COVERAGE: Final = code("coverage")
LINE_NOISE: Final = code("line noise")
WIDE_AREA: Final = code("wide-area link")
IMPOSED: Final = code("imposed")
SILENT: Final = code("silent meter")
DOWN: Final = code("shard down")
