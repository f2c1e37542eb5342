"""The clock of a topology: how time passes in a run, and when the run begins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bench.topology.base import Number, Table, WholeNumber
from bench.topology.problems import Fault, reject, shown
from protocols.slots import JST, SLOT_SECONDS, slot_of

_EXAMPLE = "2026-01-15T00:00"
_YEARS = range(2000, 2100)  # so that a mistyped year is found; slots would hold any


def _start(value: object) -> datetime:
    """An instant out of ISO 8601 text, in Japan Standard Time unless it says otherwise, on the half-hour."""
    try:
        given = value if isinstance(value, datetime) else datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        reject(Fault((), f"{shown(value)} is not a date and time", f"give one such as {_EXAMPLE}"))
    if given.year not in _YEARS:
        reject(Fault((), f"the year {given.year} is out of range", f"give one from {_YEARS[0]} to {_YEARS[-1]}"))
    start = (given if given.tzinfo else given.replace(tzinfo=JST)).astimezone(JST)
    if start.timestamp() % SLOT_SECONDS:
        reject(Fault((), f"{given.isoformat()} is not on the grid of half-hours", "begin at :00 or :30"))
    return start


Start: TypeAlias = Annotated[datetime, BeforeValidator(_start), WithJsonSchema({"type": "string"})]


class Clock(Table):
    """How time passes."""

    mode: Literal["virtual", "scaled", "wall"] = Field(
        description="virtual: as fast as the work allows, all processes in lock-step. scaled: `scale` times as fast "
        "as real time. wall: real time, the only mode in which real meters can take part."
    )
    start: Start = Field(
        description="Simulated time at which the run begins, ISO 8601, on a half-hour; Japan Standard Time unless "
        "it bears an offset. The registers of the twins count from here. In wall mode the run begins at once, with the "
        "half-hour that is under way, and this is not used.",
        examples=[_EXAMPLE],
    )
    scale: Annotated[Number, Field(gt=0, le=3600)] = Field(
        default=1.0, description="How many times as fast as real time; only in scaled mode, and needed there."
    )
    tick: Annotated[WholeNumber, Field(ge=1, le=SLOT_SECONDS)] = Field(
        default=10,
        description="Step of simulated time in seconds, a divisor of 1800; only in virtual mode. All that "
        "arrives is stamped with a step, so delays are rounded up to the next one.",
    )

    @property
    def first_slot(self) -> int:
        """The slot that begins at ``start``."""
        return slot_of(self.start.timestamp())

    @model_validator(mode="after")
    def _fits_mode(self) -> Self:
        faults = [
            Fault((key,), f"has no meaning in {self.mode} mode", f"remove it, or set mode: {mode}", on_key=True)
            for key, mode in (("scale", "scaled"), ("tick", "virtual"))
            if key in self.model_fields_set and self.mode != mode
        ]
        if self.mode == "scaled" and "scale" not in self.model_fields_set:
            faults.append(Fault(("scale",), "is missing", "add how many times as fast as real time, such as scale: 60"))
        if SLOT_SECONDS % self.tick:
            faults.append(Fault(("tick",), f"{self.tick} does not divide 1800", "give a divisor such as 10, 30 or 60"))
        if faults:
            reject(*faults)
        return self
