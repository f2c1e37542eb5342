"""Whether a source puts out what it was set to, by its own meters: a setting that reads back well is not yet an output.

A list that was never left, somebody at the panel, or a broken output stage look alike in the setpoint. Limits are the
source's :class:`~hil_drivers.source.Agreement`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Final

from bench.rack.errors import OutputError
from hil_drivers.errors import InstrumentError
from hil_drivers.source import AcSource, Agreement, Setting, SourceReading

_PAUSE: Final = 0.05  # real s between readings that do not agree


def settled(name: str, source: AcSource) -> SourceReading:
    """What the source reads as soon as that is what it was set to, or its time to settle is over.

    Raises InstrumentError for a protection that has tripped and for a phase that its current limit holds down,
    OutputError for an output that is off or anything else.
    """
    asked, agreement = source.setting, source.capabilities.agreement
    deadline = time.monotonic() + agreement.settle_s
    while True:
        late = time.monotonic() >= deadline  # before the reading: one that began in time does not decide
        reading = source.reading()
        if asked is None or not (wrong := list(differences(asked, reading, agreement))):
            return reading
        if late:
            break
        time.sleep(_PAUSE)
    if not source.is_on():
        raise OutputError(f"{name} was switched on, and its output is off")
    if limit := limited(asked, reading, agreement):
        raise InstrumentError(f"{name} is at its current limit, {limit:g} A: {'; '.join(wrong)}")
    raise OutputError(
        f"{name} does not put out what it was set to: {'; '.join(wrong)}. Switch it off and look at it: does it play "
        "something, did somebody use its panel?"
    )


def differences(asked: Setting, reading: SourceReading, agreement: Agreement) -> Iterator[str]:
    """What lies too far from what was asked for; a voltage that is no number does."""
    for number, (phase, volts) in enumerate(zip(asked.phases, reading.volts, strict=True), start=1):
        if not abs(volts - phase.volts) <= max(agreement.volts, phase.volts * agreement.percent / 100):
            yield f"{volts:.4g} V in phase {number}, not {phase.volts:g} V"
    if max(phase.volts for phase in asked.phases) < agreement.hertz_from_volts or not math.isfinite(reading.hertz):
        return
    if abs(reading.hertz - asked.hertz) > asked.hertz * agreement.hertz_percent / 100:
        yield f"{reading.hertz:.4g} Hz, not {asked.hertz:g} Hz"


def limited(asked: Setting, reading: SourceReading, agreement: Agreement) -> float | None:
    """The current limit, where all that is wrong are phases that it holds below their voltage; else None."""
    limit = asked.current_limit_a
    if limit is None:
        return None
    at_limit = limit * (1 - agreement.limit_percent / 100)
    phases = tuple(
        phase if amps < at_limit or volts > phase.volts else type(phase)(volts, phase.angle_deg)
        for phase, volts, amps in zip(asked.phases, reading.volts, reading.amps, strict=True)
    )
    held = Setting(phases, asked.hertz, limit)
    return limit if phases != asked.phases and not list(differences(held, reading, agreement)) else None
