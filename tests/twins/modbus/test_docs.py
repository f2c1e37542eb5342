"""The page that says what a twin has must say what the maps and the rules say."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from protocols.modbus.maps import KW8M, Point, RegisterMap, register_map
from twins.modbus import values

PAGE = (Path(__file__).parents[3] / "docs" / "modbus.md").read_text("utf-8")


def listed(heading: str) -> list[str]:
    """Rows of a table without their last column."""
    section = PAGE.split(f"\n## {heading}")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| at")]
    return [row.rsplit(" | ", 1)[0] for row in rows]


def row(point: Point, address: str, scale: str) -> str:
    return f"| {address} | {point.name} | {point.kind} | {point.unit} | {scale}"


def sunspec_rows(each: RegisterMap, rules: Collection[str]) -> list[str]:
    has = [point for point in each.points if point.name in rules or point.constant is not None]
    return [row(point, str(point.address), point.scale_factor or "") for point in has]


def test_the_page_lists_the_points_that_a_twin_has() -> None:
    assert listed("SunSpec common model") == sunspec_rows(register_map("sunspec_1"), values.COMMON)
    assert listed("SunSpec meter models") == sunspec_rows(register_map("sunspec_202"), values.SUNSPEC_METER)
    panel = register_map(KW8M)
    scales = {point.name: f"{Decimal(1).scaleb(point.scale)}" for point in panel.points}
    assert listed("Japanese panel meter") == [
        row(point, f"{point.address:04X}", scales[point.name]) for point in panel.points
    ]


def test_every_rule_is_of_a_point_that_exists() -> None:
    meters = {point.name for model in (201, 202, 203) for point in register_map(f"sunspec_{model}").points}
    assert values.SUNSPEC_METER.keys() <= meters
    assert values.COMMON.keys() <= {point.name for point in register_map("sunspec_1").points}
    assert values.KW8M.keys() <= {point.name for point in register_map(KW8M).points}
