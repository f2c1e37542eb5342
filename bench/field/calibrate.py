"""Make the statistics of level (b) again from level (a): those that ship, or those that one topology wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.record.atomic import write_text
from twins.field.classes import AREA_CLASSES
from twins.field.settings import MeshSetting
from twins.field.statistics import burdens, store
from twins.field.statistics.burdens import BurdenTable
from twins.field.statistics.tables import MeshTable, encode, site_losses

SHIPPED_FOLDER = Path(store.__file__).parent / "data"


PRECISE = 0.0015
"""Standard error of a mean over sites that needs no more of them: a third of what levels may differ by (0.5 point)."""
MOST_EFFORT = 4


class Effort(NamedTuple):
    """On how many sites a table is fitted, with how many rounds on each."""

    sites: int
    rounds: int


def effort(meters: int) -> Effort:
    """How much is enough: concentrators with more meters differ less, and take longer."""
    if meters <= 250:
        return Effort(48, 12)
    return Effort(32, 8) if meters <= 500 else Effort(24, 6)


def fitted(setting: MeshSetting, meters: int, made: str, step: Callable[[], None] = lambda: None) -> MeshTable:
    """One table by the usual effort, or by twice and four times as many sites where they differ much."""
    from twins.field.statistics.fit import fit  # the compiled engine takes a second to load

    sites, rounds = effort(meters)
    most = MOST_EFFORT * sites
    while True:
        table = fit(setting, meters, made=made, sites=sites, rounds=rounds, step=step)
        if standard_error(table) <= PRECISE or sites >= most:
            return table
        sites *= 2


def standard_error(table: MeshTable) -> float:
    """Of the share of readings that is lost, by how much sites differ."""
    return float(site_losses(table).std()) / math.sqrt(table.sites)


def burden_effort(meters: int) -> Effort:
    """The same for burdens, which are fitted over all sites together."""
    if meters <= 250:
        return Effort(36, 12) if meters <= 120 else Effort(24, 12)
    return Effort(20, 9) if meters <= 500 else Effort(16, 9)


def fitted_burdens(
    setting: MeshSetting, meters: int, made: str, step: Callable[[], None] = lambda: None
) -> BurdenTable:
    """What other traffic does to a kind of mesh, by the usual effort."""
    from twins.field.statistics.compete import fit_burdens

    sites, rounds = burden_effort(meters)
    return fit_burdens(setting, meters, made=made, sites=sites, rounds=rounds, step=step)


def shipped_settings() -> Iterator[tuple[str, tuple[int, ...]]]:
    """The classes and numbers of meters that tables ship for."""
    for name in AREA_CLASSES:
        yield name, store.SHIPPED_METERS


def calibrate_shipped(
    made: str, folder: Path = SHIPPED_FOLDER, say: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Fit all tables that ship and write them, two files a class; returns the files."""
    files = []
    for name, sizes in shipped_settings():
        tables = []
        for meters in sizes:
            tables.append(fitted(MeshSetting(area_class=name), meters, made))
            say(f"{name}, {meters} meters: {tables[-1].sites} sites")
        file = folder / f"{name}.json"
        write_text(file, encode(tuple(tables)).decode())
        heavier = []
        for meters in store.SHIPPED_BURDENS:
            heavier.append(fitted_burdens(MeshSetting(area_class=name), meters, made))
            say(f"{name}, {meters} meters, other traffic: {heavier[-1].provenance.sites} sites")
        other = folder / f"{name}-burdens.json"
        write_text(other, burdens.encode(heavier).decode())
        files += [file, other]
    return files
