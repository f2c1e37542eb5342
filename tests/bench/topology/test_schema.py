from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bench.topology import load_topology
from bench.topology.reference import MINIMAL, markdown
from bench.topology.schema import expected, resolved, schema_text, topology_schema
from tests.bench.topology.broken import BROKEN, SOUND

ROOT = Path(__file__).parents[3]
VALIDATOR = jsonschema.Draft202012Validator(topology_schema())


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_is_a_draft_2020_12_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(topology_schema())
    assert topology_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_shipped_schema_is_the_one_that_the_model_makes() -> None:
    assert (ROOT / "topologies" / "topology.schema.json").read_text("utf-8") == schema_text(), (
        "bench schema > topologies/topology.schema.json"
    )


def test_the_reference_page_is_the_one_that_the_schema_makes() -> None:
    assert (ROOT / "docs" / "topology.md").read_text("utf-8") == markdown(), (
        "bench schema --markdown > docs/topology.md"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_topologies_are_sound_by_schema_and_by_loader(path: Path) -> None:
    # A start is text to us; this reader would make a date of it, as editors do not.
    VALIDATOR.validate(_with_text_start(parsed(path.read_text("utf-8"))))
    load_topology(path)


def test_a_radio_mode_may_be_written_as_a_number_in_an_editor_too() -> None:
    mode = topology_schema()["$defs"]["FieldSettings"]["properties"]["mode"]
    modes = jsonschema.Draft202012Validator(mode)
    assert [word for word in ("1b", "3", 3, "5", 5, 7, "6", True) if modes.is_valid(word)] == ["1b", "3", 3, "5", 5]
    assert expected(mode) == "1b, 2b, 3, 4b or 5"


def _with_text_start(content: Any) -> Any:
    content["clock"]["start"] = str(content["clock"]["start"])
    return content


def test_the_smallest_topology_of_the_reference_page_is_sound(tmp_path: Path) -> None:
    (tmp_path / "hamlet.yaml").write_text(MINIMAL, encoding="utf-8")
    assert load_topology(tmp_path / "hamlet.yaml").topology.meters == 20


_SHAPES = [
    *(
        "an unknown key",
        "a missing key",
        "a missing broker",
        "text for a number",
        "a quoted number",
        "true for a number",
    ),
    *(
        "a list for a mapping",
        "a negative count",
        "too many meters",
        "no shards",
        "an unknown medium",
        "an unknown broker",
    ),
    *("an unknown load class", "an unknown measurement", "minutes for a silent meter", "late by how much", "no areas"),
]


@pytest.mark.parametrize("title", _SHAPES)
def test_an_editor_marks_by_the_schema_what_the_loader_refuses(title: str) -> None:
    (broken,) = (broken for broken in BROKEN if broken.title == title)
    assert not VALIDATOR.is_valid(_with_text_start(parsed(broken.text)))
    assert VALIDATOR.is_valid(_with_text_start(parsed(SOUND)))


def _parts(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [part for item in schema for part in _parts(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(part for value in schema.values() for part in _parts(value))]


def test_every_key_of_every_mapping_is_described() -> None:
    tables = [part for part in _parts(topology_schema()) if isinstance(part.get("properties"), dict)]
    assert len(tables) > 12
    for table in tables:
        for key, value in table["properties"].items():
            assert resolved(value).get("description"), key


@given(st.integers(-5, 5), st.integers(6, 9))
def test_ranges_are_told_in_words(low: int, high: int) -> None:
    assert expected({"type": "integer", "minimum": low, "maximum": high}) == f"a whole number from {low} to {high}"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number"}, "a number"),
        ({"type": "number", "exclusiveMinimum": 0}, "a number above 0"),
        ({"type": "number", "maximum": 1}, "a number of at most 1"),
        ({"enum": ["a", "b", "c"]}, "a, b or c"),
        ({"const": "a"}, "a"),
        ({"anyOf": [{"type": "integer"}, {"const": "auto"}]}, "a whole number or auto"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, "a mapping with b"),
    ],
)
def test_what_is_expected_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert expected(schema) == words
