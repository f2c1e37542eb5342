from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bench.cli.check import check, schema
from bench.topology.reference import markdown
from bench.topology.schema import schema_text
from tests.bench.topology.broken import BROKEN, SOUND, Broken

app = typer.Typer()
app.command()(check)
app.command()(schema)
TOPOLOGIES = Path(__file__).parents[3] / "topologies"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; topologies lie in another one."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.title)
def test_a_broken_topology_ends_with_2_and_one_line_on_stderr_and_nothing_written(
    broken: Broken, tmp_path: Path, empty: Path
) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(broken.text, encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{path}:{broken.line}:{broken.column}: {broken.path}: ")
    assert broken.words in line
    assert list(empty.iterdir()) == []


def test_a_missing_topology_ends_with_2_and_a_place(empty: Path) -> None:
    result = CliRunner().invoke(app, ["check", "nowhere.yaml"])
    assert result.exit_code == 2
    assert result.stderr.startswith("nowhere.yaml:1:1: topology: there is no such file; give the path")
    assert list(empty.iterdir()) == []


def test_sound_topologies_are_told_in_a_line_each() -> None:
    result = CliRunner().invoke(app, ["check", str(TOPOLOGIES / "demo.yaml"), str(TOPOLOGIES / "village.yaml")])
    assert result.exit_code == 0
    demo, village = result.stdout.splitlines()
    assert demo == (
        f"{TOPOLOGIES / 'demo.yaml'}: ok: 10,000 meters in 40 concentrators of 3 areas, "
        "48 slots from 2026-01-15 00:00 JST, virtual clock, embedded broker"
    )
    assert "200 meters in 2 concentrators" in village


def test_one_broken_file_of_several_does_not_hide_the_others(tmp_path: Path) -> None:
    sound, broken = tmp_path / "sound.yaml", tmp_path / "broken.yaml"
    sound.write_text(SOUND + "defects: [{ kind: silent, meters: 1 }]\n", encoding="utf-8")
    broken.write_text("", encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(broken), str(sound)])
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{sound}: ok: 350 meters in 3 concentrators of 2 areas")
    assert result.stdout.endswith("1 planted defect\n")
    assert result.stderr.startswith(f"{broken}:1:1: ")


def test_json_is_one_object_with_figures_and_problems(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(SOUND.replace("plc", "lte"), encoding="utf-8")
    result = CliRunner().invoke(app, ["check", "--json", str(TOPOLOGIES / "village.yaml"), str(broken)])
    outcome = json.loads(result.stdout)
    assert (result.exit_code, outcome["ok"]) == (2, False)
    village, faulty = outcome["files"]
    assert (village["ok"], village["meters"], village["start"]) == (True, 200, "2026-01-15T00:00:00+09:00")
    assert faulty["problems"] == [
        {
            "file": str(broken),
            "line": 11,
            "column": 13,
            "path": "areas[0].medium",
            "what": "'lte' is not known here",
            "right": "give multihop, cellular, plc or direct",
        }
    ]


def test_the_schema_is_printed_as_json_or_as_the_reference_page() -> None:
    assert CliRunner().invoke(app, ["schema"]).stdout == schema_text()
    assert CliRunner().invoke(app, ["schema", "--markdown"]).stdout == markdown()
