"""The table of requirements: what serves each row, what judges it, when that was last verified, and what proves it.

``bench/requirements.toml`` lists the rows and the modules and pages that serve them. All else is collected: limits name
the rows that their measurement judges, tests bear ids by the marker ``requirement``, catalogues say which row a planted
defect breaks, and run records and nights say what came of it, when, and whether on twins or on places.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from bench import suites
from bench.errors import InputError
from bench.measure import load_limits, worst
from bench.night.model import Kind, Night
from bench.record.model import RunRecord
from twins.catalogue import DEFECTS

MARKER = "requirement"
"""Name of pytest's marker: ``@pytest.mark.requirement("A5", "M1")``."""

_SUITES: Final = Path(suites.__file__).parent

State: TypeAlias = Literal["open", "served", "failing", "partly", "done"]
"""*open*: nothing serves the row. *served*: nothing has verified it yet. *failing*: what verified it last did not pass.
*partly*: verified, but not on both twins and places, or no planted defect proves it. *done*: all of that; rows of the
bench itself (U) need no defect and no second kind."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the file: its title, the modules and pages that serve it, and who judges it where no suite can."""

    title: str
    serves: tuple[str, ...] = ()
    elsewhere: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What verified a row: the run or night with its campaign or ``night``, when it began (ISO 8601 UTC), how many
    measurements or tests bore the row's id, and the worst of their outcomes."""

    by: str
    campaign: str
    when: str
    findings: int
    outcome: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it stands.

    ``judged_by`` are measurements (``campaign: name``), ``tests`` are ids of tests in files, ``elsewhere`` says who
    judges a row that no suite can, ``defects`` are names of planted defects; ``twins`` and ``places`` are the newest
    evidence of each.
    """

    id: str
    title: str
    state: State
    serves: tuple[str, ...]
    judged_by: tuple[str, ...]
    tests: tuple[str, ...]
    elsewhere: str
    defects: tuple[str, ...]
    twins: Evidence | None
    places: Evidence | None


def load_rows() -> dict[str, Row]:
    """The rows by id, in the order of the table. Raises ``msgspec.ValidationError`` when the file is unsound."""
    text = resources.files("bench").joinpath("requirements.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Row])


def standings(runs: Iterable[RunRecord], nights: Iterable[Night], tests: Mapping[str, Iterable[str]]) -> list[Standing]:
    """Every row as it stands.

    ``runs`` and ``nights`` come newest first and are read no further than needed; ``tests`` is row id to test ids.
    """
    rows = load_rows()
    judged, defects = _judged_by(), _defects()
    seen = _newest(rows, runs, nights)
    return [
        Standing(
            id=name,
            title=row.title,
            state=_state(name, row, seen.get((name, "twin")), seen.get((name, "rack")), bool(defects[name])),
            serves=row.serves,
            judged_by=tuple(judged[name]),
            tests=tuple(tests.get(name, ())),
            elsewhere=row.elsewhere,
            defects=tuple(defects[name]),
            twins=seen.get((name, "twin")),
            places=seen.get((name, "rack")),
        )
        for name, row in rows.items()
    ]


def collect_tests(folder: Path) -> dict[str, list[str]]:
    """Row id to the tests under a folder that bear it by the marker, as ``file::test``; nothing is imported or run.

    Raises InputError for a marker without ids, with something else than text, or on a file that is not Python.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text("utf-8")
        if f"mark.{MARKER}" not in text:
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise InputError(f"{path}:{error.lineno}: not Python ({error.msg})") from error
        for test, function in _tests(tree):
            for name in _ids(path, function):
                found[name].append(f"{path}::{test}")
    return dict(found)


def all_tests(folder: Path) -> dict[str, list[str]]:
    """Row id to tests: of the shipped suites, as nights name them (``suites/…``), then of a folder, if it is there.

    Raises InputError as :func:`collect_tests`.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for row, tests in collect_tests(_SUITES).items():
        found[row] += [f"{_SUITES.name}/{Path(test).name}" for test in tests]
    for row, tests in (collect_tests(folder) if folder.is_dir() else {}).items():
        found[row] += tests
    return dict(found)


def _tests(tree: ast.Module) -> Iterable[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}::{each.name}", each


def _ids(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterable[str]:
    for mark in function.decorator_list:
        if not (isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith(f"mark.{MARKER}")):
            continue
        values = [each.value if isinstance(each, ast.Constant) else None for each in mark.args]
        if not values or not all(isinstance(value, str) for value in values):
            raise InputError(f'{path}:{mark.lineno}: give the marker ids of rows, as in {MARKER}("A5", "M1")')
        yield from map(str, values)


def _judged_by() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    folder = resources.files("bench").joinpath("limits")
    for campaign in sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")):
        for name, limit in load_limits(campaign).items():
            for row in limit.requirements:
                found[row].append(f"{campaign}: {name}")
    return found


def _defects() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, defect in DEFECTS.items():
        found[defect.requirement].append(name)
    return found


def _newest(
    rows: Mapping[str, Row], runs: Iterable[RunRecord], nights: Iterable[Night]
) -> dict[tuple[str, Kind], Evidence]:
    """The newest evidence a row and kind."""
    wanted = {(row, kind) for row in rows for kind in ("rack", "twin")}
    found: dict[tuple[str, Kind], Evidence] = {}
    for told in (map(_of_run, runs), map(_of_night, nights)):
        open_here = set(wanted)
        for evidence in told:
            for place, each in evidence.items():
                if place in open_here:
                    open_here.discard(place)
                    if place not in found or each.when > found[place].when:
                        found[place] = each
            if not open_here:
                break
    return found


def _of_run(record: RunRecord) -> dict[tuple[str, Kind], Evidence]:
    """What a finished run verified: a measurement of a place, on places; one of all meters, on whatever of twins and
    places the summary counts."""
    if record.state != "finished" or record.verdict in (None, "aborted", "error"):
        return {}
    all_meters: list[Kind] = ["twin"] if record.summary.get("twins") else []
    all_meters += ["rack"] if record.summary.get("places") else []
    at_places: list[Kind] = ["rack"]
    outcomes: dict[tuple[str, Kind], list[str]] = defaultdict(list)
    for item in record.measurements:
        for row in item.requirements:
            for kind in at_places if item.place else all_meters:
                outcomes[row, kind].append(item.verdict)
    return {place: _evidence(record.run_id, record.campaign, record.started, told) for place, told in outcomes.items()}


def _of_night(night: Night) -> dict[tuple[str, Kind], Evidence]:
    outcomes: dict[tuple[str, Kind], list[str]] = defaultdict(list)
    for result in night.results:
        if result.outcome not in ("skip", "error"):  # neither says anything about the product
            for row in result.requirements:
                outcomes[row, result.kind].append(result.outcome)
    return {place: _evidence(night.night, "night", night.started, told) for place, told in outcomes.items()}


def _evidence(by: str, campaign: str, when: str, outcomes: list[str]) -> Evidence:
    return Evidence(by=by, campaign=campaign, when=when, findings=len(outcomes), outcome=str(worst(outcomes)))


def _state(name: str, row: Row, twins: Evidence | None, places: Evidence | None, proved: bool) -> State:
    if not row.serves:
        return "open"
    seen = [each for each in (twins, places) if each is not None]
    if any(each.outcome != "pass" for each in seen):
        return "failing"
    if not seen:
        return "served"
    if name.startswith("U"):
        return "done"
    return "done" if len(seen) == 2 and proved else "partly"
