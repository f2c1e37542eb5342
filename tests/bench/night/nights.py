"""Nights as a rack of eight places and two kinds of twins would give them: outcomes, errors of measurement with the
noise of a real bench, delays, counts of lost frames; what is planted is planted here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bench.night.model import FORMAT, Incident, Key, Kind, Night, Outcome, Result, Value

PLACES = ("lv-1", "lv-2", "lv-3", "lv-4", "lv-5", "lv-6", "hv-1", "next-1")
TWINS = ("lv", "hv")
WHERE: tuple[tuple[Kind, str], ...] = (*(("rack", place) for place in PLACES), *(("twin", kind) for kind in TWINS))

REGISTERS = "bench/suites/test_registers.py::test_registers_survive_a_power_cut"
CLOCK = "bench/suites/test_clock.py::test_the_clock_keeps_time"
COLLECTION = "bench/suites/test_collection.py::test_every_value_arrives"
ACCURACY = "bench/suites/test_metrology.py::test_error"
POINTS = tuple(f"{amps}In-{factor}" for amps in ("0.05", "0.1", "0.5", "1", "4") for factor in ("1", "0.5L", "0.8C"))
NOISE = 0.02  # %, standard deviation of an error from one night to the next at currents that are not small

Change = Callable[[dict[str, Any]], None]


def metrology(point: str) -> str:
    """Id of the accuracy test at a point."""
    return f"{ACCURACY}[{point}]"


def night(
    number: int,
    seed: int = 1,
    *,
    outcomes: Mapping[Key, Outcome] | None = None,
    gain: Mapping[str, float] | None = None,
    flaky: tuple[Key, ...] = (),
    incidents: tuple[Incident, ...] = (),
    without: tuple[Key, ...] = (),
    **fields: Any,
) -> Night:
    """Night ``number`` of the lab ``seed``. ``outcomes`` replace pass, ``gain`` adds per cent to the errors of places,
    ``without`` leaves tests out; a meter whose error leaves its limits fails its test, as it would in reality."""
    started = datetime(2026, 11, 1, 17, tzinfo=UTC) + timedelta(days=number)  # 02:00 in Japan
    values = _values(number, seed, gain or {})
    outside = {value.key for value in values if not _within(value)}
    results = []
    for kind, place in WHERE:
        for test in (REGISTERS, CLOCK, COLLECTION, *map(metrology, POINTS)):
            key = Key(test, kind, place)
            outcome = (outcomes or {}).get(key, "fail" if key in outside else "pass")
            if key not in without:
                results.append(
                    Result(
                        test=test,
                        kind=kind,
                        place=place,
                        outcome=outcome,
                        flaky=key in flaky,
                        attempts=2 if key in flaky else 1,
                        seconds=1.5,
                        requirements=("M11",) if test != COLLECTION else ("A5", "M1"),
                        message="" if outcome == "pass" else f"assert {outcome}",
                    )
                )
    defaults: dict[str, Any] = {
        "format": FORMAT,
        "night": f"{started:%Y%m%d}-rack",
        "started": started.isoformat().replace("+00:00", "Z"),
        "topology": "rack",
        "topology_sha256": "ab" * 32,
        "git": "c0ffee",
        "environment": {"python": "3.11.7"},
        "verdict": "pass",
    }
    kept = tuple(value for value in values if value.key not in without)
    return Night(**(defaults | fields), results=tuple(results), values=kept, incidents=incidents)


def nights(count: int, seed: int = 1) -> list[Night]:
    """Clean nights, newest first."""
    return [night(number, seed) for number in reversed(range(count))]


def keys(*tests: str, kind: Kind = "rack", place: str = "lv-1") -> list[Key]:
    """Identities of tests at one place."""
    return [Key(test, kind, place) for test in tests]


def _values(number: int, seed: int, gain: Mapping[str, float]) -> list[Value]:
    hidden = np.random.default_rng((seed, 0)).normal(0, 0.25, (len(WHERE), len(POINTS)))
    noise = np.random.default_rng((seed, 1, number))
    found = []
    for row, (kind, place) in enumerate(WHERE):
        limit = 0.5 if "hv" in place else 2.0
        scale = NOISE / 2 if "hv" in place else NOISE  # a better meter counts in smaller steps
        for column, point in enumerate(POINTS):
            small = 2.0 if point.startswith("0.05") else 1.0  # noisier, and wider limits
            error = 0.4 * limit * hidden[row, column] + gain.get(place, 0.0)
            if kind == "rack":
                error += noise.normal(0, scale * small)
            width = limit * (1.25 if small > 1 else 1.0)
            common = {"kind": kind, "place": place, "unit": "%", "low": -width, "high": width, "resolution": 0.001}
            found.append(Value(test=metrology(point), name="error", value=round(float(error), 3), **common))
        delay = 900.0 + (noise.normal(0, 20) if kind == "rack" else 0.0)
        common = {"test": COLLECTION, "kind": kind, "place": place}
        found.append(Value(**common, name="delay_p99", value=float(delay), unit="s", high=3600.0))
        lost = float(noise.poisson(0.3)) if kind == "rack" else 0.0
        found.append(Value(**common, name="lost_frames", value=lost, unit="frames", counted=True))
    return found


def _within(value: Value) -> bool:
    return (value.low is None or value.value >= value.low) and (value.high is None or value.value <= value.high)
