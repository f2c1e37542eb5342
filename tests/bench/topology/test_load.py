from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.topology import Problem, TopologyError, load_topology
from tests.bench.topology.broken import BROKEN, SOUND, Broken


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(TopologyError) as caught:
        load_topology(path)
    return caught.value.problems


def written(folder: Path, text: str) -> Path:
    path = folder / "test.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.title)
def test_a_broken_topology_has_one_problem_with_place_and_words(broken: Broken, tmp_path: Path) -> None:
    path = written(tmp_path, broken.text)
    problems = problems_of(path)
    assert [(p.line, p.column, p.path) for p in problems] == [(broken.line, broken.column, broken.path)]
    assert broken.words in str(problems[0])
    assert str(problems[0]).startswith(f"{path}:{broken.line}:{broken.column}: {broken.path}: ")


def test_the_sound_topology_that_the_broken_ones_come_from_is_sound(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND)
    loaded = load_topology(path)
    assert loaded.topology.meters == 350
    assert (loaded.path, loaded.text, loaded.sha256) == (path, SOUND, hashlib.sha256(SOUND.encode()).hexdigest())


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SOUND.replace("seed: 7", "seed: x").replace("T00:00", "T00:01").replace("plc", "lte").replace("south", "S")
    problems = problems_of(written(tmp_path, text))
    assert [p.path for p in problems] == ["seed", "clock.start", "areas[0].medium", "areas[1].name"]


def test_the_error_is_bad_input_and_has_one_line_for_each_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_topology(written(tmp_path, SOUND.replace("seed: 7", "seed: x").replace("plc", "lte")))
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 2


def test_more_problems_than_anybody_reads_are_counted(tmp_path: Path) -> None:
    problems = problems_of(written(tmp_path, SOUND + "".join(f"key{i}: 1\n" for i in range(80))))
    assert len(problems) == 51
    assert problems[-1].what == "30 more problems"


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere.yaml", "there is no such file"), (".", "is a directory"), ("a" * 300, "cannot be read")],
)
def test_a_path_that_is_no_file_is_told(name: str, words: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / name)
    assert (problem.line, problem.column, problem.path) == (1, 1, "topology")
    assert words in problem.what


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problems_of(tmp_path / "pipe")[0].what == "is not a regular file"


def test_an_unreadable_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert problems_of(written(tmp_path, SOUND))[0].what == "cannot be read (Permission denied)"


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    assert "1,000,001 bytes are too many" in problems_of(written(tmp_path, "#" * 1_000_001))[0].what


def test_bytes_that_are_not_utf8_are_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "test.yaml"
    path.write_bytes(b"name: test\ndescription: caf\xe9\n")
    (problem,) = problems_of(path)
    assert (problem.line, problem.column, problem.what) == (2, 17, "the byte 0xE9 is not UTF-8")


def test_a_byte_order_mark_and_carriage_returns_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "test.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode())
    assert load_topology(path).topology.meters == 350
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").replace("plc", "lte").encode())
    assert (problems_of(path)[0].line, problems_of(path)[0].column) == (11, 13)


def test_a_problem_below_an_alias_is_told_where_it_stands(tmp_path: Path) -> None:
    text = SOUND.replace("load_mix: {", "load_mix: &mix {").replace(
        "concentrators: 1 }", "concentrators: 1, load_mix: *mix }"
    )
    assert load_topology(written(tmp_path, text)).topology.areas[1].load_mix == {"household": 0.8, "shop": 0.2}
    problems = problems_of(written(tmp_path, text.replace("0.2", "0.1")))
    assert [(p.line, p.path) for p in problems] == [(14, "areas[0].load_mix"), (14, "areas[1].load_mix")]


def test_tls_files_are_looked_for_beside_the_topology(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "ca.pem").touch()
    text = SOUND.replace("broker: embedded", "broker: external\n  url: mqtts://broker.example\n  ca: ca.pem")
    assert load_topology(written(tmp_path, text)).topology.bus.broker == "external"
