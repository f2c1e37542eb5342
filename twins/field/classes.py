"""Classes of areas (``data/classes.toml``): how far apart meters stand, and what stands around them."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources
from typing import Literal, TypeAlias, get_args

import msgspec

from twins.field.checks import FieldError, is_positive, known, need
from twins.field.physics.parameters import path_loss_parameters
from twins.tables import Table

AreaClass: TypeAlias = Literal["urban", "suburban", "rural"]
AREA_CLASSES: tuple[AreaClass, ...] = get_args(AreaClass)


class ClassTable(Table, frozen=True, kw_only=True):
    """One class; see the file's head."""

    model: str
    spacing_m: float
    jitter: float
    vacancy: float
    around: dict[str, float]


def parse(text: str) -> dict[str, ClassTable]:
    """Classes of TOML text; raises :class:`FieldError` when something is missing or impossible."""
    try:
        tables = msgspec.convert(tomllib.loads(text), dict[str, ClassTable])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FieldError(f"field: classes.toml: {error}") from error
    for name, table in tables.items():
        known(table.model, list(path_loss_parameters().area))
        need(is_positive(table.spacing_m) and 0 <= table.jitter < 0.5, f"class {name}: impossible spacing or jitter")
        need(0 <= table.vacancy < 1, f"class {name}: no place is taken")
        check_around(table.around)
    return tables


def check_around(around: dict[str, float]) -> None:
    """Refuse shares of surroundings that do not sum to 1 or that nobody knows (:class:`FieldError`)."""
    for name, share in around.items():
        known(name, list(path_loss_parameters().extra))
        need(0 <= share <= 1, f"the share of {name} lies between 0 and 1")
    need(abs(math.fsum(around.values()) - 1) < 1e-5, "the shares of surroundings must sum to 1")


@cache
def _shipped() -> dict[str, ClassTable]:
    return parse(resources.files(__package__).joinpath("data", "classes.toml").read_text("utf-8"))


def area_class(name: str) -> ClassTable:
    """A class by its name; raises :class:`FieldError` for others."""
    return _shipped()[known(name, list(_shipped()))]
