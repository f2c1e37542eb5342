"""The catalogue of defects that can be planted in twins: ``catalogue.toml``, checked when it is read.

A defect is a deliberate fault by name, to prove that the bench catches it. Which code carries it out is that code's
business: who builds a twin hands it the names, and each part takes those that concern it.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

DefectKind: TypeAlias = str
"""Name of a defect in the catalogue."""


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a defect does, on which route it shows, and which requirement it breaks."""

    route: Literal["a-route", "b-route", "echonet", "dlms", "optical", "modbus", "metrology", "field"]
    requirement: str
    text: str


def _load() -> dict[DefectKind, Defect]:
    text = files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[DefectKind, Defect])


DEFECTS = _load()
"""Name to defect, in the order of the file."""
