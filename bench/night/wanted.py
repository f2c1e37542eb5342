"""Whether there is what a user names for a night: looked at before it begins, as bad input is nobody's failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from bench.errors import InputError
from bench.night.session import PACKAGE, PLAIN, SUITES, chosen
from bench.pytest_plugin.targets import targets
from bench.topology.load import LoadedTopology
from bench.topology.problems import nearest

_READ: Final = (0, 5)
"""pytest's exit codes where it could read a file: tests found, none found."""


def check_places(loaded: LoadedTopology, places: Collection[str], kinds: Collection[str]) -> None:
    """Raises InputError for a name that is neither a place nor a twin kind of what is tested."""
    if not places:
        return
    topology = loaded.topology
    there = targets(topology, topology.fleet_plan(), racks="rack" in kinds, twins="twin" in kinds)
    _known("--place", places, list(dict.fromkeys(each.place for each in there)), f"in what is tested of {loaded.path}")


def check_tests(loaded: LoadedTopology, only: Iterable[str]) -> None:
    """Raises InputError for a file of tests that there is not, and for a test that is not in its file.

    To know the tests of a file, pytest reads it; that takes seconds, and is only done where tests are named.
    """
    wanted: dict[str, list[str]] = {}
    for name, found in ((each, chosen([each])[0]) for each in only):
        file, _, test = found.partition("::")
        if not Path(file).exists():
            shipped, given = sorted(path.name for path in SUITES.glob("test_*.py")), name.partition("::")[0]
            what = "there is no such file of tests, shipped or of your own"
            raise InputError(f"--only {given}: {what}; {nearest(given.removeprefix('suites/'), shipped)}")
        wanted.setdefault(file, []).extend([test] if test else [])
    for file, tests in wanted.items():
        if tests:
            _known("--only", tests, _names(loaded, file, tests), f"in {file}")


def _known(option: str, wanted: Iterable[str], known: list[str], where: str) -> None:
    for name in wanted:
        if name not in known:
            advice = nearest(name, known) if known else "there is nothing at all"
            raise InputError(f"{option} {name}: there is none {where}; {advice}")


def _names(loaded: LoadedTopology, file: str, wanted: Iterable[str]) -> list[str]:
    """The tests of a file, without their parameters, and of what is wanted all else that names some of them: a class,
    a test with its parameters. Raises InputError when the file cannot be read."""
    line = [sys.executable, "-m", "pytest", *PLAIN, "--collect-only", f"--rootdir={PACKAGE}"]
    line += [f"--bench-env={loaded.path}", file]
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in _READ:
        told = [each for each in done.stdout.splitlines() if each.startswith("E   ")]
        words = (told or done.stderr.strip().splitlines() or ["pytest cannot read it"])[-1].removeprefix("E ").strip()
        raise InputError(f"--only {file}: {words}")
    ids = [each.partition("::")[2] for each in done.stdout.splitlines() if "::" in each]
    names = list(dict.fromkeys(each.partition("[")[0] for each in ids))
    return names + [each for each in wanted if each in ids or any(name.startswith(f"{each}::") for name in names)]
