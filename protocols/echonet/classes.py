"""Property tables of the object classes, and what one device of a class has of them.

The tables are data, ``data/*.toml``, one file a class. A property there has

* ``epc``, ``name``, ``from`` (the release of the specification that brought it), ``edt`` (a data type of
  :mod:`protocols.echonet.epc`);
* ``access``, three letters for Get, Set and announcement (INF): ``r`` required, ``o`` optional, ``c`` required under
  the condition ``when``, ``-`` none. A required announcement is sent whenever the value changes;
* optionally ``unit`` with ``factor`` (a fixed number) and ``times`` (EPCs whose values are multiplied in);
* optionally ``selector``: the property that chooses which part of a history is read.

A device is a class at a release with a choice of the optional parts: :func:`resolve` gives its table, from which its
property maps follow. Maps are never written by hand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from protocols.echonet.epc import codec_named
from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.values import AnyCodec

SUPERCLASS = "superclass"
NODE_PROFILE = "node_profile"
LV_METER = "lv_meter"
HV_METER = "hv_meter"
HV_METER_BIDIRECTIONAL = "hv_meter_bidirectional"
WATER_METER = "water_meter"
GAS_METER = "gas_meter"

CLASSES = (NODE_PROFILE, LV_METER, HV_METER, HV_METER_BIDIRECTIONAL, WATER_METER, GAS_METER)
"""Names of the classes that :func:`object_class` knows."""

LAST_RELEASE = "R"
"""The newest release that the tables know."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one property: each letter as in the tables, and the condition of ``c``."""

    get: str
    set: str
    inf: str
    when: str


@dataclass(frozen=True, slots=True)
class PropertyRule:
    """One row of a property table."""

    epc: int
    name: str
    release: str
    codec: AnyCodec
    access: Access
    unit: str
    factor: Decimal
    times: tuple[int, ...]
    selector: int | None


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """A class with the properties of all releases, the super class's included; a class's own row comes first."""

    title: str
    class_code: int
    release: str
    properties: Mapping[int, PropertyRule]
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What a device has beyond the required: optional EPCs by service, and the conditions that hold for it.

    Conditions are ``"reverse"`` (the meter measures export) and ``"japan"`` (it is used there).
    """

    get: frozenset[int] = field(default_factory=frozenset)
    set: frozenset[int] = field(default_factory=frozenset)
    inf: frozenset[int] = field(default_factory=frozenset)
    conditions: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """What one device has of its class: its rules, and its three property maps."""

    object_class: ObjectClass
    release: str
    rules: Mapping[int, PropertyRule]
    get_map: frozenset[int]
    set_map: frozenset[int]
    inf_map: frozenset[int]

    def rule(self, epc: int) -> PropertyRule:
        """The rule of a property; raises :class:`UnknownPropertyError` when the device does not have it."""
        try:
            return self.rules[epc]
        except KeyError:
            raise UnknownPropertyError(f"{self.object_class.title}, release {self.release}: no EPC {epc:02X}") from None


@cache
def object_class(name: str) -> ObjectClass:
    """Read a class's table; raises :class:`UnknownPropertyError` for a name outside :data:`CLASSES`."""
    if name not in CLASSES:
        raise UnknownPropertyError(f"no object class {name!r}; there are {', '.join(CLASSES)}")
    table = _read(name)
    rows = table["properties"]
    if table.get("superclass", True):
        rows = _read(SUPERCLASS)["properties"] + rows
    rules = {row["epc"]: _rule(row) for row in rows}
    return ObjectClass(table["title"], table["class_code"], table["release"], rules, table["source"], table["verified"])


def class_of_code(class_code: int) -> ObjectClass:
    """The class by its code, e.g. 0x0288."""
    for name in CLASSES:
        found = object_class(name)
        if found.class_code == class_code:
            return found
    raise UnknownPropertyError(f"no property table for class {class_code:04X}")


def resolve(kind: ObjectClass, release: str, options: Options | None = None) -> DeviceTable:
    """The table of a device of this class at a release (one letter) with these options.

    Raises :class:`UnknownPropertyError` when the class is younger than the release, or an option names something that
    the class does not offer at that release.
    """
    options = options or Options()
    if len(release) != 1 or not kind.release <= release <= LAST_RELEASE:
        raise UnknownPropertyError(f"{kind.title}: releases {kind.release}…{LAST_RELEASE} are known, not {release!r}")
    existing = {epc: rule for epc, rule in kind.properties.items() if rule.release <= release}
    _check_options(kind, release, existing, options)
    maps = {
        service: frozenset(epc for epc, rule in existing.items() if _has(rule, service, options))
        for service in ("get", "set", "inf")
    }
    used = maps["get"] | maps["set"] | maps["inf"]
    rules = {epc: rule for epc, rule in sorted(existing.items()) if epc in used}
    return DeviceTable(kind, release, rules, maps["get"], maps["set"], maps["inf"])


def _has(rule: PropertyRule, service: str, options: Options) -> bool:
    letter = getattr(rule.access, service)
    if letter == "c":
        return rule.access.when in options.conditions
    return letter == "r" or (letter == "o" and _chosen(rule, service, options))


def _chosen(rule: PropertyRule, service: str, options: Options) -> bool:
    chosen: frozenset[int] = getattr(options, service)
    return rule.epc in chosen


def _check_options(kind: ObjectClass, release: str, rules: Mapping[int, PropertyRule], options: Options) -> None:
    for service in ("get", "set", "inf"):
        for epc in getattr(options, service):
            if epc not in rules or getattr(rules[epc].access, service) == "-":
                raise UnknownPropertyError(f"{kind.title}, release {release}: no {service} of EPC {epc:02X}")
    unknown = options.conditions - {rule.access.when for rule in kind.properties.values()}
    if unknown:
        raise UnknownPropertyError(f"{kind.title}: no condition {', '.join(sorted(unknown))}")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "data" / f"{name}.toml").read_text("utf-8"))


def _rule(row: dict[str, Any]) -> PropertyRule:
    get, set_, inf = row["access"]
    return PropertyRule(
        epc=row["epc"],
        name=row["name"],
        release=row["from"],
        codec=codec_named(row["edt"]),
        access=Access(get, set_, inf, row.get("when", "")),
        unit=row.get("unit", ""),
        factor=Decimal(row.get("factor", "1")),
        times=tuple(row.get("times", ())),
        selector=row.get("selector"),
    )
