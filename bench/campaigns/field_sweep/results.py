"""What sweeps mean: shifts against theory and twins, slopes, residuals of the link table, and the pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.campaigns.field_sweep.sweep import Plan, Sweep
from bench.campaigns.field_sweep.theory import Shift, fitted_shift, level_fit, lost, twin_lost
from bench.measure import Limit, Measurement, Verdict, judge, load_limits, load_parameters
from bench.record.exhibits import Curve, CurvesExhibit, Exhibit, Panel, TableExhibit

_SETTINGS_PER_DB: Final = 10
_TWIN_STEP: Final = 0.5  # dB between levels at which twins are run
_MOST_PANELS: Final = 9


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one place's sweep says; None where it does not."""

    place: str
    meter: str
    at_zero_dbm: float | None
    slope: float | None
    loss_shift_db: float | None
    loss_shift_bound_db: float | None
    twin_shift_db: float | None
    field_loss_db: float | None
    field_setting_db: float | None
    field_rounding_db: float | None
    link_residual_db: float | None
    join_s: float | None
    requests: int
    fault: str


class Twins:
    """The curve of lost requests of two twins over the level, run once at the levels around the edge."""

    def __init__(self, tries: int, seed: int) -> None:
        self._tries = tries
        steps = np.arange(-120.0, -80.0, _TWIN_STEP)
        chance = lost(steps, tries)
        edge = steps[(chance > 1e-3) & (chance < 1 - 1e-3)]
        self.levels = np.arange(edge[0] - 1, edge[-1] + 1 + _TWIN_STEP, _TWIN_STEP)
        self.lost = twin_lost(self.levels.tolist(), tries, seed)

    @property
    def shift(self) -> float:
        """By how many dB their curve lies above theory."""
        sent = np.full(len(self.levels), 10_000)
        found = fitted_shift(self.levels, sent, np.round(self.lost * sent).astype(np.int64), self._tries)
        assert found is not None  # the levels hold the edge
        return found.db


def examine(sweep: Sweep, plan: Plan, twins: Twins) -> Found:
    """One place."""
    at_zero, slope = sweep.at_zero(plan), math.nan
    db, rssi = sweep.heard(plan)
    if at_zero is not None:
        slope = level_fit(db, rssi)[1]
    shift = _shift(sweep, plan, at_zero)
    times = [seconds for _, seconds in sweep.joins if seconds is not None]
    residual = rounding = None
    base = sweep.field_at_zero(plan)
    if sweep.link is not None and sweep.field_db is not None and base is not None:
        rounding = round(base - sweep.field_db - sweep.link.level_dbm, 2)
        if sweep.field_rssi_dbm is not None:
            residual = round(sweep.field_rssi_dbm - sweep.link.level_dbm - rounding, 2)
    return Found(
        place=sweep.place,
        meter=sweep.meter,
        at_zero_dbm=None if at_zero is None else round(at_zero, 2),
        slope=None if math.isnan(slope) else round(slope, 4),
        loss_shift_db=None if shift is None else round(shift.db, 2),
        loss_shift_bound_db=None if shift is None else round(shift.bound, 2),
        twin_shift_db=None if shift is None else round(shift.db - twins.shift, 2),
        field_loss_db=None if sweep.link is None else sweep.link.loss_db,
        field_setting_db=sweep.field_db,
        field_rounding_db=rounding,
        link_residual_db=residual,
        join_s=max(times, default=None),
        requests=sum(count.sent for count in sweep.counts),
        fault=sweep.fault,
    )


def _shift(sweep: Sweep, plan: Plan, at_zero: float | None) -> Shift | None:
    """Theory's shift at the levels that the settings stand for; with the bound on one level."""
    counts = [each for each in sweep.counts if each.sent]
    if at_zero is None or not counts:
        return None
    levels = at_zero - np.array([each.db for each in counts])
    sent, failed = (np.array([getattr(each, name) for each in counts]) for name in ("sent", "failed"))
    found = fitted_shift(levels, sent, failed, plan.tries)
    return None if found is None else Shift(found.db, found.bound + load_parameters("field-sweep")["level_bound"].value)


def measurements(found: Sequence[Found]) -> list[Measurement]:
    """The campaign's measurements, one a place."""
    limits = load_limits("field-sweep")
    told = []
    for each in found:
        values = {
            "loss_shift": (each.loss_shift_db, each.loss_shift_bound_db),
            "twin_shift": (each.twin_shift_db, each.loss_shift_bound_db),
            "level_slope": (each.slope, 0.0),
            "link_residual": (each.link_residual_db, 0.0),
            "join_time": (each.join_s, 0.0),
        }
        for name, (value, bound) in values.items():
            if name == "link_residual" and each.field_loss_db is None:
                continue  # its meter stands in no mesh
            told.append(_judged(name, limits[name], value, bound or 0.0, each.place))
    return told


