from __future__ import annotations

import inspect
import typing
from importlib import import_module

import pytest

from hil_drivers.registry import DRIVERS


@pytest.mark.parametrize("name", DRIVERS)
def test_a_registered_driver_exists_and_takes_the_settings_that_a_topology_may_give(name: str) -> None:
    driver = DRIVERS[name]
    module, _, attribute = driver.factory.partition(":")
    factory = getattr(import_module(module), attribute)
    taken: set[str] = set()
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:  # a TypedDict of settings
            (settings,) = typing.get_args(inspect.get_annotations(factory, eval_str=True)[parameter.name])
            taken |= set(typing.get_type_hints(settings))
        elif parameter.kind is parameter.KEYWORD_ONLY:
            taken.add(parameter.name)
    told = {*driver.settings, *(["channels"] if driver.channels else [])}
    assert told == taken - {"envelope"}  # an object, which no file can give
