"""One twin as a device: its view, clock and memory, and everything that is done to it or that it does by itself.

Rules of this file: whatever changes is written into the memory before anybody is told, and what changes together as
one; the supply follows the switch and the line, to the second; :meth:`Device.step` does what falls due, and may be
called as seldom or as often as one likes. ``now`` is the true instant (Unix s) that everything belongs to; who has a
clock sets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace as changed

import msgspec

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.disconnect import Command, Control, SwitchState, move
from protocols.dlms.errors import RefusalError
from protocols.dlms.limiter import LimiterState, Turn, step
from twins.device import schedule
from twins.device.factory import event_codes, factory
from twins.memory.memory import MeterMemory
from twins.memory.parts import Booking, Opening, Restart
from twins.meter.clock import Adjustment, Clocks, shift_at
from twins.meter.interruptions import FOREVER, Span
from twins.meter.view import MeterView

SWITCH_SCRIPTS = bytes([0, 0, 10, 0, 106, 255])
LIMIT_SCRIPTS = bytes([0, 0, 10, 0, 107, 255])
"""Script tables: of the switch, and of the limit, where script n sets n ampere."""

SWITCH_SCRIPT: dict[int, Command] = {
    1: Command.REMOTE_DISCONNECT,
    2: Command.REMOTE_RECONNECT,
    3: Command.LOCAL_DISCONNECT,
    4: Command.LOCAL_RECONNECT,
}
LIMITER_SCRIPTS = (3, 4)
"""Scripts of the switch table that the limiter runs when the value turns over and under its threshold."""

_MOST_AMPERE = 10_000  # of a limit by script
_MOST_AHEAD = 86_400  # s that a booking's last run may lie ahead of a clock set back: less must not run it twice
_MOVED = {
    (Command.REMOTE_DISCONNECT, False): "remote_disconnected",
    (Command.REMOTE_RECONNECT, True): "remote_connected",
    (Command.LOCAL_DISCONNECT, False): "local_disconnected",
    (Command.LOCAL_RECONNECT, True): "local_connected",
    (Command.MANUAL_DISCONNECT, False): "local_disconnected",
    (Command.MANUAL_RECONNECT, True): "local_connected",
}
_ACTIVE_PARTS = ("limiter", "limit_booking", "switch_booking", "restart")


class Device:
    """A twin that things can be done to.

    ``told`` is called with each event code, after it was logged; ``restarted`` when it runs another firmware; those in
    ``started`` whenever it begins to run, be it after an outage. ``line`` brings what feeds it to an instant and tells
    whether the meter runs on it then; a twin's does. ``ignores_bookings`` plants that defect.
    """

    def __init__(self, view: MeterView, clocks: Clocks, memory: MeterMemory, *, ignores_bookings: bool = False) -> None:
        self.now = 0.0
        self._bookings = () if ignores_bookings else ("limit_booking", "switch_booking")
        self.view, self.memory = view, memory
        self.told: Callable[[int], None] = lambda code: None
        self.restarted: Callable[[], None] = lambda: None
        self.started: list[Callable[[], None]] = []
        self.line: Callable[[float], bool] = lambda now: True
        self._clocks = clocks
        self._supply()
        self._clocks.put_shift(view.index, shift_at(memory.shifts, math.inf))

    # Time

    @property
    def time(self) -> int:
        """What the meter's clock shows, Unix seconds."""
        return math.floor(self._clocks.of(self.view.index, self.now))

    def set_time(self, to: int) -> None:
        """Set the meter's clock to show ``to`` (Unix seconds)."""
        shift = to - self._clocks.of(self.view.index, self.now)
        with self.memory.together():
            self.memory.note("shifts", Adjustment(self.now, shift))
            self._clocks.put_shift(self.view.index, shift_at(self.memory.shifts, math.inf))
            self._follow_clock(to, round(shift))
            self.log("clock_set")

    def _follow_clock(self, to: int, shift: int) -> None:
        """Durations that run go on; bookings that ran in a future which never came are due again."""
        limiter = self.memory.limiter
        if limiter.since is not None:
            self.memory.limiter = changed(limiter, since=limiter.since + shift)
        for part in self._bookings:
            booking: Booking = self.memory.part(part)
            if booking.done > to + _MOST_AHEAD:
                self.memory.note(part, msgspec.structs.replace(booking, done=to))

    # Switch and supply

    def command_switch(self, command: Command) -> None:
        """Move the switch; refuses (:class:`RefusalError`) what its control mode does not allow from here."""
        self.set_switch(move(self.memory.switch, command), _MOVED.get((command, command not in _OPENING)))

    def set_switch(self, state: SwitchState, event: str | None = None) -> None:
        """The switch in another state, which opens or closes the supply; a state it is in already changes nothing."""
        before = self.memory.switch
        if state == before:
            return
        with self.memory.together():
            self.memory.switch = state
            if before.output and not state.output:
                self._interrupt(outage=False)
            elif state.output and not before.output:
                self._restore(outage=False)
            if state.mode != before.mode:
                self.log("switch_mode_changed")
            moved = state.output != before.output or state.control is Control.DISCONNECTED
            if event is not None and moved:  # to be ready for a hand at the button is no event: nothing was switched
                self.log(event)

    def lose_line(self) -> None:
        """The line fails: the meter is off, its registers stand, and it counts one more power failure."""
        if self._open(outage=True) is None:
            with self.memory.together():
                self.log("power_down")
                self._interrupt(outage=True)

    def line_returns(self) -> None:
        """The line is back."""
        if self._open(outage=True) is not None:
            with self.memory.together():
                self._restore(outage=True)
                self.log("power_up")
        self._tell_start()

    @property
    def alive(self) -> bool:
        """Whether the meter runs at all: it has a line, and is not starting into another firmware."""
        fed, restart = self.line(self.now), self.memory.restart
        return fed and self._open(outage=True) is None and (restart is None or self.now < restart.begins)

    def answers(self, now: float) -> bool:
        """Whether it is alive at an instant, which is the device's now from then on."""
        self.now = now
        return self.alive

    def _tell_start(self) -> None:
        for tell in self.started:
            tell()

    # Limit

    def set_limiter(self, state: LimiterState) -> None:
        """Other thresholds, durations or emergencies."""
        before = self.memory.limiter
        self.memory.limiter = state
        if (state.normal, state.emergency, state.profile) != (before.normal, before.emergency, before.profile):
            self.log("limit_changed")

    def current_a(self) -> int:
        """Current of the leg that has more, in whole ampere, rounded up: what the limiter watches."""
        seen = self.view.electric(self.now)
        most = max(abs(seen.current_r_ma), abs(seen.current_t_ma or 0))
        return math.ceil(most / 1000)

    # Scripts and bookings

    def run_script(self, table: bytes, selector: int) -> None:
        """Run a script of the switch or of the limit; refuses one that does not exist or is not allowed now."""
        if table == SWITCH_SCRIPTS and selector in SWITCH_SCRIPT:
            self.command_switch(SWITCH_SCRIPT[selector])
        elif table == LIMIT_SCRIPTS and 1 <= selector <= _MOST_AMPERE:
            self.set_limiter(changed(self.memory.limiter, normal=selector))
        else:
            raise RefusalError(DataAccessResult.OBJECT_UNDEFINED, f"no script {selector} in {table.hex()}")

    def book(self, part: str, booking: Booking) -> None:
        """Keep a booking (part ``limit_booking`` or ``switch_booking``); what was due before now is not made up for."""
        for entry in booking.times:
            schedule.check(entry)
        self.memory.note(part, msgspec.structs.replace(booking, done=self.time))
        self.log("booking_set")

    # What the meter does by itself

    @property
    def busy(self) -> bool:
        """Whether :meth:`step` could have anything to do."""
        return any(self.memory.part(part) != self.memory.factory(part) for part in _ACTIVE_PARTS)

    def step(self) -> None:
        """Do what is due, as one: finish a restart, run bookings, mind the limit."""
        with self.memory.together():
            self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        restart = self.memory.restart
        if restart is not None and self.now >= restart.until:
            self._start_into(restart)
        if self.memory.restart is not None or not self.alive:
            return
        for part in self._bookings:
            self._run_booking(part)
        self._mind_limit()

    def restart_into(self, firmware: str) -> None:
        """Begin to start into another firmware; asked again, nothing changes."""
        if self.memory.restart is not None:
            return
        begins = self.now + factory().image.answer_s
        self.memory.restart = Restart(begins, begins + factory().image.restart_s, firmware)

    def log(self, event: str) -> None:
        """Enter an event into the log, by name, and tell whoever wants to know."""
        code = event_codes()[event]
        self.memory.log(self.time, code)
        self.told(code)

    def _start_into(self, restart: Restart) -> None:
        self.memory.firmware = restart.firmware
        self.memory.restart = None
        self.log("image_activated")
        self.restarted()
        self._tell_start()

    def _run_booking(self, part: str) -> None:
        booking: Booking = self.memory.part(part)
        time = self.time
        if not booking.times or time <= booking.done:
            return
        instants = schedule.due(booking.times, booking.done, time)
        if not instants:
            return
        self.memory.note(part, msgspec.structs.replace(booking, done=instants[-1]))
        try:
            self.run_script(booking.table, booking.selector)
        except RefusalError:
            self.log("booking_refused")
        else:
            self.log("booking_done")

    def _mind_limit(self) -> None:
        before = self.memory.limiter
        after, turn = step(before, self.time, self.current_a() if self.memory.switch.output else 0)
        if after != before:
            self.memory.limiter = after
        if turn is None:
            return
        over = turn is Turn.OVER
        self.log("limit_exceeded" if over else "limit_kept")
        try:
            self.run_script(SWITCH_SCRIPTS, LIMITER_SCRIPTS[0 if over else 1])
        except RefusalError:
            return  # the control mode leaves it to others: only the log tells

    # The supply of the home

    def _open(self, *, outage: bool) -> Opening | None:
        """The opening of this cause that lasts, if one does."""
        lasting = (opening for opening in self.memory.openings if opening.end is None and opening.outage is outage)
        return next(lasting, None)

    def _interrupt(self, *, outage: bool) -> None:
        self.memory.note("openings", Opening(int(self.now), None, outage))
        self._supply()

    def _restore(self, *, outage: bool) -> None:
        opening = self._open(outage=outage)
        if opening is not None:
            self.memory.note("openings", Opening(opening.begin, int(self.now), outage))
            self._supply()

    def _supply(self) -> None:
        """Make the view's home have the supply that the memory says."""
        spans = [Span(o.begin, FOREVER if o.end is None else o.end) for o in self.memory.openings]
        if spans:
            self.view.interrupt(_joined(spans), switched_off=self._open(outage=False) is not None, now=self.now)


_OPENING = frozenset({Command.REMOTE_DISCONNECT, Command.LOCAL_DISCONNECT, Command.MANUAL_DISCONNECT})


def _joined(spans: list[Span]) -> list[Span]:
    """The same times as spans that do not overlap: an outage may fall into the time of an open switch."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
