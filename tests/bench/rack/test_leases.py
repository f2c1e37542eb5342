from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bench.rack.errors import LeaseDeniedError
from bench.rack.journal import Journal, JournalError, replay
from bench.rack.leases import RESUME_GRACE, Armed, Ending, Event, Fitness, Freed, HealthSet, LeaseBook

CLAIMS = {"a": {"source-1", "relay-1:1"}, "b": {"source-1", "relay-1:2"}, "c": {"source-2"}, "d": {"relay-2:1"}}


def acquired(book: LeaseBook, *places: str, ttl: float = 60.0, now: float = 0.0, owner: str = "ann") -> str:
    event = book.acquire(owner, {place: CLAIMS[place] for place in places}, ttl, now, f"s{book.last}")
    book.apply(event)
    return event.lease.token


class Leases(RuleBasedStateMachine):
    """Anybody asks for anything at any time; the journal is read back as it goes."""

    def __init__(self) -> None:
        super().__init__()
        self.book = LeaseBook()
        self.now = 1000.0
        self.tokens: list[str] = []
        self.over: set[str] = set()
        self.journal: list[bytes] = []

    def record(self, event: Event) -> None:
        self.journal.append(msgspec.json.encode(event))
        self.book.apply(event)

    @rule(places=st.sets(st.sampled_from(sorted(CLAIMS)), min_size=1), ttl=st.integers(1, 30))
    def acquire(self, places: set[str], ttl: int) -> None:
        wanted = {place: CLAIMS[place] for place in sorted(places)}
        try:
            event = self.book.acquire("ann", wanted, ttl, self.now, f"s{len(self.tokens)}")
        except LeaseDeniedError:
            return
        self.record(event)
        self.tokens.append(event.lease.token)

    @rule(seconds=st.integers(0, 20))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), ttl=st.integers(1, 30))
    def extend(self, data: st.DataObject, ttl: int) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        try:
            self.record(self.book.extend(token, ttl, self.now))
        except LeaseDeniedError:
            return
        assert token not in self.over

    @rule()
    def expire(self) -> None:
        for lease in self.book.overdue(self.now):
            self.record(Ending(lease.number, "expired"))
            self.over.add(lease.token)

    @rule()
    def free(self) -> None:
        for lease in list(self.book.leases.values()):
            if lease.ending:
                self.record(Freed(lease.number))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), armed=st.booleans())
    def arm(self, data: st.DataObject, armed: bool) -> None:
        try:
            lease = self.book.check(data.draw(st.sampled_from(self.tokens)), self.now)
        except LeaseDeniedError:
            return
        self.record(Armed(lease.number, armed))

    @rule(place=st.sampled_from(sorted(CLAIMS)), health=st.sampled_from(["good", "bad", "maintenance"]))
    def health(self, place: str, health: str) -> None:
        self.record(HealthSet(place, Fitness(health, "drawn", self.now)))  # type: ignore[arg-type]

    @invariant()
    def nothing_has_two_holders(self) -> None:
        held = [thing for lease in self.book.leases.values() for thing in (*lease.places, *lease.claims)]
        assert len(held) == len(set(held))

    @invariant()
    def an_old_token_never_passes(self) -> None:
        for token in self.over:
            with pytest.raises(LeaseDeniedError):
                self.book.check(token, self.now)

    @invariant()
    def the_journal_leads_to_the_same_book(self) -> None:
        again = replay(self.journal)
        assert (again.leases, again.fitness, again.last) == (self.book.leases, self.book.fitness, self.book.last)


TestLeases = Leases.TestCase


@given(cut=st.integers(0, 2000))
def test_a_journal_that_is_cut_anywhere_leads_to_the_events_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "leases.jsonl"
    journal = Journal(path)
    first = journal.book.acquire("ann", {"a": CLAIMS["a"]}, 60.0, 0.0, "secret")
    for event in (first, Armed(1, True), Ending(1, "released"), Freed(1), HealthSet("a", Fitness("good", "ok", 1.0))):
        journal.record(event)
    journal.close()
    data = path.read_bytes()[:cut]
    path.write_bytes(data)

    journal = Journal(path)
    assert journal.book.leases == replay(data.split(b"\n")[:-1]).leases
    journal.record(HealthSet("b", Fitness("bad", "after the cut", 2.0)))
    journal.close()
    journal = Journal(path)
    assert journal.book.fitness["b"].health == "bad"
    journal.close()


