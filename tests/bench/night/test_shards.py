"""How a night is cut into shards."""

from __future__ import annotations

from pathlib import Path

from bench.night.shards import in_turn, rack_shards, twin_shards
from bench.pytest_plugin.identity import in_shard, shard_of
from bench.rack.inventory import read_inventory

RACK = Path(__file__).parents[3] / "topologies" / "rack.yaml"


def test_places_that_share_an_instrument_are_one_shard() -> None:
    shards = rack_shards(read_inventory(RACK), (), 60.0)
    assert [(shard.name, shard.places) for shard in shards] == [
        ("rack-lv-1", ("lv-1", "lv-2", "lv-3", "lv-4")),
        ("rack-next-1", ("next-1", "next-2")),
        ("rack-hv-1", ("hv-1",)),
        ("rack-gas-1", ("gas-1",)),
    ]
    assert {shard.scale for shard in shards} == {60.0}


def test_no_two_shards_claim_the_same() -> None:
    inventory = read_inventory(RACK)
    claims = [
        frozenset().union(*(inventory.claims(place) for place in shard.places))
        for shard in rack_shards(inventory, (), None)
    ]
    assert sum(map(len, claims)) == len(frozenset().union(*claims))


def test_only_the_places_that_are_wanted() -> None:
    shards = rack_shards(read_inventory(RACK), ("lv-3", "hv-1"), None)
    assert [shard.places for shard in shards] == [("lv-3",), ("hv-1",)]


def test_every_test_on_twins_is_in_one_part() -> None:
    shards = twin_shards(3, (), 60.0)
    for number in range(50):
        parts = [in_shard(f"suites/test_a.py::test_{number}", *shard_of(shard.part)) for shard in shards]
        assert sum(parts) == 1


def test_the_largest_groups_of_places_begin() -> None:
    shards = [*twin_shards(2, (), 60.0), *reversed(rack_shards(read_inventory(RACK), (), 60.0))]
    names = [shard.name for shard in in_turn(shards)]
    assert names[:2] == ["rack-lv-1", "rack-next-1"]
    assert names[-2:] == ["twin-1", "twin-2"]
