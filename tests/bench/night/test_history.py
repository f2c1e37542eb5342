"""The history of nights: what was kept is there again, wherever a kill cuts, and damage is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.errors import BenchFault, InputError
from bench.night.history import History
from bench.night.model import Incident
from tests.bench.night.nights import CLOCK, keys, night


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "results" / "history.jsonl")


def ids(history: History) -> list[str]:
    return [each.night for each in history.newest_first()]


@pytest.mark.requirement("U7")
def test_what_is_kept_is_there_again_newest_first(history: History) -> None:
    kept = [
        night(number, incidents=(Incident(time="t", what="silent", place="lv-1", retired=True),)) for number in (0, 1)
    ]
    assert ids(history) == []
    for each in kept:
        history.append(each)
    assert list(history.newest_first()) == kept[::-1]
    assert [head.night for head in history.heads()] == [each.night for each in kept[::-1]]
    assert history.path.read_bytes().count(b"\n") == 2
    assert history.problems == []


def test_a_line_cut_off_anywhere_is_left_out_and_told_and_the_next_night_stands_alone(history: History) -> None:
    small = [msgspec.structs.replace(night(number), results=(), values=()) for number in range(3)]
    for each in small[:2]:
        history.append(each)
    whole = history.path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first + 1, len(whole)):
        history.path.write_bytes(whole[:cut])
        torn = History(history.path)
        complete = cut == len(whole) - 1  # only its end of line is missing: the night is all there
        assert len(ids(torn)) == 1 + complete
        assert len(torn.problems) == (not complete)
        assert complete or ":2: left out, torn" in torn.problems[0]
        torn.append(small[2])
        after = History(history.path)
        assert ids(after) == [small[2].night, *([small[1].night] if complete else []), small[0].night]
        assert after.problems == []


def test_a_damaged_line_in_the_middle_is_told_with_its_number_and_the_others_are_read(history: History) -> None:
    for number in range(3):
        history.append(night(number))
    lines = history.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"kind":"rack"', b'"kind":"shed"', 1)
    history.path.write_bytes(b"".join(lines))
    assert ids(history) == [night(2).night, night(0).night]
    (problem,) = history.problems
    assert f"{history.path}:2: left out, not a night" in problem
    with pytest.raises(InputError, match="cannot be read"):
        history.find(night(1).night)


def test_another_format_is_refused_with_its_line(history: History) -> None:
    history.append(night(0))
    with history.path.open("ab") as file:
        file.write(history.path.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(InputError, match=r"history\.jsonl:2: format 2 is unknown"):
        ids(history)


def test_keys_of_a_later_version_are_left_alone(history: History) -> None:
    history.append(night(0))
    text = history.path.read_bytes().replace(b'"format":1', b'"format":1,"moon":"full"')
    history.path.write_bytes(text)
    assert list(history.newest_first()) == [night(0)]


def test_a_night_is_kept_once_however_often_it_is_told(history: History) -> None:
    for _ in range(2):
        history.append(night(0))
    assert ids(history) == [night(0).night]
    with pytest.raises(BenchFault, match="already, with other results"):
        history.append(night(0, outcomes=dict.fromkeys(keys(CLOCK), "fail")))


def test_a_night_that_counts_something_twice_is_refused(history: History) -> None:
    sound = night(0)
    with pytest.raises(BenchFault, match=r"counted twice: .*test_registers.* @ lv-1 \(rack\)"):
        history.append(msgspec.structs.replace(sound, results=(*sound.results, sound.results[0])))
    with pytest.raises(BenchFault, match="counted twice: error of"):
        history.append(msgspec.structs.replace(sound, values=(*sound.values, sound.values[0])))
    assert not history.path.exists()


def test_a_night_is_found_by_what_a_person_says(history: History) -> None:
    for number in range(3):
        history.append(night(number))
    history.append(night(3, topology="village", night="20261104-village"))
    assert history.find("last").night == "20261104-village"
    assert history.find("20261103").night == "20261103-rack"
    assert history.find("20261102-rack").night == "20261102-rack"
    for wanted, message in (
        ("last-1", "has 1 nights on topology village"),
        ("202611", "several nights begin like this"),
        ("monday", "no such night in .*; the newest are 20261104-village, 20261103-rack"),
    ):
        with pytest.raises(InputError, match=message):
            history.find(wanted)


def test_last_1_is_the_night_before_on_the_same_topology(history: History) -> None:
    history.append(night(0))
    history.append(night(1, topology="village", night="20261102-village"))
    history.append(night(2))
    assert history.find("last-1").night == night(0).night
    assert [each.night for each in history.before(history.find("last"))] == [night(0).night]


def test_without_nights_the_answer_says_so(history: History, tmp_path: Path) -> None:
    for wanted in ("last", "x"):
        with pytest.raises(InputError, match="no nights yet"):
            history.find(wanted)
    with pytest.raises(InputError, match="give the file of the nights"):
        ids(History(tmp_path))


def test_a_disk_that_refuses_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchFault, match="cannot keep the night"):
        History(tmp_path / "file" / "history.jsonl").append(night(0))
