"""What the drivers of SCPI sources share: order of work, checks before, verification after, the way to safety.

A dialect derives from :class:`ScpiSource` and says in which words; it never talks to the wire itself.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from hil_drivers.converted import converted
from hil_drivers.errors import AddressError, AnswerError, InstrumentError, LinkError
from hil_drivers.session import InstrumentIdentity, Session
from hil_drivers.source import (
    Envelope,
    PhaseSetting,
    Progress,
    Segment,
    Setting,
    SourceCan,
    SourceCapabilities,
    SourceReading,
    check_segments,
    check_setting,
)
from hil_drivers.sources.ratings import Changes, Rating, changed, ratings
from protocols.scpi.values import reading, switched

OFF_VOLTS: Final = 5.0
"""Above this (V rms, by the source's own meter) an output that is commanded off is not off; our own choice."""

_SAME: Final = 1e-3  # relative: no dialect shows a setting with fewer than four digits


class ScpiSource(ABC):
    """An AC source at a VISA address, connected and identified.

    ``model`` must occur in its identity; ``rating`` has what differs from the dialect's rating (see
    :class:`~hil_drivers.sources.ratings.Changes`); ``envelope`` narrows it. Raises as
    :class:`~hil_drivers.session.Session`, and AddressError for a rating that cannot be one.
    """

    dialect: ClassVar[str]
    family: ClassVar[str]
    can: ClassVar[frozenset[SourceCan]]

    def __init__(
        self,
        address: str,
        *,
        model: str | None = None,
        rating: Mapping[str, Any] | None = None,
        envelope: Envelope | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        try:
            changes = converted(rating or {}, Changes)
        except msgspec.ValidationError as error:
            raise AddressError(f"{address}: rating: {error}") from None
        self.rating: Rating = changed(ratings()[self.dialect], changes)
        self.capabilities: SourceCapabilities = self.rating.capabilities(self.can, envelope)
        self.setting: Setting | None = None
        self._list_may_stand = True  # who had it before may have left one
        self._list_ends: Setting | None = None
        self.session = Session(address, family=self.family, model=model, timeout_s=timeout_s)

    def identity(self) -> InstrumentIdentity:
        """Ask it who it is."""
        return self.session.identity()

    def configure(self, setting: Setting, *, up_to: float = 0.0) -> None:
        """Set what is put out, in a range that holds ``up_to`` V too; checked before, read back after.

        A list that has been played is left before: at many sources its last point hides every setting.
        """
        check_setting(setting, self.capabilities)
        whole = self._all_phases(setting)

        def job() -> None:
            reach = self._new_range(max(up_to, *(phase.volts for phase in whole.phases)))
            self._leave_list()
            self.session.write(*self.words_for(whole, reach))
            self._verify(whole)
            self.setting = whole

        self.session.run(job)

    def output(self, on: bool) -> None:
        """Switch the output and see that it did."""
        self.session.run(self._on if on else self._off)

    def is_on(self) -> bool:
        """Whether the output is on, as the source says."""
        return self.session.query("OUTP?", switched)

    def reading(self) -> SourceReading:
        """Measure; raises InstrumentError when a protection has tripped."""

        def job() -> SourceReading:
            self._refuse_tripped()
            return self.measure()

        return self.session.run(job)

    def play(self, segments: Sequence[Segment], *, repeat: int = 1) -> None:
        """Load a list and begin it."""
        check_segments(segments, repeat, self.capabilities)

        def job() -> None:
            if self.setting is None:
                raise InstrumentError("nothing has been configured: a list needs a setting to begin and end at")
            whole = [Segment(self._all_phases(part.setting), part.seconds, part.ramp) for part in segments]
            self._list_may_stand, self._list_ends = True, whole[-1].setting
            self.session.write(*self.words_to_play(whole, repeat, self.setting))

        self.session.run(job)

    def progress(self) -> Progress:
        """Where the list is."""
        return self.session.run(self.ask_progress)

    def abort(self) -> None:
        """End the list, and go back to the fixed mode."""

        def job() -> None:
            self.session.write(*self.words_to_abort())
            self._list_may_stand, self._list_ends = False, None

        self.session.run(job)

    def clear_protection(self) -> None:
        """Off first, then release: clearing alone may give the output back."""

        def job() -> None:
            self._off()
            self.session.write(self.word_to_clear())
            self._off()

        self.session.run(job)

    def safe(self) -> None:
        """List ended, output off, verified; tries once more whatever went wrong, over a fresh connection if need be."""

        def job() -> None:
            try:
                self._off()
            except (LinkError, AnswerError, InstrumentError):  # a lost "off" shows as an output that stays on
                self._off()

        self.session.run(job)

    def close(self) -> None:
        """Let go of it; the output stays as it is."""
        self.session.close()

    @abstractmethod
    def words_for(self, setting: Setting, reach: float | None) -> list[str]:
        """The lines that set this; all phases are named; ``reach`` is for the range command, None leaves the range."""

    @abstractmethod
    def words_to_play(self, segments: Sequence[Segment], repeat: int, before: Setting) -> list[str]:
        """The lines that load and start a list; UnsupportedError for what the dialect cannot say."""

    @abstractmethod
    def words_to_abort(self) -> list[str]:
        """The lines that end a list and go back to the fixed mode; harmless when none runs, or none was played."""

    @abstractmethod
    def ask_progress(self) -> Progress:
        """Ask where the list is."""

    @abstractmethod
    def measure(self) -> SourceReading:
        """Read the source's meters."""

    @abstractmethod
    def shown(self, setting: Setting) -> list[tuple[str, float]]:
        """Queries, and what each must answer when the setting has been taken."""

    def words_to_take_remote(self) -> list[str]:
        """The lines that take control back from the panel; only the way to safety uses them."""
        return ["SYST:REM"]

    def word_to_clear(self) -> str:
        """The line that releases a protection."""
        return "OUTP:PROT:CLE"

    def ask(self, text: str) -> float:
        """A number."""
        return self.session.query(text, reading)

    def _new_range(self, volts: float) -> float | None:
        """The range to change to, None to stay. With the output on none changes: it would interrupt the supply."""
        smallest = next(name for name, holds in self.rating.volts_of_ranges if volts <= holds)
        shown = self.ask("VOLT:RANG?")
        now = min(self.rating.ranges, key=lambda name: abs(name - shown))
        if smallest == now:
            return None
        if not self.session.query("OUTP?", switched):
            return smallest
        if smallest < now:
            return None
        raise InstrumentError(f"{self.session.address}: {volts:g} V need another range: switch the output off before")

    def _leave_list(self) -> None:
        """Back to the fixed mode, without a step: where the list ended elsewhere, its last point is set first."""
        if not self._list_may_stand:
            return
        ends, now = self._list_ends, self.setting
        if ends is not None and (now is None or (ends.phases, ends.hertz) != (now.phases, now.hertz)):
            self.session.write(*self.words_for(ends, None))
        self.abort()
        self._list_may_stand = False

    def _all_phases(self, setting: Setting) -> Setting:
        missing = self.rating.phases - len(setting.phases)
        return Setting(setting.phases + (PhaseSetting(0.0),) * missing, setting.hertz, setting.current_limit_a)

    def _verify(self, setting: Setting) -> None:
        for query, wanted in self.shown(setting):
            got = self.ask(query)
            if not math.isclose(got, wanted, rel_tol=_SAME, abs_tol=_SAME):
                raise InstrumentError(f"{self.session.address}: {query} says {got:g} after {wanted:g} was set")

    def _on(self) -> None:
        try:
            self.session.write("OUTP ON")
        except InstrumentError:
            self._refuse_tripped()
            raise
        if not self.session.query("OUTP?", switched):
            self._refuse_tripped()
            raise InstrumentError(f"{self.session.address}: the output did not come on")

    def _off(self) -> None:
        """Whatever else is wrong, first say off; then look whether it is."""
        self.session.send(*self.words_to_take_remote(), *self.words_to_abort(), "OUTP OFF", "*CLS")
        if self.session.query("OUTP?", switched):
            raise InstrumentError(f"{self.session.address}: the output does not go off")
        volts = max(abs(value) for value in self.measure().volts)
        if not volts < OFF_VOLTS:
            raise InstrumentError(
                f"{self.session.address}: {volts:g} V at the terminals although the output is off: is its relay stuck?"
            )

    def _refuse_tripped(self) -> None:
        """Raise InstrumentError when the questionable status says that a protection has tripped."""
        status = round(self.ask("STAT:QUES:COND?"))
        if status:
            raise InstrumentError(f"{self.session.address}: a protection has tripped (questionable status {status})")


def listed(values: Sequence[float], digits: int = 4) -> str:
    """Numbers as a comma list."""
    return ",".join(f"{value:.{digits}f}".rstrip("0").rstrip(".") for value in values)
