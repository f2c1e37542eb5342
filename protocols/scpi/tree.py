"""Headers an instrument knows: patterns like ``[SOURce:]VOLTage[:LEVel]`` or ``OUTPut#``, found by any spelling.

In a pattern capitals are the short form of a node, ``[...]`` may be left out, ``#`` lets a number follow the node. A
number that is left out is 1. Upper and lower case of what was sent do not matter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocols.scpi.errors import ScpiError

T = TypeVar("T")

_PART = re.compile(r"\[:?([A-Za-z0-9_#:*]+?):?\]|:?([A-Za-z0-9_#*]+)")
_NUMBERED = re.compile(r"(.*?[A-Z_])(\d+)\Z")


@dataclass(slots=True)
class _Node(Generic[T]):
    numbered: bool = False
    children: dict[str, _Node[T]] = field(default_factory=dict)
    leaf: T | None = None


class Tree(Generic[T]):
    """What stands behind each header: ``Tree([(pattern, anything), ...])``."""

    def __init__(self, headers: Iterable[tuple[str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for pattern, leaf in headers:
            for nodes in _variants(pattern):
                self._add(nodes, leaf)

    def _add(self, nodes: tuple[str, ...], leaf: T) -> None:
        here = self._root
        for name in nodes:
            numbered, name = name.endswith("#"), name.rstrip("#")
            short, long = short_form(name), name.upper()
            child = here.children.get(short) or here.children.get(long) or _Node()
            child.numbered |= numbered
            here.children[short] = here.children[long] = child
            here = child
        here.leaf = leaf

    def find(self, path: Iterable[str]) -> tuple[T, tuple[int, ...]]:
        """What stands behind a header, and the numbers of its numbered nodes; raises :class:`ScpiError` -113."""
        here, numbers = self._root, []
        for sent in path:
            name = sent.upper()
            child = here.children.get(name)
            number = 1
            if child is None and (match := _NUMBERED.match(name)):
                child, number = here.children.get(match[1]), int(match[2])
                if child is not None and not child.numbered:
                    child = None
            if child is None:
                raise ScpiError(-113, ":".join(path))
            if child.numbered:
                numbers.append(number)
            here = child
        if here.leaf is None:
            raise ScpiError(-113, ":".join(path))
        return here.leaf, tuple(numbers)


def short_form(name: str) -> str:
    """The capitals of a node's name (``VOLTage`` gives ``VOLT``), with its digits."""
    return "".join(letter for letter in name if not letter.islower())


def _variants(pattern: str) -> Iterable[tuple[str, ...]]:
    """All the ways to write a pattern, as nodes: optional ones there or not."""
    choices: list[tuple[tuple[str, ...], ...]] = []
    for optional, fixed in _PART.findall(pattern):
        nodes = tuple((optional or fixed).split(":"))
        choices.append(((), nodes) if optional else (nodes,))
    return (tuple(itertools.chain(*chosen)) for chosen in itertools.product(*choices))
