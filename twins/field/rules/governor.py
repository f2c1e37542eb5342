"""The governor of one sender: whether it may send now, and if not, why and when (sans-I/O; whole nanoseconds).

Rules of this file::

    state       listen      loud     send (listened long enough)   answer
    idle        listening   idle     -                             idle
    listening   listening   busy     idle                          idle
    busy        listening   busy     -                             idle

A sender listens right before it sends; a level above the limit while it listens spoils that, and it must listen anew.
An answer within the time that the rule names after a request needs neither listening nor pause. Everything else keeps
the pause after the sender's last sending, the longest frame, and the sum of the sliding hour; whether an answer adds to
that sum is the rule's choice.
"""

from __future__ import annotations

import math
from enum import Enum

from twins.field.checks import FieldError, need
from twins.field.rules.parameters import Rule
from twins.field.rules.sliding import advance, bin_of, fits_from, rings, spend


class Refusal(Enum):
    """Why a sender may not send."""

    TOO_LONG = "the frame is longer than one may be"
    PAUSE = "the pause after the last sending is not over"
    HOUR = "the air time of the hour is used up"
    NOT_LISTENED = "the channel was not listened to long enough"
    BUSY = "the channel is in use"
    LATE = "an answer comes too long after its request"
    BEFORE = "this lies before the end of the last sending"


class Governor:
    """One sender under a rule; times are whole ns of one clock that never goes back."""

    def __init__(self, rule: Rule) -> None:
        need(0 < rule.longest <= rule.limit, "the sum must allow one longest frame")
        self.rule = rule
        self._bins, self._newest = rings(1)
        self._listening_since: int | None = None
        self._busy = False
        self._end: int | None = None  # of the last sending

    def listen(self, now: int) -> None:
        """Begin to listen (anew)."""
        self._listening_since, self._busy = now, False

    def hear(self, dbm: float) -> None:
        """A level was measured while listening; raises :class:`twins.field.checks.FieldError` for NaN."""
        need(not math.isnan(dbm), "a level must be a number in dBm, not NaN")
        if self._listening_since is not None and dbm > self.rule.level_dbm:
            self._busy = True

    def earliest(self, duration: int, now: int) -> int:
        """When a frame of ``duration`` may begin at the earliest, given that it is listened in time before that.

        Raises :class:`twins.field.checks.FieldError` for a frame that may never be sent.
        """
        need(0 < duration <= self.rule.longest, Refusal.TOO_LONG.value)
        rested = now if self._end is None else max(now, self._end + self.rule.pause)
        return self._fits_from(duration, rested)

    def refusal(self, duration: int, now: int, answers: int | None = None) -> Refusal | None:
        """Why a frame may not begin now; None if it may. ``answers``: end of the request that it answers."""
        rule = self.rule
        if not 0 < duration <= rule.longest:
            return Refusal.TOO_LONG
        if self._end is not None and now < self._end:
            return Refusal.BEFORE
        if answers is not None:
            late = not 0 <= now - answers <= rule.answer
            hour = rule.answers_count and self._full(duration, now)
            return Refusal.LATE if late else Refusal.HOUR if hour else None
        if self._end is not None and now < self._end + rule.pause:
            return Refusal.PAUSE
        if self._full(duration, now):
            return Refusal.HOUR
        if self._listening_since is None or now < self._listening_since + rule.sense:
            return Refusal.NOT_LISTENED
        return Refusal.BUSY if self._busy else None

    def send(self, duration: int, now: int, answers: int | None = None) -> None:
        """Account for a frame that begins now; raises :class:`twins.field.checks.FieldError` if it may not."""
        refusal = self.refusal(duration, now, answers)
        if refusal is not None:
            raise FieldError(f"field: {refusal.value}")
        self._end = now + duration
        self._listening_since, self._busy = None, False
        if answers is None or self.rule.answers_count:
            advance(self._bins, self._newest, 0, bin_of(self._end, self.rule.window))
            spend(self._bins, self._newest, 0, duration)

    def used(self, now: int) -> int:
        """What counts against the hour at ``now`` (not before the last sending): at least the sum of the window."""
        advance(self._bins, self._newest, 0, bin_of(now, self.rule.window))
        return int(self._bins.sum())

    def _full(self, duration: int, now: int) -> bool:
        return self._fits_from(duration, now) > now

    def _fits_from(self, duration: int, at: int) -> int:
        advance(self._bins, self._newest, 0, bin_of(at, self.rule.window))
        return int(fits_from(self._bins, self._newest, 0, self.rule.window, self.rule.limit, at, duration))
