"""Which hosts are provisioned, and with which variables: this machine alone, or those of an inventory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.provision.program import program
from bench.provision.variables import Variable, check_together, checked, defaults

GROUPS = ("rack", "broker", "collector")
"""Groups that the playbooks know: hosts of racks, of the broker, and the machine that collects."""


@dataclass(frozen=True)
class Hosts:
    """Files that name the hosts, in the order that ansible reads them, and the hosts of each group."""

    files: tuple[Path, ...]
    groups: Mapping[str, tuple[str, ...]]


def this_machine(work: Path, variables: Mapping[str, Variable], given: Mapping[str, Any], broker: bool) -> Hosts:
    """This machine as the host of the rack, and of the broker where one is wanted."""
    check_together({**defaults(variables), **given}, "--var")
    names = ("rack", "broker") if broker else ("rack",)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_remote_tmp": str(work / "remote"),
    }
    children = {name: {"hosts": {"localhost": None}} for name in names}
    whole = {"all": {"hosts": {"localhost": host}, "vars": defaults(variables), "children": children}}
    return Hosts((_written(work, whole),), dict.fromkeys(names, ("localhost",)))


def of_inventory(file: Path, work: Path, variables: Mapping[str, Variable], given: Mapping[str, Any]) -> Hosts:
    """The hosts of an inventory, their variables checked; raises InputError for one that cannot be used."""
    if not file.exists():
        raise InputError(f"{file}: there is no such inventory")
    files = (_written(work, {"all": {"vars": defaults(variables)}}), file.resolve())
    told = _listed(files, work, file)
    for host, values in told["_meta"]["hostvars"].items():
        where = f"{file}: {host}:"
        own = {name: checked(name, values[name], variable, where) for name, variable in variables.items()}
        check_together({**own, **given}, where)
    groups = {name: tuple(sorted(_members(told, name))) for name in GROUPS}
    if not any(groups.values()):
        raise InputError(f"{file}: no host is in any of the groups {', '.join(GROUPS)}; see docs/provision.md")
    return Hosts(files, groups)


def _written(work: Path, inventory: object) -> Path:
    file = work / "bench.json"
    file.write_text(json.dumps(inventory), encoding="utf-8")
    return file


def _listed(files: tuple[Path, ...], work: Path, file: Path) -> dict[str, Any]:
    arguments = [part for each in files for part in ("-i", str(each))]
    done = program("ansible-inventory", [*arguments, "--list"], work)
    if done.returncode:
        raise InputError(f"{file}: cannot be used as an inventory: {_last_words(done.stderr)}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no reason is given")


def _members(told: Mapping[str, Any], group: str) -> set[str]:
    entry = told.get(group, {})
    below = (_members(told, child) for child in entry.get("children", ()))
    return set(entry.get("hosts", ())).union(*below)
