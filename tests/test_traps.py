"""Each trap of the reference on meter protocols is held by tests that exist and run (``traps.toml``)."""

from __future__ import annotations

import pytest

from tests.named import complaints, entries

TRAPS = entries("traps.toml", "trap")


def test_all_23_traps_are_there_in_their_order() -> None:
    assert [trap["number"] for trap in TRAPS] == list(range(1, 24))
    assert all(trap["text"] and trap["tests"] for trap in TRAPS)


@pytest.mark.parametrize("number", range(1, 24))
def test_the_tests_of_a_trap_exist_and_run(number: int) -> None:
    assert complaints(TRAPS[number - 1]["tests"]) == []


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("tests/no_such_file.py::test_x", "no such file"),
        ("tests/test_traps.py::test_x", "no such test"),
        ("tests/named.py::complaints", ""),
    ],
)
def test_a_name_that_leads_nowhere_is_found(test: str, complaint: str) -> None:
    assert complaints([test]) == ([f"{test}: {complaint}"] if complaint else [])
