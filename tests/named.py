"""Tests named in a list, as ``path::name``: whether each of them exists and runs."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

TESTS = Path(__file__).parent
_NEVER_RUN = ("skip", "xfail")


def entries(name: str, kind: str) -> list[dict[str, Any]]:
    """The tables ``[[kind]]`` of a list beside this module."""
    return list(tomllib.loads((TESTS / name).read_text("utf-8"))[kind])


def complaints(ids: Iterable[str]) -> list[str]:
    """What is wrong with these test ids: no such file, no such test, or one that a decorator or its module skips."""
    return [f"{each}: {why}" for each in ids if (why := _complaint(each))]


def _complaint(test: str) -> str:
    path, _, name = test.partition("::")
    if not (TESTS.parent / path).is_file():
        return "no such file"
    found = _functions(path).get(name)
    if found is None:
        return "no such test"
    marks = " ".join([*(ast.unparse(each) for each in found.decorator_list), *_assigned(path, found)])
    return "skipped" if any(word in marks for word in _NEVER_RUN) else ""


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((TESTS.parent / path).read_text("utf-8"))


def _functions(path: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in _tree(path).body if isinstance(node, ast.FunctionDef)}


def _assigned(path: str, test: ast.FunctionDef) -> Iterator[str]:
    """What the module's own mark is, and the marks that decorators of the test name."""
    walked = (node for each in test.decorator_list for node in ast.walk(each))
    wanted = {"pytestmark", *(node.id for node in walked if isinstance(node, ast.Name))}
    for assigned in (node for node in _tree(path).body if isinstance(node, ast.Assign)):
        if any(isinstance(target, ast.Name) and target.id in wanted for target in assigned.targets):
            yield ast.unparse(assigned.value)


def texts_of(path: str) -> list[str]:
    """All text that a test module has, spelt out in it or among its module's values; bytes and numbers in hex."""
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    spelt = (node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant))
    held = (value for name, value in vars(module).items() if not isinstance(value, ModuleType) and name[0] != "_")
    return [*_texts(list(spelt)), *_texts(list(held))]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value.upper()
    elif isinstance(value, bytes):
        yield value.hex().upper()
    elif isinstance(value, int):
        yield f"{value:04X}"
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
