"""COSEM interface classes as data: which attributes and methods a class has, and of which types (IEC 62056-6-2).

The table is ``interface_classes.toml`` beside this file, with its sources.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from protocols.dlms.axdr import DataType

LOGICAL_NAME: Final = 1
"""Number of the attribute that all classes share."""


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """One attribute of a class; ``types`` is empty where the object may choose."""

    number: int
    name: str
    types: frozenset[DataType]


@dataclass(frozen=True, slots=True)
class InterfaceClass:
    """A class: attributes by name (without the logical name) and numbers of methods by name."""

    class_id: int
    version: int
    name: str
    attributes: Mapping[str, AttributeSpec]
    methods: Mapping[str, int]


def _load() -> Mapping[int, InterfaceClass]:
    text = files(__package__).joinpath("interface_classes.toml").read_text(encoding="utf-8")
    classes = [_interface_class(entry) for entry in tomllib.loads(text)["class"]]
    return MappingProxyType({found.class_id: found for found in classes})


def _interface_class(entry: dict[str, Any]) -> InterfaceClass:
    specs = [
        AttributeSpec(spec["number"], spec["name"], frozenset(DataType[name] for name in spec["types"]))
        for spec in entry["attributes"]
    ]
    methods = {method["name"]: method["number"] for method in entry["methods"]}
    return InterfaceClass(entry["id"], entry["version"], entry["name"], {spec.name: spec for spec in specs}, methods)


CLASSES: Final = _load()
"""Class id to class."""
