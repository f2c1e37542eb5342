"""Rules of the B-route above the frames, read from ``data/route_b.toml``, where each names its source.

Waiting times, the controller's start-up order, the half-hour notification, the repeats of a confirmed one, the largest
frame, and the services that a class accepts (requirement B5).
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from protocols.echonet.frame import REQUESTS, Esv


@dataclass(frozen=True, slots=True)
class Repeats:
    """How a confirmed notification is repeated: ``sends`` times in all, ``period`` seconds apart."""

    sends: int
    period: float


@dataclass(frozen=True, slots=True)
class HalfHourNotification:
    """What a meter of a class sends of its own accord after :00 and :30, and within how many seconds."""

    properties: tuple[int, ...]
    within: float


def _read() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "data" / "route_b.toml").read_text("utf-8"))


_RULES = _read()

REPEATS = Repeats(_RULES["confirmed_notification"]["sends"], _RULES["confirmed_notification"]["period_s"])
STARTUP_READS: tuple[tuple[int, ...], ...] = tuple(map(tuple, _RULES["startup"]["reads"]))
MAX_FRAME_BYTES: int = _RULES["frame"]["max_bytes"]


def response_wait(epcs: Collection[int]) -> float:
    """Seconds that a controller waits for the answer to a request for these properties (trap 22: 20 or 60, not 5)."""
    wait = _RULES["response_wait"]
    if len(epcs) > 1 or set(epcs) & set(wait["slow_properties"]):
        return float(wait["several_properties_s"])
    return float(wait["one_property_s"])


@cache
def half_hour_notification(class_code: int) -> HalfHourNotification | None:
    """What objects of this class tell; None for classes without a rule, which tell nothing."""
    for rule in _RULES["half_hour_notification"].values():
        if class_code in rule["classes"]:
            return HalfHourNotification(tuple(rule["properties"]), rule["within_s"])
    return None


HALF_HOUR_WITHIN: float = max(rule["within_s"] for rule in _RULES["half_hour_notification"].values())
"""Seconds after which no meter of any class tells a half-hour for the first time."""


@cache
def accepted_services(class_code: int) -> frozenset[Esv]:
    """The request services that an object of this class serves; classes without a rule serve all."""
    for rule in _RULES["services"].values():
        if class_code in rule["classes"]:
            return frozenset(map(Esv, rule["accepted"]))
    return frozenset(REQUESTS)