def test_two_places_at_one_source_cannot_have_two_holders() -> None:
    book = LeaseBook()
    acquired(book, "a")
    with pytest.raises(LeaseDeniedError, match="source-1 of b is held by ann with a"):
        acquired(book, "b", owner="bob")
    acquired(book, "c", owner="bob")


def test_one_lease_may_have_both() -> None:
    assert LeaseBook().acquire("ann", {"a": CLAIMS["a"], "b": CLAIMS["b"]}, 60, 0, "s").lease.places == ("a", "b")


@pytest.mark.parametrize(
    ("token", "now", "place", "words"),
    [
        ("1-s0", 61.0, None, "lease 1 expired 1.0 s ago"),
        ("1-guess", 1.0, None, "not the token of lease 1"),
        ("2-s0", 1.0, None, "no lease of this token"),
        ("", 1.0, None, "no lease of this token"),
        ("٣-s0", 1.0, None, "no lease of this token"),
        ("1-s0", 1.0, "c", "lease 1 is of a, not of c"),
    ],
)
def test_a_token_is_refused_with_the_reason(token: str, now: float, place: str | None, words: str) -> None:
    book = LeaseBook()
    acquired(book, "a")
    with pytest.raises(LeaseDeniedError, match=words):
        book.check(token, now, place)


def test_a_heartbeat_prolongs_and_never_shortens() -> None:
    book = LeaseBook()
    token = acquired(book, "a", ttl=2.0)
    assert book.beat(token, 1.0).expires == 3.0
    book.apply(book.extend(token, 100.0, 1.0))
    book.apply(book.extend(token, 2.0, 1.0))
    assert book.leases[1].expires == 3.0
    with pytest.raises(LeaseDeniedError):
        book.beat(token, 3.0)


def test_after_a_restart_holders_have_time_to_beat_again() -> None:
    book = LeaseBook()
    acquired(book, "a", ttl=2.0)
    acquired(book, "c", ttl=3600.0)
    book.resume(500.0)
    assert book.leases[1].expires == 502.0
    assert book.leases[2].expires == 3600.0
    book.resume(4000.0)
    assert book.leases[2].expires == 4000.0 + RESUME_GRACE


def test_bad_places_are_refused_and_ones_in_maintenance_are_not() -> None:
    book = LeaseBook()
    book.apply(HealthSet("c", Fitness("bad", "relay stuck", 0.0)))
    with pytest.raises(LeaseDeniedError, match="c is bad \\(relay stuck\\)"):
        acquired(book, "c")
    book.apply(HealthSet("c", Fitness("maintenance", "in repair", 0.0)))
    acquired(book, "c")


def test_states_of_a_place() -> None:
    book = LeaseBook()
    assert book.state("a") == "idle"
    acquired(book, "a")
    assert book.state("a") == "reserved"
    book.apply(Armed(1, True))
    assert book.state("a") == "running"
    book.apply(Ending(1, "released"))
    assert book.state("a") == "ending"
    book.apply(Freed(1))
    assert book.state("a") == "idle"


def test_one_rack_has_one_owner_and_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leases.jsonl"
    journal = Journal(path)
    with pytest.raises(JournalError, match="another gateway"):
        Journal(path)
    journal.close()
    path.write_bytes(b'{"type":"freed","number":3}\n')
    with pytest.raises(JournalError, match=":1: not an event that fits"):
        Journal(path)


def test_what_comes_too_late_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "leases.jsonl"
    journal = Journal(path)
    journal.record(journal.book.acquire("ann", {"a": CLAIMS["a"]}, 60.0, 0.0, "secret"))
    journal.record(Freed(1))
    with pytest.raises(JournalError, match="lease 1 is over; freed comes too late"):
        journal.record(Freed(1))
    journal.close()
    Journal(path).close()
