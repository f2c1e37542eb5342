"""What the parts of a topology are built of: the base of all tables, number types, shares, tables of known names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Strict

from bench.topology.problems import Fault, nearest, reject

SLUG = "^[a-z][a-z0-9-]*$"

# Strict, because YAML tells numbers, text and true/false apart: "3" in quotes or `yes` is a slip worth telling.
WholeNumber: TypeAlias = Annotated[int, Strict()]
Number: TypeAlias = Annotated[float, Strict()]
Share: TypeAlias = Annotated[float, Strict(), Field(ge=0, le=1)]


class Table(BaseModel):
    """Base of every mapping of a topology: its keys are known, its values do not change, its numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares that do not sum to 1. Thirds may be written as 0.333333."""
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-5:
        reject(Fault((), f"the shares sum to {total:.6g}", "make them sum to 1"))


def check_names(names: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Refuse keys that are not known; ``known`` maps each name to what it means."""
    unknown = [name for name in names if name not in known]
    if unknown:
        reject(*(Fault((name,), "is not a known key", nearest(name, list(known)), on_key=True) for name in unknown))


def known_names(known: Mapping[str, str]) -> Callable[[dict[str, Any]], None]:
    """For ``json_schema_extra``: list the known names of an open mapping, so that editors complete and explain them."""

    def extra(schema: dict[str, Any]) -> None:
        value = schema["additionalProperties"]
        schema["properties"] = {name: {**value, "description": text} for name, text in known.items()}
        schema["additionalProperties"] = False

    return extra
