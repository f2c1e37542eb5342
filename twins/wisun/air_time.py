"""How long one stick has sent within the last hour, and whether it may send on (ARIB STD-T108, ``field-network`` §1.1).

A stick stops while the longest datagram, with all its tries, might not fit: it never exceeds the limit. The sum is that
of the field's governor (:mod:`twins.field.rules.sliding`): never less than that of the sliding window.
"""

from __future__ import annotations

from twins.field.rules.parameters import SECOND
from twins.field.rules.sliding import advance, bin_of, fits_from, rings, spend
from twins.wisun.parameters import AirTimeRule


class AirTime:
    """Air time of one sender; ``now`` in simulated Unix seconds. ``total`` is all that was ever sent, in seconds."""

    def __init__(self, rule: AirTimeRule, longest: float) -> None:
        self._limit, self._window, self._longest = _ns(rule.limit_s), rule.window_s * SECOND, _ns(longest)
        self._bins, self._newest = rings(1)
        self._free_at = float("inf")
        self.total = 0.0

    def spend(self, seconds: float, now: float) -> None:
        """Account for something sent; ask :meth:`exhausted` first."""
        advance(self._bins, self._newest, 0, bin_of(_ns(now + seconds), self._window))
        spend(self._bins, self._newest, 0, _ns(seconds))
        self.total += seconds

    def exhausted(self, now: float) -> bool:
        """Whether nothing may be sent now."""
        at = _ns(now)
        advance(self._bins, self._newest, 0, bin_of(at, self._window))
        free = fits_from(self._bins, self._newest, 0, self._window, self._limit, at, self._longest)
        self._free_at = free / SECOND if free > at else float("inf")
        return free > at

    def free_at(self) -> float:
        """When a sender that was last found exhausted may send on; infinite for others."""
        return self._free_at


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
