"""The house rules that can be checked: which way imports run, how large modules are, what no file may name."""

from __future__ import annotations

import ast
import re
import subprocess
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
