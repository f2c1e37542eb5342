"""Segments at a place: checked as a whole, played by its source, followed to their end.

The envelope holds for each segment, and its volts per second for each ramp; a segment that is no ramp jumps, as dips
and interruptions are meant to. Behind the list what was set before holds again: where the list does not end there, one
more short segment goes back. A list that is over is left: else its last point would hide all that is set later.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from bench.errors import InputError
from bench.rack.agreement import settled
from bench.rack.envelopes import Envelope
from bench.rack.messages import Play
from bench.rack.rig import Rig, refuse_while_playing
from hil_drivers.errors import EnvelopeError, InstrumentError, RefusedError
from hil_drivers.registry import Kind
from hil_drivers.source import PlayState, Segment, Setting, check_segments

_BACK_S: Final = 0.1
_LATE_S: Final = 10.0  # real s beyond its own length after which a list is stuck
_LOOKS: Final = 20  # looks at a list while it runs
_PAUSE_S: Final = (0.05, 1.0)  # real s between looks, at least and at most


class Playing:
    """A list that has begun; :meth:`look` until it is ``over``, with ``pause`` real seconds between.

    Raises UnsupportedError and EnvelopeError for a list that may not or cannot be played, RefusedError where the output
    is off or another list runs; then nothing has been sent.
    """

    def __init__(self, rig: Rig, asked: Play) -> None:
        self._rig, self._source = rig, rig.source_here()
        self._name = rig.tap(Kind.SOURCE).instrument
        segments = self._checked(asked)
        self._seconds = sum(segment.seconds for segment in segments)
        self.result: dict[str, Any] = {"segments": len(segments), "seconds": self._seconds}
        self.over = False
        self.pause = min(max(self._seconds / _LOOKS, _PAUSE_S[0]), _PAUSE_S[1])
        rig.write(lambda: self._source.play(segments))
        self._deadline = time.monotonic() + self._seconds + _LATE_S

    def look(self) -> None:
        """See whether the list is over, and leave it then.

        Raises InstrumentError for one that was cut short or never ends, OutputError when what was set before does not
        hold again behind it.
        """
        playing = self._rig.write(self._source.progress).state is not PlayState.IDLE
        if playing and time.monotonic() > self._deadline:
            self._rig.write(self._source.abort)
            raise InstrumentError(f"{self._name} still plays {_LATE_S:g} s after the end of its segments; it was ended")
        if not playing and not self._rig.write(self._source.is_on):
            raise InstrumentError(f"the segments were cut short: the output of {self._name} is off")
        if not playing:
            self._rig.write(self._source.abort)
            settled(self._name, self._source)
        self.over = not playing

    def _checked(self, asked: Play) -> list[Segment]:
        """The list as the source gets it."""
        envelope = self._rig.envelope()
        check = [self._segment(number, each, envelope) for number, each in enumerate(asked.segments, start=1)]
        check_segments(check, 1, self._source.capabilities)
        before = self._source.setting
        if before is None or not self._source.is_on():
            raise RefusedError(f"{self._name} is off: segments begin and end at what is put out; switch it on first")
        refuse_while_playing(self._source)
        before = dataclasses.replace(before, current_limit_a=None)
        segments = [Segment(_filled(each.setting, before), each.seconds, each.ramp) for each in check]
        if segments[-1].setting != before:
            segments.append(Segment(before, _BACK_S))
        check_segments(segments, 1, self._source.capabilities)
        _check_ramps(before, segments, envelope)
        return segments

    def _segment(self, number: int, asked: Any, envelope: Envelope) -> Segment:
        setting = self._rig.setting(asked.volts, asked.hertz, turned=asked.angle)
        try:
            envelope.check(setting)
        except EnvelopeError as error:
            raise EnvelopeError(f"segment {number}: {error}") from None
        if not 0 < asked.seconds < float("inf"):
            raise InputError(f"segment {number}: {asked.seconds:g} s; give how long it lasts")
        return Segment(setting, asked.seconds, asked.ramp)


def _filled(setting: Setting, before: Setting) -> Setting:
    """The setting with all phases of the source; those behind the place's stay as they are."""
    return dataclasses.replace(setting, phases=setting.phases + before.phases[len(setting.phases) :])


def _check_ramps(before: Setting, segments: list[Segment], envelope: Envelope) -> None:
    for number, (start, segment) in enumerate(_ways(before, segments), start=1):
        for at, to in zip(start.phases, segment.setting.phases, strict=True):
            speed, limit = abs(to.volts - at.volts) / segment.seconds, envelope.volts_per_second
            if segment.ramp and speed > limit.value:
                raise EnvelopeError(
                    f"segment {number}: a ramp of {speed:g} V/s lies above the limit of {limit.whose}, "
                    f"{limit.value:g} V/s"
                )


def _ways(before: Setting, segments: list[Segment]) -> Iterator[tuple[Setting, Segment]]:
    """Each segment with the setting where it begins."""
    yield before, segments[0]
    for one, two in pairwise(segments):
        yield one.setting, two
