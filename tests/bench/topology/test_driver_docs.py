"""What a driver's docstring shows is what a topology takes."""

from __future__ import annotations

import inspect
import textwrap
from importlib import import_module

import pytest
from pydantic import TypeAdapter

from bench.topology.rack import Instrument
from bench.topology.yamltree import read_yaml
from hil_drivers.registry import DRIVERS

MODULES = sorted({driver.factory.partition(":")[0] for driver in DRIVERS.values()})


def shown(module: str) -> list[object]:
    """The instruments that a module's docstring shows."""
    text = inspect.getdoc(import_module(module)) or ""
    block = text.partition("::\n\n")[2]
    lines = [line for line in block.splitlines() if not line or line.startswith(" ")]
    root = read_yaml(textwrap.dedent("\n".join(lines))).root
    assert root is not None
    found = root.plain()
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_yaml_of_a_driver_s_docstring_passes_the_check(module: str) -> None:
    instruments = [TypeAdapter(Instrument).validate_python(each) for each in shown(module)]
    names = {name for name, driver in DRIVERS.items() if driver.factory.partition(":")[0] == module}
    assert instruments
    for each in instruments:
        assert each.driver in names
        assert each.settings  # it shows what may be set
