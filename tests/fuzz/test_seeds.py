"""Every kept input, and some thousand mutated ones, without the fuzzer: answered, refused or passed over."""

from __future__ import annotations

import pytest

from tests.fuzz.mutants import mutants
from tests.fuzz.seeds import seeds_of
from tests.fuzz.target import Target, joined, pieces
from tests.fuzz.targets import all_targets

TARGETS = [target for _, target in all_targets().values()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_seed_and_no_mutant_of_one_hurts(target: Target) -> None:
    seeds = seeds_of(target)
    for data in (b"", *seeds, *mutants(seeds, 2 * target.inputs, target.longest, target.name)):
        try:
            target.run(data)
        except Exception as error:
            error.add_note(f"input of {target.name}: {data.hex()}")
            raise


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_fuzzer_can_be_given_every_seed(target: Target) -> None:
    assert {seed for seed in seeds_of(target) if len(seed) > target.longest} == set()


def test_an_input_is_the_pieces_it_was_joined_of() -> None:
    parts = [(0, b""), (7, b"x" * 0xEF), (255, b"y" * 0xF0), (1, b"z" * 4095)]
    assert list(pieces(joined(*parts))) == parts
