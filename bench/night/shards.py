"""How a night is cut into parts that do not get into each other's way."""

from __future__ import annotations

from collections.abc import Sequence

from bench.night.folder import Shard
from bench.rack.inventory import Inventory


def rack_shards(inventory: Inventory, places: Sequence[str], scale: float | None) -> list[Shard]:
    """One shard for all places that share a source, an analyser or a load: a lease of one of them holds it.

    In the order of the topology; with ``places`` only these. ``scale`` is the pace of an emulated rack.
    """
    groups: list[tuple[set[str], list[str]]] = []
    for place in inventory.places:
        if places and place not in places:
            continue
        claims, members = set(inventory.claims(place)), [place]
        for group in [each for each in groups if each[0] & claims]:
            groups.remove(group)
            claims |= group[0]
            members = [*group[1], *members]
        groups.append((claims, members))
    order = list(inventory.places)
    groups.sort(key=lambda group: min(map(order.index, group[1])))
    return [
        Shard(name=f"rack-{names[0]}", kind="rack", places=tuple(names), scale=scale)
        for names in (sorted(members, key=order.index) for _, members in groups)
    ]


def twin_shards(parts: int, kinds: Sequence[str], scale: float) -> list[Shard]:
    """The tests on twins in so many parts; with ``kinds`` only of these twin kinds."""
    return [
        Shard(name=f"twin-{part}", kind="twin", part=f"{part}/{parts}", places=tuple(kinds), scale=scale)
        for part in range(1, parts + 1)
    ]


def in_turn(shards: Sequence[Shard]) -> list[Shard]:
    """The order in which workers take them: the largest groups of places first, for they take longest."""
    return sorted(shards, key=lambda shard: (shard.kind != "rack", -len(shard.places)))
