"""What a source measures against what it was set to: where it is a fault, and where a current limit explains it."""

from __future__ import annotations

import math

import pytest

from bench.rack.agreement import differences, limited
from hil_drivers.source import Agreement, PhaseSetting, Setting, SourceReading
from hil_drivers.sources.ratings import ratings

TOLERANCE = Agreement(2.0, 2.0, 1.0, 20.0, 5.0, 1.0)


def asked(*volts: float, hertz: float = 50.0, limit: float | None = None) -> Setting:
    return Setting(tuple(PhaseSetting(each) for each in volts), hertz, limit)


def read(*volts: float, amps: float = 0.0, hertz: float = 50.0) -> SourceReading:
    return SourceReading(volts, (amps,) * len(volts), (0.0,) * len(volts), hertz)


@pytest.mark.parametrize(
    ("setting", "reading"),
    [
        (asked(100.0), read(101.9)),
        (asked(100.0), read(98.1)),
        (asked(0.0), read(1.5)),  # an output at 0 V is never quite 0
        (asked(0.0, hertz=50.0), read(0.1, hertz=0.0)),  # and has no frequency
        (asked(100.0), read(100.0, hertz=math.nan)),  # nor has one whose meter shows none
        (asked(101.0, 99.0, 0.0), read(101.1, 99.2, 0.3)),
    ],
)
def test_what_meters_and_settings_may_differ_by(setting: Setting, reading: SourceReading) -> None:
    assert list(differences(setting, reading, TOLERANCE)) == []


@pytest.mark.parametrize(
    ("setting", "reading", "words"),
    [
        (asked(0.0), read(100.1), "100.1 V in phase 1, not 0 V"),
        (asked(100.0), read(97.0), "97 V in phase 1, not 100 V"),
        (asked(100.0), read(math.nan), "nan V in phase 1, not 100 V"),
        (asked(100.0, 100.0), read(100.0, 0.0), "0 V in phase 2, not 100 V"),
        (asked(100.0, hertz=60.0), read(100.0), "50 Hz, not 60 Hz"),
    ],
)
def test_what_is_too_far_off_is_told(setting: Setting, reading: SourceReading, words: str) -> None:
    assert list(differences(setting, reading, TOLERANCE)) == [words]


def test_a_current_limit_explains_only_what_it_does() -> None:
    setting = asked(100.0, limit=5.0)
    assert limited(setting, read(80.0, amps=4.9), TOLERANCE) == 5.0
    assert limited(setting, read(80.0, amps=3.0), TOLERANCE) is None  # it is not reached
    assert limited(setting, read(120.0, amps=4.9), TOLERANCE) is None  # it raises nothing
    assert limited(setting, read(80.0, amps=4.9, hertz=60.0), TOLERANCE) is None
    assert limited(asked(100.0), read(80.0, amps=4.9), TOLERANCE) is None  # there is none


def test_every_dialect_says_how_far_it_may_be_off_and_whence_that_is() -> None:
    for rating in ratings().values():
        assert rating.agreement.source and rating.agreement.settle_s <= 2.0
        assert 0 < rating.agreement.volts < 5.0  # an output at that voltage still counts as off
