"""How fit a place is after something was found at it: a table, so that nobody has to guess.

What is found:

* *answered*: all its instruments answer, and are those that the topology describes (a health round).
* *silent*: an instrument does not answer (a health round, or a command).
* *stranger*: another instrument answers than the one described.
* *doubt*: whoever used it was cut off: gateway or dead-man ended the use; or its source puts out something else than it
  was set to.
* *unsafe*: its safe state was not reached, or could not be proved.
* *late*: a safe state that had not been proved now is.

Silence alone heals by itself: who was well, or never looked at, is well when all answer again. All else is mended by
people, who say so with ``bench rack health``. What people say (``maintenance`` above all) gives way to nothing but an
unsafe place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from bench.rack.leases import Cause, Fitness, Health

Found: TypeAlias = Literal["answered", "silent", "stranger", "doubt", "unsafe", "late"]

_HEALTH: Final[Mapping[Found, Health]] = {
    "answered": "good",
    "silent": "unknown",
    "stranger": "bad",
    "doubt": "unknown",
    "unsafe": "bad",
    "late": "bad",
}
"""What a place is after a finding that counts."""

_WELL: Final = frozenset[tuple[Health, Cause]]({("good", "answered"), ("good", "person"), ("unknown", "new")})
_SILENT: Final = frozenset[tuple[Health, Cause]]({("unknown", "silent")})
_DOUBTFUL: Final = frozenset[tuple[Health, Cause]]({("unknown", "doubt"), ("unknown", "person")})

_COUNTS: Final[Mapping[Found, frozenset[tuple[Health, Cause]]]] = {
    "answered": _SILENT | {("unknown", "new")},
    "silent": _WELL,
    "stranger": _WELL | _SILENT | _DOUBTFUL,
    "doubt": _WELL | _SILENT | {("unknown", "person")},
    "late": frozenset({("bad", "unsafe")}),
}
"""At which places a finding counts, by their health and what made it so; *unsafe* counts at all."""


def after(fitness: Fitness, finding: Found, reason: str, now: float) -> Fitness | None:
    """The fitness of a place after a finding; None when it changes nothing."""
    if finding != "unsafe" and (fitness.health, fitness.cause) not in _COUNTS[finding]:
        return None
    return Fitness(_HEALTH[finding], reason, now, finding)