def _judged(name: str, limit: Limit, value: float | None, bound: float, place: str) -> Measurement:
    """By limit and bound; what the sweep did not find out is inconclusive: too few frames, or nothing was heard."""
    (measured,) = judge({name: limit}, {name: value})
    verdict = measured.verdict
    if limit.low is None or limit.high is None:
        verdict = str(Verdict.PASS)
    elif value is None:
        verdict = str(Verdict.INCONCLUSIVE)
    elif not limit.low + bound <= value <= limit.high - bound:
        beyond = value < limit.low - bound or value > limit.high + bound
        verdict = str(Verdict.FAIL if beyond else Verdict.INCONCLUSIVE)
    return msgspec.structs.replace(measured, verdict=verdict, place=place)


def exhibits(sweeps: Sequence[Sweep], found: Sequence[Found], plan: Plan, twins: Twins) -> list[Exhibit]:
    """Loss over level with theory and twins, level over attenuation, and a table."""
    shown = [(sweep, each) for sweep, each in zip(sweeps, found, strict=True) if each.at_zero_dbm is not None]
    pictures = tuple(_loss_panel(sweep, each, plan, twins) for sweep, each in shown[:_MOST_PANELS])
    exhibits: list[Exhibit] = []
    if pictures:
        exhibits.append(
            CurvesExhibit(
                title="Lost requests over attenuation",
                panels=pictures,
                caption=f"Requests that nobody acknowledged after {plan.tries} tries: counted over the stick (bars: "
                "95 %), by theory at the level that the stick shows, and between two twins of the event engine at it.",
            )
        )
        exhibits.append(CurvesExhibit(title="Level over attenuation", panels=(_level_panel(shown, plan),)))
    exhibits.append(_table(found))
    return exhibits


def _loss_panel(sweep: Sweep, found: Found, plan: Plan, twins: Twins) -> Panel:
    assert found.at_zero_dbm is not None
    edge = found.at_zero_dbm - twins.levels
    grid = np.arange(edge.min() - 4, edge.max() + 4, 1 / _SETTINGS_PER_DB)
    counts = [each for each in sweep.counts if each.sent and grid[0] <= each.db <= grid[-1]]
    low, high = _wilson(np.array([c.failed for c in counts]), np.array([c.sent for c in counts]))
    return Panel(
        title=f"{sweep.place} ({sweep.meter})",
        curves=(
            _curve("theory", grid, 100 * lost(found.at_zero_dbm - grid, plan.tries)),
            _curve("twins", edge[::-1], 100 * twins.lost[::-1], "points"),
            Curve(
                label="counted",
                x=tuple(c.db for c in counts),
                y=tuple(100 * c.failed / c.sent for c in counts),
                style="points",
                low=tuple((100 * low).tolist()),
                high=tuple((100 * high).tolist()),
            ),
        ),
        x_label="attenuation in dB",
        y_label="lost requests in %",
    )


def _level_panel(shown: Sequence[tuple[Sweep, Found]], plan: Plan) -> Panel:
    curves = []
    for sweep, found in shown:
        db, rssi = sweep.heard(plan)
        assert found.at_zero_dbm is not None
        curves.append(_curve(f"{sweep.place}: {found.at_zero_dbm:.1f} dBm at 0 dB", db, rssi, "points"))
    far = max(max(sweep.heard(plan)[0]) for sweep, _ in shown)
    whole = np.array([0.0, far])
    middle = float(np.median([found.at_zero_dbm for _, found in shown if found.at_zero_dbm is not None]))
    return Panel(
        curves=(*curves, _curve("1 dB less for each dB", whole, middle - whole)),
        x_label="attenuation in dB",
        y_label="level that the stick shows in dBm",
    )


def _table(found: Sequence[Found]) -> TableExhibit:
    columns = (
        ("At 0 dB, dBm", "at_zero_dbm"),
        ("Slope", "slope"),
        ("Against theory, dB", "loss_shift_db"),
        ("±", "loss_shift_bound_db"),
        ("Against twins, dB", "twin_shift_db"),
        ("Link's loss, dB", "field_loss_db"),
        ("Set to, dB", "field_setting_db"),
        ("Left by steps and range", "field_rounding_db"),
        ("Heard less table", "link_residual_db"),
        ("Longest join, s", "join_s"),
        ("Requests", "requests"),
    )
    rows = tuple(
        (each.place, each.meter, *(_word(getattr(each, name)) for _, name in columns), each.fault) for each in found
    )
    return TableExhibit(
        title="Radios and their links",
        headers=("Place", "Meter", *(header for header, _ in columns), "Fault"),
        rows=rows,
        right=tuple(range(2, 2 + len(columns))),
        caption="The attenuator was also set so that a radio sees what its twin sees in the link table. Its steps and "
        "its range left so many dB over; beyond those, the stick heard so much more than the table says.",
    )


def _word(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _wilson(failed: NDArray[np.int64], sent: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the 95 % interval of a share (Wilson)."""
    z = 1.96
    n = np.maximum(sent, 1)
    share = failed / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _curve(label: str, x: NDArray[Any], y: NDArray[Any], style: Any = "line") -> Curve:
    short = (tuple(float(f"{value:.5g}") for value in values) for values in (x, y))
    return Curve(label=label, x=next(short), y=next(short), style=style)
