"""Statistics for the fields of a topology: those that ship, else those made before, else made now.

What is made now is kept in the user's cache folder, under a name that changes with everything the figures follow from.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.field.calibrate import fitted, fitted_burdens
from bench.record.atomic import write_text
from twins.field.areas import AreaField
from twins.field.checks import FieldError
from twins.field.layouts import site_of
from twins.field.media.shading import Shaded
from twins.field.settings import JammerSetting, MeshSetting
from twins.field.statistics import burdens
from twins.field.statistics.burdens import BurdenTable
from twins.field.statistics.store import key, shipped, shipped_burdens
from twins.field.statistics.tables import MeshTable, decode, encode
from twins.field.variations import Variation
from twins.plan import AreaPlan, FleetPlan

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where tables are kept that do not ship: ``$XDG_CACHE_HOME/meter-bench/field``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meter-bench" / "field"


def table_for(setting: MeshSetting, meters: int, folder: Path | None = None) -> MeshTable:
    """The statistics of a kind of mesh; fitted when nobody has done that before, which takes seconds to minutes."""
    found = shipped(setting, meters)
    if found is not None:
        return found
    file = (cache_folder() if folder is None else folder) / f"{key(setting, meters)}.json"
    if file.exists():
        try:
            return decode(file.read_bytes(), str(file))[0]
        except (FieldError, IndexError) as error:
            log.warning("%s; it is made again", error)
    log.warning("no statistics for %d meters of %s: fitted now from the event engine", meters, _told(setting))
    table = fitted(setting, meters, made="")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, encode((table,)).decode())
    return table


def with_tables(fields: Sequence[AreaField], plan: FleetPlan) -> tuple[AreaField, ...]:
    """The fields of a plan's areas, each mesh with its statistics where they do not ship."""
    return tuple(
        _with_table(field, area, plan.seed, plan.first_concentrator_of_area(number))
        for number, (field, area) in enumerate(zip(fields, plan.areas, strict=True))
    )


def burdens_for(setting: MeshSetting, meters: int, folder: Path | None = None) -> BurdenTable:
    """What other traffic does to a kind of mesh; fitted when nobody has done that before."""
    found = shipped_burdens(setting, meters)
    if found is not None:
        return found
    file = (cache_folder() if folder is None else folder) / f"{key(setting, meters)}-burdens.json"
    if file.exists():
        try:
            return burdens.decode(file.read_bytes(), str(file))[0]
        except (FieldError, IndexError) as error:
            log.warning("%s; it is made again", error)
    log.warning("no burdens for %d meters of %s: fitted now from the event engine", meters, _told(setting))
    table = fitted_burdens(setting, meters, made="")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, burdens.encode((table,)).decode())
    return table


def _with_table(field: AreaField, area: AreaPlan, seed: int, first_concentrator: int) -> AreaField:
    meters = area.meters_per_concentrator
    if (field.medium or area.medium) != "multihop":
        return field
    alone = field.table or table_for(field.mesh, meters)
    heavier = burdens_for(field.mesh, meters) if field.traffic else None
    if heavier is not None or shipped(field.mesh, meters) is None:
        field = msgspec.structs.replace(field, table=_beside_others(alone, heavier, field))
    sites = alone.sites
    jammed = []
    for each in field.jammed:
        number = np.array([first_concentrator + each.concentrator], dtype=np.int64)
        site = int(site_of(seed, number, sites)[0])
        own = _beside(field.mesh, meters, site, each.jammers)
        jammed.append(msgspec.structs.replace(each, table=_beside_others(own, heavier, field)))
    shaded = []
    for variation in field.variations:
        number = np.array([first_concentrator + variation.concentrator], dtype=np.int64)
        site = int(site_of(seed, number, sites)[0])
        jammers = [j for each in field.jammed if each.concentrator == variation.concentrator for j in each.jammers]
        shaded.append(_behind(field.mesh, meters, site, variation, jammers))
    return msgspec.structs.replace(field, jammed=tuple(jammed), shaded=tuple(shaded))


def _beside(setting: MeshSetting, meters: int, site: int, jammers: tuple[JammerSetting, ...]) -> MeshTable:
    from twins.field.statistics.fit import fit_jammed  # the compiled engine takes a second to load

    return fit_jammed(setting, meters, site, jammers)


def _behind(
    setting: MeshSetting, meters: int, site: int, variation: Variation, jammers: Sequence[JammerSetting]
) -> Shaded:
    from twins.field.statistics.shades import fit_shade  # the compiled engine takes a second to load

    return fit_shade(setting, meters, site, variation, jammers)


def _beside_others(table: MeshTable, heavier: BurdenTable | None, field: AreaField) -> MeshTable:
    return table if heavier is None else burdens.loaded(table, heavier, field.traffic)


def _told(setting: MeshSetting) -> str:
    whole = setting.resolved()
    return f"{whole.area_class} mesh, mode {whole.mode}, {whole.spacing_m:g} m apart"
