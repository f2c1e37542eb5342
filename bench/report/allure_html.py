"""Allure's page of a night, made offline by a pinned Allure (Apache-2.0, run as a program with node).

Allure keeps a history of its own, a JSON line a report, and would append to it however often a page is made. Here each
night keeps its own line beside its results, and a page is made from exactly the lines of the nights before it: made
again, or of an older night, it shows the same trends.

Allure's pages load a script of an analytics service. It is cut out, and where it is not found the page is not kept: a
new Allure may hide it elsewhere. A content policy in the page forbids what may be left.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.errors import BenchFault, InputError
from bench.night.folder import NightFolder
from bench.record.atomic import write_text

HOME: Final = "BENCH_ALLURE"
"""Variable of the environment: the folder in which Allure is installed."""

LINE_FILE: Final = "allure-line.json"
"""A night's line of Allure's history, in the folder of the night."""

HISTORY_NIGHTS: Final = 30

_PATIENCE: Final = 600.0  # real s; 50,000 results take half a minute
_ANALYTICS: Final = re.compile(
    r"<script[^>]*\bsrc=\"https?://www\.googletagmanager\.com/[^\"]*\"[^>]*></script>\s*<script>[^<]*gtag\([^<]*</script>"
)
_TRACE: Final = re.compile(r"<script[^>]*\bsrc=\"(?:https?:)?//", re.IGNORECASE)
_POLICY: Final = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src data: blob: 'unsafe-inline' 'unsafe-eval'\">"
)


def allure_home() -> Path:
    """Where Allure is, or would be: as the environment says, else in the user's cache, by its version."""
    if named := os.environ.get(HOME):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "meter-bench" / f"allure-{pinned_version()}"


def pinned_version() -> str:
    """The version of Allure that pages are made with."""
    package = msgspec.json.decode(_shipped("package.json"))
    return str(package["dependencies"]["allure"])


def why_not() -> str | None:
    """Why Allure's page cannot be made here; None where it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not _program().is_file():
        return f"Allure is not installed in {allure_home()}; `bench allure --install` does that once"
    return None


def install() -> Path:
    """Install the pinned Allure with its locked dependencies, from the registry that npm is set up with; its folder.

    Scripts of packages are not run. Raises BenchFault.
    """
    if shutil.which("npm") is None:
        raise BenchFault("npm is not installed; Debian has it as the package npm, with node 20 or newer")
    home = allure_home()
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (home / name).write_bytes(_shipped(name))
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], home, "npm cannot install")
    return home


def make_page(folder: NightFolder, before: Sequence[NightFolder], out: Path) -> Path:
    """Allure's page of a night with the trends over the nights ``before`` (newest first): one HTML file in ``out``.

    Nights that have no line yet get one, if their results are there still. Raises InputError where the night has no
    Allure results, BenchFault when Allure fails or the page would ask somebody for something.
    """
    if not _results(folder):
        raise InputError(f"{folder.path}: holds no Allure results (pruned, or made without allure-pytest)")
    lines: list[bytes] = []
    for each in reversed(before[:HISTORY_NIGHTS]):
        if not (each.path / LINE_FILE).is_file() and _results(each):
            with tempfile.TemporaryDirectory(prefix="bench-allure-") as scratch:
                _generate(each, lines, Path(scratch))
        if (each.path / LINE_FILE).is_file():
            lines.append((each.path / LINE_FILE).read_bytes().strip())
    with tempfile.TemporaryDirectory(prefix="bench-allure-") as scratch:
        made = _generate(folder, lines, Path(scratch))
        out.mkdir(parents=True, exist_ok=True)
        page = out / "index.html"
        write_text(page, made)
    return page


def stripped(page: str) -> str:
    """A page of Allure's without its analytics, and with a policy that forbids to load anything from anywhere.

    Raises BenchFault where the analytics are not where they were, or something else from outside is left.
    """
    clean, found = _ANALYTICS.subn("", page)
    if not found:
        raise BenchFault("Allure's page does not hold its analytics where they were: is this the pinned Allure?")
    if _TRACE.search(clean) or "googletagmanager" in clean:
        raise BenchFault("Allure's page still loads a script from outside; it is not kept")
    return clean.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n    {_POLICY}', 1)


def _generate(folder: NightFolder, lines: Sequence[bytes], scratch: Path) -> str:
    """Let Allure make a night's page, with these lines of history; keeps the night's own line. Its page, stripped."""
    results, history, out = scratch / "results", scratch / "history.jsonl", scratch / "out"
    _gather(folder, results)
    history.write_bytes(b"".join(line + b"\n" for line in lines))
    plan = folder.plan
    config: dict[str, Any] = {
        "name": f"Night {plan.night} on {plan.topology}",
        "output": str(out),
        "historyPath": str(history),
        "historyLimit": HISTORY_NIGHTS + 1,
        "appendHistory": True,
        "plugins": {"awesome": {"options": {"singleFile": True, "reportLanguage": "en", "groupBy": _GROUPS}}},
    }
    (scratch / "allurerc.json").write_bytes(msgspec.json.encode(config))
    _run(["node", str(_program()), "generate", str(results), "--config", "allurerc.json"], scratch, "Allure fails")
    _keep_line(folder, history)
    page = next((each for each in (out / "index.html", out / "awesome" / "index.html") if each.is_file()), None)
    if page is None:
        raise BenchFault("Allure has made no page; is this the pinned Allure?")
    return stripped(page.read_text("utf-8"))


_GROUPS: Final = ["parentSuite", "suite"]


def _keep_line(folder: NightFolder, history: Path) -> None:
    """The night's line, with the night's own name and time in place of those of the page."""
    last = history.read_bytes().strip().split(b"\n")[-1]
    line = msgspec.json.decode(last)
    began = datetime.fromisoformat(folder.plan.started).timestamp()
    line |= {"name": folder.plan.night, "timestamp": round(1000 * began)}
    write_text(folder.path / LINE_FILE, msgspec.json.encode(line).decode() + "\n")


def _results(folder: NightFolder) -> list[Path]:
    """Folders of a night that hold Allure results, one a shard."""
    return sorted(path for path in folder.path.glob("shards/*/allure") if any(path.glob("*-result.json")))


def _gather(folder: NightFolder, target: Path) -> None:
    """All of a night's results in one folder; what shards tell alike (categories, environment) is there once."""
    target.mkdir()
    environment: dict[str, str] = {}
    for source in _results(folder):
        for path in source.iterdir():
            if path.name == "environment.properties":
                pairs = (line.partition("=") for line in path.read_text("utf-8").splitlines())
                environment |= {name: value for name, equals, value in pairs if equals and name != "mode"}
            else:
                shutil.copyfile(path, target / path.name)
    environment |= {"night": folder.plan.night, "commit": folder.plan.git or "unknown"}
    lines = (f"{name}={value}\n" for name, value in environment.items())
    (target / "environment.properties").write_text("".join(lines), "utf-8")


def _program() -> Path:
    return allure_home() / "node_modules" / "allure" / "cli.js"


def _shipped(name: str) -> bytes:
    return resources.files("bench.report").joinpath("allure", name).read_bytes()


def _run(line: Sequence[str], where: Path, what: str) -> None:
    environment = {**os.environ, "ALLURE_NO_ANALYTICS": "true"}
    try:
        done = subprocess.run(
            line,
            cwd=where,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchFault(f"{what}: it takes longer than {_PATIENCE:g} s") from error
    if done.returncode:
        words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise BenchFault(
            f"{what} ({line[0]} ended with {done.returncode}): {words[-1] if words else 'it said nothing'}"
        )
