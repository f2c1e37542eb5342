"""The host's procedure over a text-dialect stick: set up, scan, join, send and receive, stay joined, leave.

The scripts and :data:`_ON_EVENT` are tables. Events 29, 24/25, 32 and 33 are normal life (``reference/meter-protocols``
§8, trap 21): sending is blocked and released, nothing fails. Flash is never written: a stick in binary mode (ROPT 00)
is read as it is instead of being told otherwise by WOPT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address

from protocols.errors import ProtocolError
from protocols.wisun.errors import NotReadyError
from protocols.wisun.host import (
    Cause,
    Closed,
    Found,
    Joined,
    JoinFailed,
    Phase,
    Received,
    SendBlocked,
    SendReleased,
    Sent,
    SessionEvent,
    SessionLost,
    Timing,
)
from protocols.wisun.radio import (
    ECHONET_PORT,
    FIRST_CHANNEL,
    LAST_CHANNEL,
    Beacon,
    Credentials,
    Datagram,
    SendResult,
    link_local,
    scan_seconds,
)
from protocols.wisun.skstack.commands import SEND_TO
from protocols.wisun.skstack.dialect import BP35A1, Dialect, detect
from protocols.wisun.skstack.host import Host, Item, Reply
from protocols.wisun.skstack.lines import Event, EventNumber, FailCode, Info

_CHANNELS = LAST_CHANNEL - FIRST_CHANNEL + 1


@dataclass(frozen=True, slots=True)
class _Step:
    """One command of a script: its tokens (None: not in this dialect), refusals that are fine, what to learn."""

    tokens: Callable[[Session], tuple[str, ...] | None]
    tolerated: frozenset[int] = frozenset()
    learn: Callable[[Session, Reply], None] | None = None


class Session:
    """One B-route session over one stick; see :class:`~protocols.wisun.host.HostSession` for its use."""

    def __init__(self, credentials: Credentials, timing: Timing | None = None, dialect: Dialect | None = None) -> None:
        """``dialect`` None: by SKINFO."""
        self.phase = Phase.IDLE
        self.beacon: Beacon | None = None
        self._credentials = credentials
        self._timing = timing or Timing()
        self._fixed_dialect = dialect
        self._host = Host(dialect or BP35A1)
        self._output = bytearray()
        self._script: list[_Step] = []
        self._queued: tuple[str, ...] | None = None
        self._phase_deadline: float | None = None
        self._send_deadline: float | None = None
        self._sent: SendResult | None = None
        self._limited = self._only_survey = False
        self._scans = self._joins = 0
        self._events: list[SessionEvent] = []

    # --- the driver's side -----------------------------------------------------------------------------------------

    @property
    def dialect(self) -> Dialect:
        """How the stick speaks, as far as it is known by now."""
        return self._host.dialect

    @property
    def meter(self) -> IPv6Address | None:
        """The address of the meter found."""
        return None if self.beacon is None else link_local(self.beacon.mac)

    @property
    def meter_text(self) -> str:
        """The meter's address as the stick writes it."""
        return "" if self.meter is None else self.meter.exploded.upper()

    @property
    def deadline(self) -> float | None:
        """When :meth:`poll` must be called at the latest."""
        deadlines = [d for d in (self._phase_deadline, self._send_deadline) if d is not None]
        return min(deadlines, default=None)

    @property
    def can_send(self) -> bool:
        """Whether :meth:`send` is allowed now."""
        return self.phase is Phase.JOINED and not self._limited and not self._host.busy

    def open(self, now: float) -> None:
        """Start anew from any state."""
        self._output.clear()
        self._host = Host(self._fixed_dialect or BP35A1)
        self._output += b"\r\n"  # ends whatever stands half-written on the line
        self._queued = self._send_deadline = self.beacon = None
        self._limited, self._scans, self._joins, self._only_survey = False, 0, 0, False
        self._run(Phase.SETTING_UP, _SET_UP, now)

    def survey(self, now: float) -> None:
        """Start anew, and stop behind the scan."""
        self.open(now)
        self._only_survey = True

    def close(self, now: float) -> None:
        """End the session."""
        self._enter(Phase.CLOSING, now + self._timing.close)
        self._command(("SKTERM",))

    def send(self, payload: bytes, now: float) -> None:
        """Send an ECHONET datagram to the meter, encrypted; raises NotReadyError, EncodeError."""
        if not self.can_send or self.meter is None:
            state = "out of air time" if self._limited else "busy" if self._host.busy else self.phase.name.lower()
            raise NotReadyError(f"no datagram now: {state}")
        self._output += self._host.send_to(self.meter, ECHONET_PORT, payload)
        self._send_deadline = now + self._timing.send
        self._sent = None

    def output(self) -> bytes:
        """Take the bytes for the stick."""
        taken = bytes(self._output)
        self._output.clear()
        return taken

    def receive(self, data: bytes, now: float) -> list[SessionEvent]:
        """Bytes from the stick; raises nothing."""
        for item in self._host.items(data):
            self._take(item, now)
        return self._taken()

    def poll(self, now: float) -> list[SessionEvent]:
        """What has come due."""
        if self._send_deadline is not None and now >= self._send_deadline:
            self._host.cancel()
            self._finish_send(SendResult.UNKNOWN)
        if self._phase_deadline is not None and now >= self._phase_deadline:
            _ON_DEADLINE[self.phase](self, now)
        return self._taken()

    def _taken(self) -> list[SessionEvent]:
        taken, self._events = self._events, []
        return taken

    # --- scripts ---------------------------------------------------------------------------------------------------

    def _enter(self, phase: Phase, deadline: float | None) -> None:
        self.phase, self._phase_deadline = phase, deadline

    def _run(self, phase: Phase, script: tuple[_Step, ...], now: float) -> None:
        self._enter(phase, None)
        self._script = list(script)
        self._step(now)

    def _step(self, now: float) -> None:
        """Give the script's next command; after the last, go on to the next phase."""
        while self._script:
            tokens = self._script[0].tokens(self)
            if tokens is not None:
                self._phase_deadline = now + self._timing.command
                self._command(tokens)
                return
            del self._script[0]
        if self.phase is Phase.SETTING_UP:
            self._scan(now)
        else:
            self._join(Phase.JOINING, now)

    def _command(self, tokens: tuple[str, ...]) -> None:
        """Give a command now, or after the answer that is still to come."""
        if self._host.busy:
            self._queued = tokens
        else:
            self._output += self._host.command(*tokens)

    def _scan(self, now: float) -> None:
        durations = self._timing.scan_durations
        duration = durations[min(self._scans, len(durations) - 1)]
        self._scans += 1
        seconds = scan_seconds(_CHANNELS, duration) + self._timing.scan_margin
        self._enter(Phase.SCANNING, now + seconds)
        side = ("0",) if self.dialect.has_side else ()
        self._command(("SKSCAN", "2", "FFFFFFFF", f"{duration:X}", *side))

    def _join(self, phase: Phase, now: float) -> None:
        self._joins += 1
        self._enter(phase, now + self._timing.join)
        self._command(("SKJOIN", self.meter_text))

    def _fail(self, cause: Cause, detail: str = "") -> None:
        """The procedure is over, or a session that stood is lost."""
        stood = self.phase in (Phase.JOINED, Phase.REAUTHENTICATING)
        if self._send_deadline is not None:
            self._finish_send(SendResult.UNKNOWN)
        self._host.cancel()
        self._queued = None
        self._enter(Phase.IDLE, None)
        self._events.append(SessionLost(cause, detail) if stood else JoinFailed(cause, detail))

    # --- what the stick says ---------------------------------------------------------------------------------------

    def _take(self, item: Item, now: float) -> None:
        if isinstance(item, Reply):
            self._reply(item, now)
        elif isinstance(item, Beacon):
            if self.phase is Phase.SCANNING and item.pair_id == self._credentials.pair_id:
                self.beacon = item
        elif isinstance(item, Datagram):
            self._received(item)
        elif isinstance(item, Event):
            number = item.number
            if number == EventNumber.SENT:
                self._note_sent(item)
            elif number in (EventNumber.LIMIT_REACHED, EventNumber.LIMIT_RELEASED):
                self._limit(number == EventNumber.LIMIT_REACHED)
            elif (action := _ON_EVENT.get((self.phase, number))) is not None:
                action(self, now)

    def _reply(self, reply: Reply, now: float) -> None:
        queued, self._queued = self._queued, None
        if reply.command == SEND_TO and self._send_deadline is not None:
            said = SendResult.UNKNOWN if self._sent is None else self._sent
            self._finish_send(SendResult.FAILED if reply.code is not None else said)
        elif self.phase in (Phase.SETTING_UP, Phase.ADDRESSING) and self._script:
            self._script_reply(self._script.pop(0), reply, now)
        elif reply.code is not None and self.phase is not Phase.CLOSING and reply.command != SEND_TO:
            self._fail(Cause.STICK_ERROR, f"{reply.command}: FAIL ER{reply.code:02d}")
        elif reply.code is not None and reply.command == "SKTERM":
            self._closed(clean=False)
        if queued is not None and self.phase is not Phase.IDLE:
            self._command(queued)

    def _script_reply(self, step: _Step, reply: Reply, now: float) -> None:
        if reply.code is not None and reply.code not in step.tolerated:
            self._fail(Cause.STICK_ERROR, f"{reply.command}: FAIL ER{reply.code:02d}")
            return
        try:
            if step.learn is not None and reply.code is None:
                step.learn(self, reply)
        except ProtocolError as error:
            self._fail(Cause.STICK_ERROR, f"{reply.command}: {error}")
            return
        self._step(now)

    def _received(self, datagram: Datagram) -> None:
        """Only ECHONET from our meter: other households' multicasts reach us too."""
        if datagram.destination_port == ECHONET_PORT and datagram.source == self.meter:
            self._events.append(Received(datagram))

    def _note_sent(self, event: Event) -> None:
        if self._send_deadline is not None and event.address == self.meter and event.parameter in (0, 1, 2):
            self._sent = SendResult(event.parameter)

    def _finish_send(self, result: SendResult) -> None:
        self._send_deadline = None
        self._events.append(Sent(result))

    def _limit(self, reached: bool) -> None:
        if reached != self._limited:
            self._limited = reached
            self._events.append(SendBlocked(by_air_time=True) if reached else SendReleased())

    def _learn_dialect(self, reply: Reply) -> None:
        info = Info.parse(reply.lines[-1] if reply.lines else "")
        if self._fixed_dialect is None:
            self._host.dialect = detect(info.last)

    def _learn_option(self, reply: Reply) -> None:
        self._host.udp_as_text = (reply.lines or ("01",))[-1][-1:] != "0"

    def _learn_lqi(self, _: Reply) -> None:
        self._host.show_lqi(True)

    def _learn_address(self, reply: Reply) -> None:
        if reply.lines[-1:] != (self.meter_text,):
            raise ProtocolError("not the address that the MAC address gives")

    # --- events and deadlines by phase -----------------------------------------------------------------------------

    def _scan_done(self, now: float) -> None:
        if self.beacon is not None and self._only_survey:
            self._enter(Phase.IDLE, None)
            self._events.append(Found(self.beacon))
        elif self.beacon is not None:
            self._run(Phase.ADDRESSING, _ADDRESSING, now)
        elif self._scans < len(self._timing.scan_durations):
            self._scan(now)
        else:
            self._fail(Cause.NO_BEACON, f"{self._scans} scans")

    def _established(self, now: float) -> None:
        again = self.phase is not Phase.JOINING
        blocked = self.phase is Phase.REAUTHENTICATING
        self._joins = 0
        self._enter(Phase.JOINED, None)
        if self.beacon is not None:
            self._events.append(Joined(self.beacon, again))
        if blocked and not self._limited:
            self._events.append(SendReleased())

    def _refused(self, now: float) -> None:
        if self._joins < self._timing.join_attempts:
            self._join(self.phase, now)
        else:
            self._fail(Cause.REFUSED, f"{self._joins} attempts")

    def _expired(self, now: float) -> None:
        self._enter(Phase.REAUTHENTICATING, now + self._timing.join)
        self._events.append(SendBlocked(by_air_time=False))

    def _reauthentication_failed(self, now: float) -> None:
        if self.phase is Phase.JOINED:
            self._expired(now)
        self._join(Phase.REAUTHENTICATING, now)

    def _ended(self, now: float) -> None:
        self._fail(Cause.ENDED_BY_METER)

    def _end_confirmed(self, now: float) -> None:
        self._closed(clean=True)

    def _end_unconfirmed(self, now: float) -> None:
        self._closed(clean=False)

    def _closed(self, *, clean: bool) -> None:
        self._host.cancel()
        self._enter(Phase.IDLE, None)
        self._events.append(Closed(clean))

    def _stick_silent(self, now: float) -> None:
        self._fail(Cause.STICK_SILENT)

    def _scan_overdue(self, now: float) -> None:
        if self._host.busy:
            self._fail(Cause.STICK_SILENT)
        else:
            self._scan_done(now)

    def _join_overdue(self, now: float) -> None:
        self._fail(Cause.STICK_SILENT if self._host.busy else Cause.NO_ANSWER)


