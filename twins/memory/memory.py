"""The memory of one meter: its parts as attributes, written down before they hold or, together, before anybody is told.

What was never set has the value that the meter left the factory with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

from protocols.dlms.disconnect import SwitchState
from protocols.dlms.limiter import LimiterState
from twins.memory.journal import Change, MemoryJournal
from twins.memory.parts import Booking, Event, Heard, Opening, Push, Restart, Secrets, Transfer
from twins.meter.clock import Adjustment

T = TypeVar("T")


class Kept(Generic[T]):
    """An attribute that is a kept part of the journal."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, memory: None, owner: type) -> Kept[T]: ...

    @overload
    def __get__(self, memory: MeterMemory, owner: type) -> T: ...

    def __get__(self, memory: MeterMemory | None, owner: type) -> Kept[T] | T:
        if memory is None:
            return self
        return memory.part(self._name)  # type: ignore[no-any-return]

    def __set__(self, memory: MeterMemory, value: T) -> None:
        memory.note(self._name, value)


class MeterMemory:
    """What one meter (by fleet-wide index) remembers; ``factory`` are its kept parts when nothing was done to it."""

    switch = Kept[SwitchState]()
    limiter = Kept[LimiterState]()
    limit_booking = Kept[Booking]()
    switch_booking = Kept[Booking]()
    secrets = Kept[Secrets]()
    push = Kept[Push]()
    transfer = Kept[Transfer]()
    firmware = Kept[str]()
    restart: Kept[Restart | None] = Kept()

    def __init__(self, journal: MemoryJournal, index: int, factory: Mapping[str, Any]) -> None:
        self.index = index
        self._journal, self._factory = journal, factory
        self._group: list[Change] | None = None

    def part(self, name: str) -> Any:
        """A part by name, as it is now."""
        parts = self._journal.meters.get(self.index)
        return self._factory.get(name) if parts is None or name not in parts else parts[name]

    def factory(self, name: str) -> Any:
        """A kept part as it left the factory."""
        return self._factory.get(name)

    def note(self, name: str, value: Any) -> None:
        """Replace a kept part, or add an entry to a growing one."""
        if self._group is None:
            self._journal.write(self.index, [(name, value)])
        else:
            self._group.append((name, value))
        self._journal.take(self.index, name, value)
        if self._group is None:
            self._journal.tidy()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is noted within is written down at the end, as one: a kill leaves all of it or nothing.

        Nobody may be told of it before that. Within another one, it is the outer one that counts.
        """
        if self._group is not None:
            yield
            return
        self._group = []
        try:
            yield
        finally:
            group, self._group = self._group, None
            if group:
                self._journal.write(self.index, group)
                self._journal.tidy()

    @property
    def events(self) -> Sequence[Event]:
        """The event log, oldest first."""
        return self.part("events") or ()

    @property
    def shifts(self) -> Sequence[Adjustment]:
        """Settings of the clock, in order."""
        return self.part("shifts") or ()

    @property
    def openings(self) -> Sequence[Opening]:
        """Times without supply, in order."""
        return self.part("openings") or ()

    @property
    def heard(self) -> Mapping[str, int]:
        """Highest counter by client title (hex) under the key in force."""
        return self.part("heard") or {}

    @property
    def blocks(self) -> set[int]:
        """Numbers of the image blocks that have come."""
        return self.part("blocks") or set()

    @property
    def power_failures(self) -> int:
        """How often the line failed since the plan began."""
        return sum(opening.outage for opening in self.openings)

    def log(self, time: int, code: int) -> None:
        """Enter an event."""
        self.note("events", Event(time, code))

    def hear(self, title: bytes, counter: int) -> None:
        """Remember the counter of a client."""
        self.note("heard", Heard(title.hex(), counter))
