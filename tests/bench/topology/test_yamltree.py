from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.topology.yamltree import YamlFault, locate, read_yaml


def plain(text: str) -> object:
    root = read_yaml(text).root
    assert root is not None
    return root.plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-012", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.INF", float("-inf")),
        ("true", True),
        ("no", "no"),
        ("10:30", "10:30"),
        ("10_000", "10_000"),
        ("2026-01-15", "2026-01-15"),
        ("'12'", "12"),
        ("", None),
        ("~", None),
        ("[]", []),
        ("{a: }", {"a": None}),
        ("1: 2", {"1": 2}),
    ],
)
def test_plain_values_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert plain(f"- {text}") == [value]


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("ab 1:#-&*[{'\"\n日", max_size=8),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex("[a-z]{1,4}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_VALUES)
def test_what_a_json_writer_writes_is_read_back(value: object) -> None:
    # JSON is YAML 1.2; ruamel's own writer is no judge here, as it leaves texts such as ': "' unquoted in flow style.
    assert plain(json.dumps(value, ensure_ascii=False)) == value
    if value not in ([], {}):
        assert plain(json.dumps(value, indent=1)) == value


def test_every_value_and_key_knows_its_place() -> None:
    root = read_yaml("a:\n  - {b: 1}\n  - c\n").root
    assert root is not None
    assert locate(root, ("a", 0, "b")).mark == (2, 9)
    assert locate(root, ("a", 1)).mark == (3, 5)
    assert locate(root, ("a", 0)).keys["b"] == (2, 6)


def test_the_place_of_what_is_not_there_is_that_of_what_would_hold_it() -> None:
    root = read_yaml("a:\n  b: 1\n").root
    assert root is not None
    assert locate(root, ("a", "x", 3)).mark == (2, 3)


def test_an_alias_is_the_value_that_it_names() -> None:
    assert plain("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


_BOMB = "a: &a [1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 50)}]\n" for a, b in pairwise("abcdefgh"))
_HARMFUL = {
    "bomb": _BOMB,
    "many values": "a: [" + "1," * 60_000 + "]",
    "[": "[" * 100_000,
    "{": "{" * 100_000,
    "-": "- " * 100_000,
    "list in itself": "a: &x [*x]",
    "mapping in itself": "a: &x {b: *x}",
    "no character": 'a: "\\UFFFFFFFF"',
    "bad tag": "a: !<%ff> 3",
}


@pytest.mark.parametrize("text", _HARMFUL.values(), ids=_HARMFUL)
def test_text_made_to_harm_is_refused(text: str) -> None:
    with pytest.raises(YamlFault):
        read_yaml(text)


def test_a_number_of_thousands_of_digits_is_no_whole_number() -> None:
    assert plain("- " + "9" * 5000) == [float("inf")]
