"""Each vector of the reference on meter protocols is held by tests that have its bytes (``vectors.toml``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.named import complaints, entries, texts_of

VECTORS = entries("vectors.toml", "vector")
ORIGINS = {"captured", "published", "spec-derived"}


def test_each_vector_says_where_it_is_from_and_who_holds_it() -> None:
    names = [(vector["section"], vector["name"]) for vector in VECTORS]
    assert len(set(names)) == len(names)
    assert {vector["section"].split(".")[0] for vector in VECTORS} == {"1", "2", "3", "6"}
    assert {vector["verified"] for vector in VECTORS} == ORIGINS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['section']} {vector['name']}")
def test_the_tests_of_a_vector_exist_run_and_have_its_bytes(vector: dict[str, Any]) -> None:
    assert complaints(vector["tests"]) == []
    wire = vector["wire"].upper()
    for test in vector["tests"]:
        assert any(wire in text for text in texts_of(test.partition("::")[0])), f"{test} does not have {wire}"
