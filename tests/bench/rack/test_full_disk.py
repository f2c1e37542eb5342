"""A disk that takes nothing any more: what is refused, and that nothing stays energised for it."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rack.audit import Audit, read_audit
from bench.rack.errors import LeaseDeniedError
from bench.rack.journal import Journal, JournalError, replay
from tests.bench.rack.desks import OwnDesk, desk_of
from tests.bench.rack.virtual import VirtualRack, eventually


@contextlib.contextmanager
def full(most: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def desk(rack: VirtualRack, tmp_path: Path) -> Iterator[OwnDesk]:
    with desk_of(rack.describe(tmp_path), tmp_path) as made:
        yield made


def test_a_lease_that_ends_is_made_safe_although_nothing_can_be_written(rack: VirtualRack, desk: OwnDesk) -> None:
    token = desk.lease()
    desk.energise(token)
    assert rack.volts() > 95
    (lease,) = desk.living()
    with full(), pytest.raises(JournalError, match=r"freed cannot be written down .*; make room"):
        desk.end(lease, "expired")
    eventually(rack.is_safe)
    assert desk.place("lv-1")["state"] == "ending"  # and nobody gets it
    with pytest.raises(LeaseDeniedError, match="is over: expired"):
        desk.energise(token)
    with pytest.raises(LeaseDeniedError, match=r"held by ann \(lease 1, ending\)"):
        desk.lease()


def test_nothing_is_energised_that_could_not_be_written_down(rack: VirtualRack, desk: OwnDesk) -> None:
    token = desk.lease()
    with full(), pytest.raises(JournalError, match="armed cannot be written down"):
        desk.energise(token)
    assert rack.volts() < 1
    desk.energise(token)
    assert rack.volts() > 95


def test_half_a_line_is_taken_back(desk: OwnDesk, tmp_path: Path) -> None:
    path = tmp_path / "leases.jsonl"
    desk.lease("lv-3")
    with full(path.stat().st_size + 20), pytest.raises(JournalError, match="acquired cannot be written down"):
        desk.lease("lv-1")
    desk.lease("lv-2")
    book = replay(path.read_bytes().splitlines())
    assert [lease.places for lease in book.leases.values()] == [("lv-3",), ("lv-2",)]
    assert path.read_bytes().endswith(b"\n")


def test_the_audit_log_stops_nobody(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", lambda: 1.0)
    audit.line("ann", "first")
    with full():
        audit.line("ann", "second")
    with full((tmp_path / "audit.jsonl").stat().st_size + 20):
        audit.line("ann", "half of it")
    audit.line("ann", "third")
    audit.close()
    assert [line["what"] for line in read_audit(tmp_path / "audit.jsonl")] == ["first", "third"]


def test_a_journal_on_a_full_disk_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "leases.jsonl").touch()
    with full():
        journal = Journal(tmp_path / "leases.jsonl")
    assert journal.book.leases == {}
    journal.close()
    assert (tmp_path / "leases.jsonl").stat().st_size == 0
