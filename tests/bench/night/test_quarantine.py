"""Quarantine: whom it covers and until when, its file with the place of every slip, and what is out of date in it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.night.compare import compare
from bench.night.model import Key
from bench.night.quarantine import Entry, check, covering, verify
from bench.night.quarantine_file import QuarantineError, add_entry, load_quarantine, parse, remove_entry
from tests.bench.night.nights import CLOCK, REGISTERS, night

DAY = date(2026, 11, 22)
LV1, LV2 = Key(CLOCK, "rack", "lv-1"), Key(CLOCK, "rack", "lv-2")

FILE = """\
# Known failures of the lab.

- test: bench/suites/test_clock.py::*
  place: lv-1
  reason: drifts since the new firmware
  issue: 12
  owner: ann
  added: 2026-11-20
  expires: 2026-12-01
  mode: run

# The one below waits for a part.
- test: "*::test_registers_survive_a_power_cut"
  kind: twin
  reason: "forgets: see the issue"
  issue: https://issues.example/13
  owner: bob
  added: 2026-11-01
  expires: 2026-11-21
"""


def entry(**fields: object) -> Entry:
    known = {"test": CLOCK, "reason": "known", "issue": "1", "owner": "ann", "added": DAY, "expires": DAY}
    return Entry(**(known | fields))


def test_a_file_reads_as_it_is_written() -> None:
    first, second = parse(FILE, "q.yaml", DAY)
    assert (first.test, first.place, first.kind, first.issue, first.line) == (
        "bench/suites/test_clock.py::*",
        "lv-1",
        None,
        "12",
        3,
    )
    assert (second.place, second.kind, second.mode, second.line) == ("*", "twin", "run", 13)
    assert second.expires == date(2026, 11, 21)
    assert parse("", "q.yaml", DAY) == parse("# nothing yet\n", "q.yaml", DAY) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("  owner: ann\n", ""), "q.yaml:3:3: [0]: owner is missing; add owner: who will mend it"),
        (("mode: run", "mode: walk"), "q.yaml:10:9: [0].mode: 'walk' is not known here; give run or skip"),
        (("owner: ann", "ower: ann"), "q.yaml:7:3: [0].ower: is not a known key; did you mean owner?"),
        (("2026-12-01", "tomorrow"), "q.yaml:9:12: [0].expires: 'tomorrow' is not a date; give a day, such as"),
        (
            ("2026-12-01", "2026-12-21"),
            "q.yaml:9:12: [0].expires: 2026-12-21 is not within 30 days of 2026-11-20; give a",
        ),
        (
            ("added: 2026-11-20", "added: 2026-11-23"),
            "q.yaml:8:10: [0].added: 2026-11-23 is in the future: today is 2026-11-22 in Japan; give 2026-11-22 or a",
        ),
        (("2026-12-01", "2026-11-19"), "q.yaml:9:12: [0].expires: 2026-11-19 is not within 30 days of 2026-11-20"),
        (("reason: drifts since the new firmware", "reason:"), "q.yaml:5:3: [0].reason: an empty value is not usable"),
        (("  kind: twin", "  kind: ghost"), "q.yaml:14:9: [1].kind: 'ghost' is not known here; give rack or twin"),
        (("  place: lv-1", "  place: [lv-1]"), "q.yaml:4:10: [0].place: a list is not usable here"),
        (("  owner: bob", "  owner: bob\n  owner: ann"), "q.yaml:18:3: owner: is given twice; keep one of the two"),
        (("  owner: bob", "  owner: 'bob"), "q.yaml:17:10: quarantine: a quoted text that is not closed"),
    ],
)
def test_each_slip_is_told_with_its_place_and_how_to_mend_it(change: tuple[str, str], message: str) -> None:
    assert change[0] in FILE
    with pytest.raises(QuarantineError) as told:
        parse(FILE.replace(*change), "q.yaml", DAY)
    assert any(line.startswith(message) for line in str(told.value).splitlines())


def test_all_slips_are_told_at_once_and_what_is_no_list_is_refused() -> None:
    with pytest.raises(QuarantineError) as told:
        parse(FILE.replace("  owner: ann\n", "").replace("  owner: bob\n", ""), "q.yaml", DAY)
    assert len(told.value.problems) == 2
    for text in ("tests: []", "yes", "- lv-1"):
        with pytest.raises(QuarantineError, match=r"is not a list|is not an entry"):
            parse(text, "q.yaml", DAY)


def test_brackets_in_a_pattern_are_brackets() -> None:
    mine = entry(test="t.py::test_error[1In-?]")
    assert mine.covers(Key("t.py::test_error[1In-1]", "rack", "lv-1"))
    assert not mine.covers(Key("t.py::test_error[1In-10]", "rack", "lv-1"))
    assert not mine.covers(Key("t.py::test_errorI", "rack", "lv-1"))


def test_an_entry_covers_its_tests_where_and_while_it_says() -> None:
    first, second = parse(FILE, "q.yaml", DAY)
    assert covering([second, first], LV1, DAY) is first
    assert covering([first], LV2, DAY) is None
    assert covering([second], Key(REGISTERS, "rack", "lv-1"), date(2026, 11, 10)) is None
    twin = Key(REGISTERS, "twin", "lv")
    for day, holds in ((1, True), (21, True), (22, False)):
        assert (covering([second], twin, date(2026, 11, day)) is second) == holds
    assert covering([second], twin, date(2026, 10, 31)) is None


def test_check_names_what_is_over_and_what_means_no_test() -> None:
    entries = parse(FILE, "q.yaml", DAY)
    known = [each.key for each in night(0).results]
    assert [(each.entry.owner, each.problem) for each in check(entries, DAY, known)] == [("bob", "expired")]
    gone = [msgspec.structs.replace(entries[0], test="no such test"), *entries[1:]]
    assert [each.problem for each in check(gone, date(2026, 11, 21), known)] == ["unused"]
    assert "(1 day ago)" in check(entries, DAY, None)[0].text
    assert check(gone, date(2026, 11, 21), None) == []


def test_verify_says_which_pass_now_and_for_how_long() -> None:
    past = [night(number, outcomes={LV1: "fail"} if number == 0 else None) for number in (2, 1, 0)]
    tonight = night(3, outcomes={LV2: "fail"})
    found = verify([entry(place="lv-?")], compare(tonight, past))
    assert {each.place: (each.passes, each.nights) for each in found} == {
        **{f"lv-{number}": (True, 4) for number in range(3, 7)},
        "lv-1": (True, 3),
        "lv-2": (False, 1),
    }


def test_add_keeps_the_file_as_it_is_and_makes_it_when_it_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "lab" / "q.yaml"
    add_entry(path, entry(), DAY)
    assert load_quarantine(path, DAY) == [entry(line=1)]
    path.write_text(FILE.rstrip("\n"))
    add_entry(path, entry(place="lv-9", kind="rack", mode="skip", reason='says "no": # always'), DAY)
    assert path.read_text().startswith(FILE)
    added = load_quarantine(path, DAY)[2]
    assert (added.place, added.kind, added.mode, added.reason) == ("lv-9", "rack", "skip", 'says "no": # always')
    with pytest.raises(InputError, match=r"q\.yaml:20: .* is in quarantine already"):
        add_entry(path, entry(place="lv-9", kind="rack"), DAY)


def test_add_refuses_what_the_file_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    with pytest.raises(QuarantineError, match="is not within 30 days"):
        add_entry(path, entry(expires=DAY + timedelta(days=31)), DAY)
    with pytest.raises(QuarantineError, match="reason"):
        add_entry(path, entry(reason=" "), DAY)
    assert not path.exists()


def test_remove_takes_its_lines_and_leaves_the_comments_of_others(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(FILE)
    gone = remove_entry(path, DAY, "bench/suites/test_clock.py::*", "lv-1")
    assert gone.owner == "ann"
    assert path.read_text() == FILE[: FILE.index("- test")] + FILE[FILE.index("\n# The one below") :]
    remove_entry(path, DAY, "*::test_registers_survive_a_power_cut")
    assert load_quarantine(path, DAY) == []
    assert path.read_text().startswith("# Known failures of the lab.\n")
    with pytest.raises(InputError, match="is not in quarantine; in it: nothing"):
        remove_entry(path, DAY, "x")


def test_a_file_written_in_another_way_is_read_but_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    one = "{test: t, reason: r, issue: i, owner: o, added: 2026-11-22, expires: 2026-11-22}"
    flow = f"[{one}, {one.replace('test: t', 'test: u')}]\n"
    path.write_text(flow)
    assert [each.test for each in load_quarantine(path, DAY)] == ["t", "u"]
    for change in (lambda: add_entry(path, entry(), DAY), lambda: remove_entry(path, DAY, "t")):
        with pytest.raises(InputError, match="change it by hand"):
            change()
        assert path.read_text() == flow


WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), max_codepoint=0x2FFF), min_size=1, max_size=30)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(WORDS, WORDS).filter(lambda pair: all(map(str.strip, pair))),
        min_size=1,
        max_size=4,
        unique_by=lambda p: p[0],
    )
)
def test_whatever_is_added_is_there_and_goes_again(tmp_path_factory: pytest.TempPathFactory, told: list) -> None:
    path = tmp_path_factory.mktemp("q") / "q.yaml"
    for test, reason in told:
        add_entry(path, entry(test=test, reason=reason), DAY)
    assert [(each.test, each.reason) for each in load_quarantine(path, DAY)] == told
    for test, _ in told:
        remove_entry(path, DAY, test)
    assert load_quarantine(path, DAY) == []
