"""Too frequent requests: slowed first, then refused (requirement B6).

Rules of this file: a request that comes within the burst is served at once. One that comes faster waits, and those that
wait are served in their order at the sustained pace. When as many wait as may, further ones are dropped without a word,
for ECHONET Lite has no answer that says *busy*; they are counted. In any ``t`` seconds at most
``burst + t · per_second`` are served (the generic cell rate algorithm).
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from protocols.echonet.frame import Esv
from twins.route_b.limits import Pace

Request = TypeVar("Request")

_ROUNDING = 1e-6  # s, so that a sum of intervals does not come out late
_ESV = 10  # where a frame has its service
_CONFIRMATION = bytes([Esv.INFC_RES])


def is_confirmation(payload: bytes) -> bool:
    """Whether a datagram is an INFC_Res: it asks for nothing, and does not count."""
    return payload[_ESV : _ESV + 1] == _CONFIRMATION


class RequestQueue(Generic[Request]):
    """The requests to one meter. Times are real seconds of any monotonic clock; ``refused`` counts dropped requests."""

    __slots__ = ("_depth", "_earliest", "_interval", "_slack", "_waiting", "refused")

    def __init__(self, pace: Pace) -> None:
        self._interval = 1 / pace.per_second
        self._slack = (pace.burst - 1) * self._interval
        self._depth = pace.waiting
        self._earliest = float("-inf")  # when the next request may be served
        self._waiting: deque[Request] = deque()
        self.refused = 0

    @property
    def next_due(self) -> float:
        """When :meth:`due` has something; infinite while nothing waits."""
        return self._earliest if self._waiting else float("inf")

    def offer(self, request: Request, now: float) -> bool:
        """Whether a request is served at once; if not it waits for :meth:`due`, or is refused."""
        if not self._waiting and now >= self._earliest - _ROUNDING:
            self._served(now)
            return True
        if len(self._waiting) < self._depth:
            self._waiting.append(request)
        else:
            self.refused += 1
        return False

    def due(self, now: float) -> list[Request]:
        """Take the requests whose turn has come, in their order."""
        found = []
        while self._waiting and now >= self._earliest - _ROUNDING:
            found.append(self._waiting.popleft())
            self._served(self._earliest)
        return found

    def _served(self, at: float) -> None:
        self._earliest = max(self._earliest, at - self._slack) + self._interval

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
