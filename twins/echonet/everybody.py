"""Who hears what a twin says to everybody: the multicast group on UDP, the controllers on the radio, whoever joins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Medium: TypeAlias = Callable[[int, bytes], None]
"""Sends a frame of the twin at a place among the served ones to everybody on one medium."""


class Everybody:
    """All media of the served twins; a twin is one node, so what it tells all is told on each of them."""

    def __init__(self) -> None:
        self._media: list[Medium] = []

    def add(self, medium: Medium) -> None:
        """Let a medium carry what is for everybody."""
        self._media.append(medium)

    def say(self, place: int, data: bytes, *, besides: Medium | None = None) -> None:
        """Send a frame on every medium, but for one."""
        for medium in self._media:
            if medium != besides:
                medium(place, data)
