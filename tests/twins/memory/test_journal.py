"""The meters' memory: what was noted is there again, whatever happened to the process; what is damaged is told."""

from __future__ import annotations

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


@pytest.mark.parametrize("line", [b"nonsense", b'[7,"colour","red"]', b'[7,"switch",{"control":9,"mode":1}]', b"[7]"])
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


def test_outdated_lines_go_at_the_next_opening_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_WORTH_REWRITING", 20)
    journal = MemoryJournal(tmp_path)
    memory = MeterMemory(journal, 7, {})
    for number in range(100):
        memory.firmware = str(number)
        memory.hear(b"HES00001", number)
    memory.log(1, 2)
    before = journal.meters
    size = (tmp_path / JOURNAL).stat().st_size
    journal = reopened(journal)
    assert journal.meters == before and (tmp_path / JOURNAL).stat().st_size < size / 10
    with pytest.raises(MemoryFileError):
        MemoryJournal(tmp_path)  # the new file is locked as the old one was
    MeterMemory(journal, 7, {}).firmware = "last"
    assert MeterMemory(reopened(journal), 7, {}).firmware == "last"
