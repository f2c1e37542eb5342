"""The catalogue of defects: complete, in words, and each of them caught by some test."""

from __future__ import annotations

from pathlib import Path

import pytest

from twins.catalogue import DEFECTS

TESTS = Path(__file__).parents[1]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__))


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_planted_by_a_test(name: str) -> None:
    assert f'"{name}"' in SOURCES


def test_there_are_at_least_twelve_of_the_meters_protocols() -> None:
    assert sum(defect.route != "a-route" for defect in DEFECTS.values()) >= 12


def test_every_requirement_is_one_of_the_list() -> None:
    assert all(defect.requirement[0] in "MABXU" and defect.requirement[1:].isdigit() for defect in DEFECTS.values())
