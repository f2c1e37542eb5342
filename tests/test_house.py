"""The house rules that can be checked: which way imports run, how large modules are, what no file may name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "protocols": {"protocols"},
    "twins": {"twins", "protocols"},
    "hil_drivers": {"hil_drivers", "protocols"},
    "bench": {"bench", "twins", "hil_drivers", "protocols"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
LONGEST = 400
NOT_AT_RUN_TIME = {"_typeshed"}  # types only
OF_AN_EXTRA = {"ansible_runner"}  # meter-bench[provision]: asked for when it is wanted


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_run_one_way_and_modules_stay_small(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert imported(path) & MAY_IMPORT.keys() <= MAY_IMPORT[package]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_what_the_product_imports_is_installed_with_it() -> None:
    """``make demo`` installs `requirements.lock` and no more; this environment has what tests need, too."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    others = MAY_IMPORT.keys() | OF_AN_EXTRA | NOT_AT_RUN_TIME | sys.stdlib_module_names
    wanted = set().union(*map(imported, MODULES)) - others
    sources = packages_distributions()
    assert wanted > {"pytest", "numpy", "paho"}
    for name in sorted(wanted):
        owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in sources[name]}
        assert owners & locked, f"{name} comes with {', '.join(owners)}, which is not in requirements.lock"


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = re.compile(r"index-url|files\.python" r"hosted|pypi\.org/simple|registry\.npm" r"js|/ro" r"ot/|/wo" r"rk/")
    for name in found.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".parquet"} or not path.is_file() or name == "tests/test_house.py":
            continue
        match = words.search(path.read_text(encoding="utf-8").replace("--no-emit-index-url", ""))
        assert match is None, f"{name}: {match and match[0]}"