_SET_UP: tuple[_Step, ...] = (
    _Step(lambda s: ("SKRESET",)),
    _Step(lambda s: ("SKINFO",), learn=Session._learn_dialect),
    _Step(lambda s: ("ROPT",), frozenset({FailCode.UNSUPPORTED}), Session._learn_option),
    _Step(lambda s: ("SKSREG", "SA2", "1") if s.dialect.has_side else None, learn=Session._learn_lqi),
    _Step(lambda s: ("SKSETPWD", f"{len(s._credentials.password):X}", s._credentials.password.decode("ascii"))),
    _Step(lambda s: ("SKSETRBID", s._credentials.route_b_id.decode("ascii"))),
)
_ADDRESSING: tuple[_Step, ...] = (
    _Step(lambda s: ("SKLL64", s.beacon.mac.hex().upper()) if s.beacon else None, learn=Session._learn_address),
    _Step(lambda s: ("SKSREG", "S2", f"{s.beacon.channel:02X}") if s.beacon else None),
    _Step(lambda s: ("SKSREG", "S3", f"{s.beacon.pan_id:04X}") if s.beacon else None),
)
_ON_EVENT: dict[tuple[Phase, int], Callable[[Session, float], None]] = {
    (Phase.SCANNING, EventNumber.SCAN_DONE): Session._scan_done,
    (Phase.JOINING, EventNumber.JOINED): Session._established,
    (Phase.JOINING, EventNumber.JOIN_FAILED): Session._refused,
    (Phase.JOINED, EventNumber.EXPIRED): Session._expired,
    (Phase.JOINED, EventNumber.JOINED): Session._established,
    (Phase.JOINED, EventNumber.JOIN_FAILED): Session._reauthentication_failed,
    (Phase.JOINED, EventNumber.ENDED): Session._ended,
    (Phase.JOINED, EventNumber.END_TIMED_OUT): Session._ended,
    (Phase.REAUTHENTICATING, EventNumber.JOINED): Session._established,
    (Phase.REAUTHENTICATING, EventNumber.JOIN_FAILED): Session._refused,
    (Phase.REAUTHENTICATING, EventNumber.ENDED): Session._ended,
    (Phase.CLOSING, EventNumber.ENDED): Session._end_confirmed,
    (Phase.CLOSING, EventNumber.END_TIMED_OUT): Session._end_unconfirmed,
}
_ON_DEADLINE: dict[Phase, Callable[[Session, float], None]] = {
    Phase.SETTING_UP: Session._stick_silent,
    Phase.SCANNING: Session._scan_overdue,
    Phase.ADDRESSING: Session._stick_silent,
    Phase.JOINING: Session._join_overdue,
    Phase.REAUTHENTICATING: Session._join_overdue,
    Phase.CLOSING: Session._end_unconfirmed,
}
