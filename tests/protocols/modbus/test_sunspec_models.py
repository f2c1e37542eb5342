"""Our tables against the models that pysunspec2 ships."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from protocols.modbus.maps import Point, register_map

TYPES = {"uint16": "u16", "int16": "s16", "acc32": "acc32", "bitfield32": "bitfield32", "sunssf": "sunssf"}
TYPES |= {"string": "string", "pad": "pad"}


def theirs(model: int) -> list[tuple[Any, ...]]:
    text = (resources.files("sunspec2") / "models" / "json" / f"model_{model}.json").read_text("utf-8")
    rows, offset = [], 0
    for row in json.loads(text)["group"]["points"]:
        rows.append((row["name"], offset, TYPES[row["type"]], row["size"], row.get("units", ""), row.get("sf")))
        offset += row["size"]
    return rows


def ours(point: Point) -> tuple[Any, ...]:
    return (point.name, point.address, point.kind, point.words, point.unit, point.scale_factor)


@pytest.mark.parametrize("model", [1, 201, 202, 203])
def test_names_offsets_types_units_and_scale_factors_are_those_of_the_published_models(model: int) -> None:
    assert [ours(point) for point in register_map(f"sunspec_{model}").points] == theirs(model)
