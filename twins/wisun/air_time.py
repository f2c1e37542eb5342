"""How long one stick has sent within the last hour, and whether it may send on (ARIB STD-T108, ``field-network`` §1.1).

Sending is summed up by the minute. A minute counts until all of it lies outside the window, so the sum is never less
than that of the sliding window. A stick stops while the longest datagram might not fit: it never exceeds the limit.
"""

from __future__ import annotations

from collections import deque

from twins.wisun.parameters import AirTimeRule

_MINUTE = 60


class AirTime:
    """Air time of one sender; ``now`` in simulated Unix seconds. ``total`` is all that was ever sent, in seconds."""

    def __init__(self, rule: AirTimeRule, longest: float) -> None:
        self._rule, self._longest = rule, longest
        self._minutes: deque[tuple[int, float]] = deque()  # minute, seconds sent in it
        self._used = 0.0
        self.total = 0.0

    def spend(self, seconds: float, now: float) -> None:
        """Account for something sent; ask :meth:`exhausted` first."""
        minute = int(now // _MINUTE)
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + seconds)
        else:
            self._minutes.append((minute, seconds))
        self._used += seconds
        self.total += seconds

    def exhausted(self, now: float) -> bool:
        """Whether nothing may be sent now."""
        while self._minutes and self._leaves(self._minutes[0][0]) <= now:
            self._used -= self._minutes.popleft()[1]
        if not self._minutes:
            self._used = 0.0  # no remainder of rounding
        return self._used + self._longest > self._rule.limit_s

    def free_at(self) -> float:
        """When something leaves the window next: the earliest that an exhausted sender may send on."""
        return self._leaves(self._minutes[0][0]) if self._minutes else float("inf")

    def _leaves(self, minute: int) -> float:
        return (minute + 1) * _MINUTE + self._rule.window_s
