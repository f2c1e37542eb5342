"""The variables of the playbooks: which there are, of which kind, and whether a value can be used.

The table is ``playbooks/variables.toml``. Values go into unit files, udev rules and the broker's configuration, so a
kind admits only what means the same everywhere: no spaces, quotes, percent signs or braces.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.errors import InputError

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "flag": (r"true|false|yes|no|on|off", "true or false"),
    "count": (r"[0-9]{1,6}", "a whole number"),
    "name": (r"[a-z_][a-z0-9_-]{0,30}", "a name of small letters, digits and hyphens"),
    "names": (r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", "names of letters, digits and hyphens, with commas between them"),
    "path": (r"(/[A-Za-z0-9_.+-]+)+", "an absolute path of letters, digits and . _ + -"),
    "host": (r"[A-Za-z0-9:.-]+", "an address or the name of a host"),
    "hosts": (r"[A-Za-z0-9:.-]+", "addresses or names of hosts, with commas between them"),
    "time": (r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time as HH:MM"),
    "timezone": (r"[A-Za-z]+(/[A-Za-z0-9_+-]+)*", "a time zone like Asia/Tokyo"),
}
"""Kinds of values: the pattern of their text form (of each part, for kinds in the plural), and how to say it."""

_LISTS = ("names", "hosts")
_TRUE = ("true", "yes", "on")
_HIDDEN = ("/home", "/root", "/run/user")  # from services with ProtectHome=yes
_LAB_FILES = ("ca", "broker")  # what the lab's authority calls its own certificates


class Variable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variable: its kind, its default, and what it is for."""

    kind: str
    default: bool | int | str | list[str]
    what: str


def read_variables(playbooks: Path) -> dict[str, Variable]:
    """The table of variables, in the order of the file."""
    return msgspec.convert(tomllib.loads((playbooks / "variables.toml").read_text("utf-8")), dict[str, Variable])


def defaults(variables: Mapping[str, Variable]) -> dict[str, Any]:
    """Every variable with its default."""
    return {name: variable.default for name, variable in variables.items()}


def given(pairs: Iterable[str], variables: Mapping[str, Variable]) -> dict[str, Any]:
    """Values of ``NAME=VALUE`` pairs as the playbooks take them; raises InputError for one that cannot be used."""
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--var {pair}: give NAME=VALUE")
        if name not in variables:
            near = difflib.get_close_matches(name, variables, n=1)
            right = f"did you mean {near[0]}" if near else f"there are {', '.join(variables)}"
            raise InputError(f"--var {pair}: there is no variable {name}; {right}")
        found[name] = checked(name, text, variables[name], "--var")
    return found


def checked(name: str, value: object, variable: Variable, where: str) -> Any:
    """A value in the form of its kind, out of text or YAML; raises InputError, which begins with ``where``."""
    many = variable.kind in _LISTS
    parts: list[object]
    if isinstance(value, list):
        parts = value if many else [value]
    else:
        parts = [part for part in str(value).split(",") if part] if many else [value]
    pattern, right = KINDS[variable.kind]
    for part in parts:
        text = str(part).lower() if isinstance(part, bool) else str(part)
        if isinstance(part, list | dict) or not re.fullmatch(pattern, text):
            raise InputError(f"{where} {name}: {part!r} cannot be used; give {right}")
    if many:
        return list(map(str, parts))
    if variable.kind == "flag":
        return str(value).lower() in _TRUE
    return int(str(value)) if variable.kind == "count" else str(value)


def check_together(values: Mapping[str, Any], where: str) -> None:
    """Whether the values of one host fit together; raises InputError, which begins with ``where``."""
    if (program := values["bench_executable"]).startswith(_HIDDEN):
        raise InputError(
            f"{where} bench_executable: {program} is below a home, which the services cannot see; "
            "install the bench elsewhere (docs/provision.md)"
        )
    users = [(user, kind) for kind in values if kind in _USERS for user in values[kind]]
    for position, (user, kind) in enumerate(users):
        if user in _LAB_FILES:
            raise InputError(f"{where} {kind}: {user} is the name of a certificate of the authority; choose another")
        for earlier, other in users[:position]:
            if user == earlier:
                raise InputError(f"{where} {kind}: {user} stands in {other} too; a user has one role")


_USERS = ("broker_benches", "broker_gateways", "broker_operators", "broker_viewers")
