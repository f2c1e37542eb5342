"""The counter journal: no counter twice, whatever kills its owner."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from twins.journal import CounterJournal, JournalError

# Uses counters as fast as it can and prints each one *before* the next is covered, until it is killed.
_OWNER = """
import sys, pathlib
from twins.journal import CounterJournal
journal = CounterJournal(pathlib.Path(sys.argv[1]), step=7)
counter = journal.ceiling
while True:
    counter += 1
    journal.cover(counter)
    print(counter, flush=True)
"""


def test_a_new_owner_starts_above_everything_the_old_one_may_have_used(tmp_path: Path) -> None:
    first = CounterJournal(tmp_path / "j", step=10)
    assert (first.epoch, first.ceiling) == (1, 0)
    first.cover(1)
    first.cover(10)
    first.close()
    second = CounterJournal(tmp_path / "j", step=10)
    assert second.epoch == 2
    assert second.ceiling > 10
    second.close()


def test_no_counter_is_used_twice_over_three_kill_9(tmp_path: Path) -> None:
    used: list[int] = []
    for _ in range(3):
        owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path / "j")], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        used += [int(owner.stdout.readline()) for _ in range(25)]
        owner.send_signal(signal.SIGKILL)
        used += [int(line) for line in owner.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        owner.wait()
        owner.stdout.close()
    assert len(used) == len(set(used)) >= 75


def test_two_owners_at_once_are_refused(tmp_path: Path) -> None:
    owner = CounterJournal(tmp_path / "j")
    with pytest.raises(JournalError, match="another process"):
        CounterJournal(tmp_path / "j")
    owner.close()


def test_an_entry_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    journal = CounterJournal(tmp_path / "j", step=10)
    journal.cover(5)
    journal.close()
    ceiling = journal.ceiling
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"epoch":1,"ceil')
    again = CounterJournal(tmp_path / "j")
    assert (again.epoch, again.ceiling) == (2, ceiling)
    again.close()
    CounterJournal(tmp_path / "j").close()


def test_a_damaged_journal_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b'{"epoch":1,"ceiling":4}\nrubbish\n')
    with pytest.raises(JournalError, match="j:2: not a journal entry"):
        CounterJournal(tmp_path / "j")


def test_the_last_counter_is_the_end(tmp_path: Path) -> None:
    journal = CounterJournal(tmp_path / "j")
    journal.cover(2**32 - 1)
    with pytest.raises(JournalError, match="renewed"):
        journal.cover(2**32)
    journal.close()
