"""One group of places through all tests: what the tests share, and the order in which they are done."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bench.campaigns.metrology.apparatus import Apparatus, NoAnswerError, Register
from bench.campaigns.metrology.dosage import Dose, Pace, read_registers
from bench.campaigns.metrology.plan import Case, Group, MetrologyPlan, Note, parameter
from bench.campaigns.metrology.points import Kind, Point
from bench.campaigns.metrology.record import Row, RowVerdict
from bench.campaigns.metrology.uncertainty import decide
from bench.measure import Limit, load_limits


@dataclass
class Session:
    """The apparatus of a group, its meters that answer (``cases``), and the rows so far.

    ``idle_wh_per_h`` is what a meter was seen to count without load: it must not be blamed for that twice.
    ``references`` are the doses under reference conditions by place and power factor.
    """

    apparatus: Apparatus
    group: Group
    plan: MetrologyPlan
    note: Note
    rows: list[Row] = field(default_factory=list)
    idle_wh_per_h: dict[str, float] = field(default_factory=dict)
    references: dict[tuple[str, float], Dose] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cases: list[Case] = list(self.group.cases)

    @property
    def volts(self) -> float:
        """Rated voltage of the group."""
        return self.group.cases[0].rated.volts

    @property
    def hertz(self) -> float:
        """Rated frequency of the group."""
        return self.group.cases[0].rated.hertz

    @property
    def pace(self) -> Pace:
        """How long doses may take, and what has to be waited for."""
        rest = parameter("rest")
        return Pace(self.plan.longest_s, rest, max(rest, parameter("update") * self.plan.scale))

    def supply_rated(self) -> None:
        """Rated voltage and frequency."""
        self.apparatus.supply(self.volts, self.hertz)

    def registers(self, cases: Iterable[Case]) -> dict[str, Register]:
        """Registers of these meters; one that does not answer is left out, and its point is said to be."""
        found = read_registers(self.apparatus, [case.place for case in cases])
        return {place: register for place, register in found.items() if isinstance(register, Register)}

    def power_failures(self, case: Case) -> int | None:
        """Its count of power failures; None when it has none or does not answer."""
        try:
            return self.apparatus.power_failures(case.place)
        except NoAnswerError:
            return None

    def idle_wh(self, place: str, seconds: float) -> float:
        """The most that a meter counts in so long without load, as far as it was seen to."""
        return self.idle_wh_per_h.get(place, 0.0) * seconds / 3600

    def judge(
        self,
        case: Case,
        kind: Kind,
        point: str,
        value: float,
        *,
        bound: float = 0.0,
        low: float | None = None,
        high: float | None = None,
        **fields: Any,
    ) -> Row:
        """Add a row with the verdict on a value; limits that are not given are the measurement's own."""
        shipped = _limits()[kind]
        low, high = shipped.low if low is None else low, shipped.high if high is None else high
        verdict: Any = str(decide(value, bound, low, high))
        return self.add(case, kind, point, verdict, value=value, bound=bound, low=low, high=high, **fields)

    def skip(self, cases: Iterable[Case], kind: Kind, point: str, why: str, **fields: Any) -> None:
        """Add rows for what cannot be tested here."""
        for case in cases:
            self.add(case, kind, point, "skipped", detail=why, **fields)

    def add(self, case: Case, kind: Kind, point: str, verdict: RowVerdict, **fields: Any) -> Row:
        """Add a row; people are told unless it passed."""
        row = Row(place=case.place, meter=case.meter, kind=kind, point=point, verdict=verdict, **fields)
        self.rows.append(row)
        if verdict in ("fail", "inconclusive"):
            self.note(in_words(row))
        return row


@cache
def _limits() -> dict[str, Limit]:
    return load_limits("metrology")


def settings_of(point: Point) -> dict[str, float]:
    """What source and load were set to, as fields of a row."""
    set_to = point.stimulus
    return {
        "multiple": point.multiple,
        "volts": set_to.volts,
        "hertz": set_to.hertz,
        "amps": set_to.amps,
        "power_factor": set_to.factor,
    }


def dosed(dose: Dose, place: str) -> dict[str, float]:
    """What was counted, as fields of a row."""
    counted = dose.counted[place]
    return {
        "meter_wh": counted.wh,
        "reference_wh": dose.reference_wh,
        "resolution_wh": counted.resolution_wh,
        "analyser_percent": dose.percent,
        "seconds": dose.seconds,
    }


def in_words(row: Row) -> str:
    """One line on a row: ``lv-2: metering_error at 1 Ib, 0.5 ind: -9.17 ± 0.08, limits -1 to 1: fail``."""
    value = "" if math.isnan(row.value) else f": {row.value:.4g} ± {row.bound:.2g}{_limits_of(row)}"
    return f"{row.place}: {row.kind} at {row.point}{value}: {row.verdict}" + (f" ({row.detail})" if row.detail else "")


def _limits_of(row: Row) -> str:
    if row.low is not None and row.high is not None:
        return f", limits {row.low:.4g} to {row.high:.4g}"
    if row.high is not None:
        return f", at most {row.high:.4g}"
    return "" if row.low is None else f", at least {row.low:.4g}"
