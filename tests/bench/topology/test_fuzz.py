from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bench.topology import LoadedTopology, TopologyError, load_topology
from tests.bench.topology.broken import BROKEN, SOUND

_SEEDS = [
    SOUND,
    *(broken.text for broken in BROKEN),
    (Path(__file__).parents[3] / "topologies" / "demo.yaml").read_text("utf-8"),
]
_SCRAPS = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "- ",
        "\n",
        "  ",
        "\t",
        "&a ",
        "*a",
        "!!x ",
        "|",
        ">",
        "'",
        '"',
        "\\",
        "#",
        "? ",
        "%",
        "@",
    ),
    *("-1", ".inf", "1e999", "null", "true", "\x00", "\ufeff", "\x85", "日本", '"\\ud800"', "<<: ", "---\n", "...\n"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(_SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = start + draw(st.integers(0, 12))
        scrap = draw(st.sampled_from(_SCRAPS) | st.text(max_size=4) | st.just(text[stop : stop + 40]))
        text = text[:start] + scrap + text[stop:]
    return text


def loaded(path: Path) -> LoadedTopology | TopologyError:
    try:
        return load_topology(path)
    except TopologyError as error:
        lines = str(error).split("\n")
        assert len(lines) == len(error.problems) > 0
        for line, problem in zip(lines, error.problems, strict=True):
            assert line.isprintable()
            line.encode()
            assert problem.line >= 1 <= problem.column
        return error


@settings(max_examples=150, deadline=None)
@given(text=mutated())
def test_mutated_text_is_a_topology_or_a_list_of_problems(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded(path)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_topology_or_a_list_of_problems(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    assert isinstance(loaded(path), TopologyError)


_WORDS = st.sampled_from(
    ["name", "clock", "areas", "bus", "broker", "mode", "start", "kind", "meters", "late", "external", "virtual"]
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(
    key=st.sampled_from(["name", "seed", "clock", "bus", "areas", "head_end", "engine", "campaigns", "defects"]),
    value=_ANYTHING,
)
def test_any_value_at_any_key_is_a_topology_or_a_list_of_problems(
    key: str, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.StringIO()
    content = {**YAML(typ="safe", pure=True).load(SOUND), key: value}
    content["clock"] = value if key == "clock" else {"mode": "virtual", "start": "2026-01-15T00:00"}
    YAML(typ="safe", pure=True).dump(content, stream)
    path = tmp_path_factory.getbasetemp() / "values.yaml"
    path.write_text(stream.getvalue(), encoding="utf-8")
    loaded(path)
