"""The contacts of a relay board or an outlet strip: what was asked of them, and where they really are.

A contact follows what is asked after its operating time; the world looks at :meth:`Contacts.closed`. A stuck one stays
where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Heed = Callable[[int, bool, float], None]
"""Told of a change: contact, closed, from when on."""


class Contacts:
    """``count`` contacts, counted from 0, all open; ``operating_s`` may be changed at any time, infinite is never."""

    def __init__(self, count: int, operating_s: float = 0.01, heed: Heed | None = None) -> None:
        self.count, self.operating_s = count, operating_s
        self.stuck: set[int] = set()
        self._heed = heed
        self._asked = [False] * count
        self._since = [-math.inf] * count
        self._before = [False] * count

    def ask(self, number: int, closed: bool, now: float) -> None:
        """Switch a contact; asking for what is already asked changes nothing."""
        on_its_way = self._since[number] < math.inf
        if closed == self._asked[number] and on_its_way:
            return
        self._before[number] = self.closed(number, now)
        self._asked[number] = closed
        self._since[number] = math.inf if number in self.stuck else now + self.operating_s
        if self._heed is not None and number not in self.stuck:
            self._heed(number, closed, self._since[number])

    def asked(self, number: int) -> bool:
        """What was asked last."""
        return self._asked[number]

    def closed(self, number: int, now: float) -> bool:
        """Where the contact is."""
        return self._asked[number] if now >= self._since[number] else self._before[number]

    def free(self, number: int, now: float) -> None:
        """Let a stuck contact go: it stays where it is, and follows what is asked next."""
        self._asked[number] = self._before[number] = self.closed(number, now)
        self._since[number] = now
        self.stuck.discard(number)
