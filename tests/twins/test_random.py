from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from twins.random import TABLE_SHIFT, keys, lognormal_table, mix32, salt, salts, unit

MASK = 0xFFFFFFFF


def unmix(word: int) -> int:
    """The inverse of mix32, step by step backwards: it exists, so mix32 is one-to-one."""
    word ^= word >> 16
    word = word * pow(0x846CA68B, -1, 1 << 32) & MASK
    word ^= word >> 15 ^ word >> 30
    word = word * pow(0x7FEB352D, -1, 1 << 32) & MASK
    return word ^ word >> 16


@given(hnp.arrays(np.uint32, 8))
def test_mixing_can_be_undone_so_it_is_one_to_one(words: np.ndarray) -> None:
    before = words.copy()
    assert [unmix(int(mixed)) for mixed in mix32(words)] == words.tolist()
    assert (words == before).all()


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 20_000))
def test_no_two_meters_share_a_key(seed: int, first: int) -> None:
    drawn = keys(seed, np.arange(first, first + 20_000))
    assert len(np.unique(drawn)) == 20_000


def test_no_two_slots_of_a_decade_share_a_salt() -> None:
    assert len(np.unique(salts(salt(1, "slot"), np.arange(10 * 17_568)))) == 10 * 17_568


def test_a_salt_depends_on_seed_and_on_every_word() -> None:
    drawn = [
        salt(1, "slot"),
        salt(2, "slot"),
        salt(1, "day"),
        salt(1, "slot", 0),
        salt(1, "slot", 1),
        salt(1, 1, "slot"),
    ]
    assert len({int(value) for value in drawn}) == len(drawn)


def test_every_bit_of_an_index_moves_every_bit_of_its_hash_half_of_the_time() -> None:
    words = mix32(np.arange(20_000, dtype=np.uint32))
    for bit in range(32):
        flipped = mix32(words ^ np.uint32(1 << bit)) ^ mix32(words)
        changed = (flipped[:, None] >> np.arange(32, dtype=np.uint32) & 1).mean(axis=0)
        assert np.abs(changed - 0.5).max() < 0.03, f"input bit {bit}"


def test_hashes_fill_the_unit_interval_evenly() -> None:
    counts = np.bincount((unit(keys(5, np.arange(512_000))) * 512).astype(int), minlength=512)
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert 511 - 5 * 32 < chi_square < 511 + 5 * 32  # mean 511, standard deviation 32
    extremes = unit(np.array([0, MASK], dtype=np.uint32))
    assert 0 < extremes[0] < extremes[1] < 1


@pytest.mark.parametrize("lag", [1, 2, 250, 4096])
def test_neighbouring_meters_do_not_resemble_each_other(lag: int) -> None:
    noise = unit(mix32(keys(3, np.arange(200_000)) ^ salt(3, "slot")))
    assert abs(np.corrcoef(noise[:-lag], noise[lag:])[0, 1]) < 5 / np.sqrt(len(noise))


@pytest.mark.parametrize("lag", [1, 2, 48, 336])
def test_successive_slots_of_one_meter_do_not_resemble_each_other(lag: int) -> None:
    noise = unit(mix32(keys(3, np.array([77])) ^ salts(salt(3, "slot"), np.arange(200_000))))
    assert abs(np.corrcoef(noise[:-lag], noise[lag:])[0, 1]) < 5 / np.sqrt(len(noise))


@pytest.mark.parametrize("sigma", [0.1, 0.5, 0.8])
def test_a_quantile_table_has_mean_one_and_the_spread_asked_for(sigma: float) -> None:
    table = lognormal_table(sigma)
    assert (np.diff(table) > 0).all()
    assert table.mean(dtype=float) == pytest.approx(1, abs=1e-6)
    assert np.log(table.astype(float)).std() == pytest.approx(sigma, rel=0.01)
    drawn = table[keys(9, np.arange(100_000)) >> TABLE_SHIFT]
    assert drawn.mean() == pytest.approx(1, abs=5 * sigma * 1.3 / np.sqrt(100_000))
