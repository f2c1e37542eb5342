"""What a test is known by, night after night: nothing in it changes with place, machine, time or order."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import pytest

import bench
from bench.errors import InputError
from bench.night.model import Key

_SHARD: Final = re.compile(r"([1-9]\d{0,4})/([1-9]\d{0,4})", re.ASCII)
_SHIPPED: Final = Path(bench.__file__).parent


def test_id(item: pytest.Item, target: str | None) -> str:
    """pytest's node id without the target's part of its parameters.

    A suite that ships with the bench is ``suites/test_….py::…`` wherever it is installed and run from. Any other file
    outside of pytest's root is known by its name alone.
    """
    name = item.nodeid
    if item.path.is_relative_to(_SHIPPED):
        name = f"{item.path.relative_to(_SHIPPED).as_posix()}::{name.partition('::')[2]}"
    elif not item.path.is_relative_to(item.config.rootpath):  # the way there is another one from elsewhere
        name = f"{item.path.name}::{name.partition('::')[2]}"
    if target is None:
        return name
    for end in (f"[{target}]", f"-{target}]"):
        if name.endswith(end):
            return name.removesuffix(end) + ("]" if end.startswith("-") else "")
    return name


def shard_of(text: str) -> tuple[int, int]:
    """Which part of how many, of ``k/n``; raises InputError."""
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise InputError(f"--bench-shard {text}: write k/n with k from 1 to n, such as 2/3")
    return int(match[1]), int(match[2])


def in_shard(key: Key | str, part: int, parts: int) -> bool:
    """Whether a test belongs to this part; that depends on nothing else."""
    digest = hashlib.sha256(str(key).encode()).digest()
    return int.from_bytes(digest[:8], "big") % parts == part - 1
