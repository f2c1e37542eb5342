"""A shard from its first session to its last; sessions are played by what they would tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from bench.night.folder import NightFolder, Shard
from bench.night.model import Incident, Key, Result
from bench.night.rack_care import incident
from bench.night.session import RESULTS, SessionEnd, in_a_row
from bench.night.sessions import read_sessions
from bench.night.shift import Shift
from tests.bench.night.folders import RACK, TWINS, folder, result, tell

A, B, C = (f"suites/test_a.py::test_{name}" for name in "abc")
DONE = SessionEnd("done", 0)


class Rack:
    """A rack whose places are as it is told; keeps what is asked of it."""

    def __init__(self, *bad: str) -> None:
        self.bad, self.asked = set(bad), cast("list[tuple[str, Any]]", [])

    def safe(self, places: Sequence[str]) -> list[Incident]:
        self.asked.append(("safe", tuple(places)))
        return []

    def examine(self, places: Sequence[str]) -> list[Incident]:
        self.asked.append(("examine", tuple(places)))
        return [self.retire(place, "does not answer") for place in places if place in self.bad]

    def retire(self, place: str, why: str) -> Incident:
        return incident(why, place, retired=True)


class Play:
    """Sessions one after the other; each takes the command line and tells its results."""

    def __init__(self, night: NightFolder, shard: Shard, *sessions: Callable[[], SessionEnd]) -> None:
        self.night, self.shard, self.left, self.lines = night, shard, list(sessions), cast("list[list[str]]", [])

    def __call__(self, line: Sequence[str], shard: Shard) -> SessionEnd:
        self.lines.append(list(line))
        return self.left.pop(0)()

    def told(self, *results: Result, end: SessionEnd = DONE) -> Callable[[], SessionEnd]:
        def session() -> SessionEnd:
            tell(self.night, self.shard, *results)
            return end

        return session


@pytest.fixture
def night(tmp_path: Path) -> NightFolder:
    return folder(tmp_path)


def shift(night: NightFolder, shard: Shard, play: Play, rack: Rack | None = None) -> tuple[Shift, list[Incident]]:
    told: list[Incident] = []
    return Shift(night.plan, night, shard, cast("Any", rack), set(), play, told.append), told


def results(night: NightFolder) -> dict[Key, Result]:
    return read_sessions(night.path / RESULTS).results


def test_what_passes_and_what_fails_runs_once(night: NightFolder) -> None:
    play = Play(night, RACK)
    play.left = [play.told(result(A, "pass"), result(B, "fail"), result(C, "inconclusive"))]
    rack = Rack()
    work, told = shift(night, RACK, play, rack)
    assert work.work()
    assert (len(play.lines), told, rack.asked) == (1, [], [])
    assert [each.attempts for each in results(night).values()] == [1, 1, 1]


def test_a_bench_error_is_tried_again_behind_the_safe_state_and_is_flaky_when_it_passes(night: NightFolder) -> None:
    play, rack = Play(night, RACK), Rack()
    play.left = [play.told(result(A, "pass"), result(B, "error")), play.told(result(B, "pass"))]
    work, told = shift(night, RACK, play, rack)
    assert work.work()
    assert rack.asked == [("safe", ("lv-1",)), ("examine", ("lv-1",))]
    found = results(night)[Key(B, "rack", "lv-1")]
    assert (found.outcome, found.flaky, found.attempts, told) == ("pass", True, 2, [])


def test_a_failure_behind_a_bench_error_is_a_failure(night: NightFolder) -> None:
    play = Play(night, RACK)
    play.left = [play.told(result(A, "error")), play.told(result(A, "fail"))]
    work, _ = shift(night, RACK, play, Rack())
    assert work.work()
    found = results(night)[Key(A, "rack", "lv-1")]
    assert (found.outcome, found.flaky, found.attempts) == ("fail", False, 2)


def test_a_bench_error_is_tried_again_twice_and_then_left_out(night: NightFolder) -> None:
    play = Play(night, RACK)
    play.left = [play.told(result(A, "error"), result(B, "error")), play.told(result(A, "error"), result(B, "error"))]
    play.left.append(play.told(result(A, "error"), result(B, "pass")))
    work, told = shift(night, RACK, play, Rack())
    assert work.work()
    assert (len(play.lines), told) == (3, [])
    assert results(night)[Key(A, "rack", "lv-1")].attempts == 3
    assert not any(part.startswith("--deselect") for line in play.lines for part in line)


def test_who_goes_on_after_a_kill_does_not_try_spent_tests_again(night: NightFolder) -> None:
    for _ in range(3):
        tell(night, RACK, result(A, "error"))
    play = Play(night, RACK)
    play.left = [play.told(result(B, "pass"))]
    work, _ = shift(night, RACK, play, Rack())
    assert work.work()
    assert f"--deselect={A}[rack-lv-1]" in play.lines[0]


def test_a_place_that_is_found_bad_is_retired_and_the_others_go_on(night: NightFolder) -> None:
    play = Play(night, RACK)
    ended = SessionEnd("errors", 2)
    play.left = [
        play.told(*(result(each, "error", "lv-1") for each in (A, B, C)), end=ended),
        play.told(*(result(each, "pass", "lv-2") for each in (A, B, C))),
    ]
    work, told = shift(night, RACK, play, Rack("lv-1"))
    assert work.work()
    assert [(each.place, each.retired) for each in told] == [("lv-1", True)]
    assert work.retired == {"lv-1"}
    assert "--bench-place=rack-lv-1" in play.lines[0]
    assert [part for part in play.lines[1] if part.startswith("--bench-place")] == ["--bench-place=rack-lv-2"]


def test_a_place_where_nothing_works_is_retired_though_its_instruments_answer(night: NightFolder) -> None:
    play = Play(night, RACK)
    all_errors = [result(each, "error", "lv-1") for each in (A, B, C)]
    play.left = [play.told(*all_errors) for _ in range(3)]
    work, told = shift(night, RACK, play, Rack())
    assert work.work()
    assert [(each.place, each.retired) for each in told] == [("lv-1", True)]
    assert "3 tests" in told[0].what


def test_no_session_runs_where_all_places_are_retired(night: NightFolder) -> None:
    play = Play(night, RACK)
    work, _ = shift(night, RACK, play, Rack())
    work.retired |= {"lv-1", "lv-2"}
    assert work.work()
    assert play.lines == []


def test_a_test_in_which_the_session_crashed_is_a_bench_error_and_is_tried_again(night: NightFolder) -> None:
    play = Play(night, TWINS)
    lost = Key(B, "twin", "lv-current")
    crash = SessionEnd("crashed", -11, "it said nothing", lost)
    play.left = [
        play.told(result(A, "pass", "lv-current", "twin"), end=crash),
        play.told(result(B, "pass", "lv-current", "twin")),
    ]
    work, told = shift(night, TWINS, play)
    assert work.work()
    found = results(night)[lost]
    assert (found.outcome, found.flaky, found.attempts, told) == ("pass", True, 2, [])


def test_a_test_in_which_the_session_hung_is_not_tried_again(night: NightFolder) -> None:
    play = Play(night, TWINS)
    lost = Key(B, "twin", "lv-current")
    play.left = [
        play.told(end=SessionEnd("hung", -9, "it said nothing", lost)),
        play.told(result(A, "pass", "lv-current", "twin")),
    ]
    work, _ = shift(night, TWINS, play)
    assert work.work()
    assert results(night)[lost].outcome == "error"
    assert "told nothing more" in results(night)[lost].message
    assert f"--deselect={B}[twin-lv-current]" in play.lines[1]


def test_a_session_that_does_not_begin_is_told_and_not_repeated(night: NightFolder) -> None:
    play = Play(night, TWINS, lambda: SessionEnd("refused", 4, "ERROR: unrecognized arguments"))
    work, told = shift(night, TWINS, play)
    assert work.work()
    assert [each.what for each in told] == ["twin-1: pytest ended with 4: ERROR: unrecognized arguments"]


def test_the_users_wish_ends_the_shard_unfinished(night: NightFolder) -> None:
    work, _ = shift(night, TWINS, Play(night, TWINS, lambda: SessionEnd("aborted", 2)))
    assert not work.work()


def test_bench_errors_in_a_row_are_seen_at_one_place_of_the_rack_only() -> None:
    here = [result(each, "error") for each in (A, B, C)]
    assert in_a_row(here, 3) == "lv-1"
    assert in_a_row([result(A, "pass"), *here], 3) == "lv-1"
    assert in_a_row([here[0], result(B, "skip"), *here[1:]], 3) == "lv-1"
    assert in_a_row(here[:2], 3) is None
    assert in_a_row([*here, result(A, "fail")], 3) is None
    between = [one for each in here for one in (each, result(A, "pass", "lv-2"))]
    assert in_a_row(between, 3) == "lv-1"
    assert in_a_row([*here[:2], result(C, "error", "lv-2")], 3) is None
    assert in_a_row([result(each, "error", "lv", "twin") for each in (A, B, C)], 3) is None
