"""The meters' memory: what was noted is there again, whatever happened to the process; what is damaged is told."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocols.dlms.disconnect import Control, SwitchState
from protocols.dlms.limiter import Emergency, LimiterState
from twins.memory import journal as journal_module
from twins.memory.journal import JOURNAL, MemoryFileError, MemoryJournal
from twins.memory.memory import MeterMemory
from twins.memory.parts import MOST_EVENTS, Booking, Event, Opening, Push, Restart, Secrets, Transfer
from twins.meter.clock import Adjustment

SECRETS = Secrets(bytes(range(16)), bytes(16), b"\xff" * 16, bytes(16), 3, 257)
KEPT = {
    "switch": SwitchState(Control.READY, 6),
    "limiter": LimiterState(40, 10, 5, 6, Emergency(1, 100, 200), (1, 2), over=True, since=99),
    "limit_booking": Booking(bytes(6), 30, ((b"\x01\x02\x03\x04", b"\x05" * 5),), 77),
    "switch_booking": Booking(),
    "secrets": SECRETS,
    "push": Push(b"\x01\x00", 1, b"127.0.0.1:4", random_start=9),
    "transfer": Transfer(1, b"\x00\xffFW", 1234, True, b"\x80"),
    "firmware": "2.0",
    "restart": Restart(1.0, 2.5, "2.1"),
}


def reopened(journal: MemoryJournal) -> MemoryJournal:
    journal.close()
    return MemoryJournal(journal.folder)


@pytest.mark.parametrize("part", KEPT)
def test_a_kept_part_is_there_again(tmp_path: Path, part: str) -> None:
    journal = MemoryJournal(tmp_path)
    MeterMemory(journal, 7, {}).note(part, KEPT[part])
    assert MeterMemory(reopened(journal), 7, {}).part(part) == KEPT[part]


def test_growing_parts_grow_and_are_there_again(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    for code in range(3):
        memory.log(1000 + code, code)
    memory.hear(b"HES00001", 5)
    memory.hear(b"HES00001", 6)
    memory.hear(b"HES00002", 1)
    memory.note("blocks", 4)
    memory.note("blocks", 1)
    memory.note("shifts", Adjustment(1.5, -2.5))
    memory.note("openings", Opening(10, None, False))
    memory.note("openings", Opening(12, None, True))
    memory.note("openings", Opening(10, 20, False))
    for each in (memory, MeterMemory(reopened(journal), 7, {})):
        assert list(each.events) == [Event(1000 + code, code) for code in range(3)]
        assert each.heard == {b"HES00001".hex(): 6, b"HES00002".hex(): 1}
        assert each.blocks == {1, 4}
        assert list(each.shifts) == [Adjustment(1.5, -2.5)]
        assert sorted(each.openings, key=lambda one: one.begin) == [Opening(10, 20, False), Opening(12, None, True)]
        assert each.power_failures == 1


def test_what_was_emptied_stays_empty(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    memory.log(1, 1)
    memory.note("events", None)
    assert not memory.events and not MeterMemory(reopened(journal), 7, {}).events


def test_the_log_keeps_its_newest_entries(tmp_path: Path) -> None:
    memory = MeterMemory(MemoryJournal(tmp_path), 7, {})
    for number in range(MOST_EVENTS + 5):
        memory.log(number, 1)
    assert [event.time for event in memory.events] == list(range(5, MOST_EVENTS + 5))


def test_what_was_never_noted_is_as_the_factory_made_it_and_meters_do_not_mix(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path)
    one, other = (MeterMemory(journal, index, {"firmware": "1.0"}) for index in (7, 8))
    one.firmware = "2.0"
    assert (one.firmware, other.firmware) == ("2.0", "1.0")
    assert set(journal.meters) == {7}


def test_a_line_that_a_kill_cut_off_is_dropped_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path)
    MeterMemory(journal, 7, {}).firmware = "2.0"
    journal.close()
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'[7,"firmware","3')
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    assert memory.firmware == "2.0"
    memory.firmware = "4.0"
    assert MeterMemory(reopened(journal), 7, {}).firmware == "4.0"


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b'[7,"colour","red"]', b'[7,"switch",{"control":9,"mode":1}]', b"[7]", b"[]", b'[7,"firmware"]'],
)
def test_a_damaged_line_is_named_with_its_place(tmp_path: Path, line: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(b'[1,"firmware","2.0"]\n' + line + b"\n")
    with pytest.raises(MemoryFileError, match=rf"{JOURNAL}:2: not an entry"):
        MemoryJournal(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"")
    MemoryJournal(tmp_path).close()


def test_two_owners_are_refused(tmp_path: Path) -> None:
    first = MemoryJournal(tmp_path)
    with pytest.raises(MemoryFileError, match="another process holds it"):
        MemoryJournal(tmp_path)
    first.close()
    MemoryJournal(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryFileError, match="cannot keep"):
        MemoryJournal(tmp_path / "file" / "memory")


def test_only_the_owner_may_read_it_because_it_holds_keys(tmp_path: Path) -> None:
    MemoryJournal(tmp_path).close()
    assert (tmp_path / JOURNAL).stat().st_mode & 0o077 == 0


def test_what_was_noted_together_is_there_whole_or_not_at_all_wherever_a_kill_cuts(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path / "whole")
    memory = MeterMemory(journal, 7, {"firmware": "1.0"})
    with memory.together():
        memory.firmware = "2.0"
        with memory.together():
            memory.log(1, 2)
        assert memory.firmware == "2.0" and not (tmp_path / "whole" / JOURNAL).read_bytes()
    content = (tmp_path / "whole" / JOURNAL).read_bytes()
    (tmp_path / "cut").mkdir()
    for size in range(len(content) + 1):
        (tmp_path / "cut" / JOURNAL).write_bytes(content[:size])
        journal = MemoryJournal(tmp_path / "cut")
        found = MeterMemory(journal, 7, {"firmware": "1.0"})
        journal.close()
        assert (found.firmware, len(found.events)) == (("2.0", 1) if size == len(content) else ("1.0", 0))


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond this: what a full disk does, half a line included."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_clear_error_and_leaves_what_was_told_readable(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    memory.firmware = "2.0"
    with room_for((tmp_path / JOURNAL).stat().st_size + 9), pytest.raises(MemoryFileError, match="cannot write down"):
        memory.firmware = "3.0"
    assert memory.firmware == "2.0", "what could not be written down does not hold"
    with pytest.raises(MemoryFileError):
        memory.log(1, 1)  # there is room again, but behind half a line nothing could be read
    assert journal.failure is not None
    assert MeterMemory(reopened(journal), 7, {}).firmware == "2.0"


def test_power_failures_within_one_second_are_each_counted(tmp_path: Path) -> None:
    memory = MeterMemory(MemoryJournal(tmp_path), 7, {})
    for end in (10, 20):
        memory.note("openings", Opening(10, None, True))
        memory.note("openings", Opening(10, end, True))
    assert memory.power_failures == 2


def test_a_long_life_does_not_make_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_WORTH_REWRITING", 20)
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    memory.log(1, 2)
    for number in range(1000):
        with memory.together():
            memory.hear(b"HES00001", number)
            memory.firmware = str(number)
    assert len((tmp_path / JOURNAL).read_bytes().splitlines()) <= 25
    before = journal.meters
    assert reopened(journal).meters == before


def test_outdated_lines_go_at_the_next_opening_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    for number in range(100):
        memory.firmware = str(number)
        memory.hear(b"HES00001", number)
    memory.log(1, 2)
    before = journal.meters
    size = (tmp_path / JOURNAL).stat().st_size
    monkeypatch.setattr(journal_module, "_WORTH_REWRITING", 20)
    journal = reopened(journal)
    assert journal.meters == before and (tmp_path / JOURNAL).stat().st_size < size / 10
    with pytest.raises(MemoryFileError):
        MemoryJournal(tmp_path)  # the new file is locked as the old one was
    MeterMemory(journal, 7, {}).firmware = "last"
    assert MeterMemory(reopened(journal), 7, {}).firmware == "last"
