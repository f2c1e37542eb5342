"""The host's procedure over a J11 stick: reset, version, set up, credentials, scan, connect, open the port, join.

The order is that of ``reference/meter-protocols`` §2.3; see :class:`~protocols.wisun.host.HostSession` for the use.
The dialect tells nothing of used-up air time and of the session's end of life: a re-authentication shows only by its
outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address

from protocols.errors import ProtocolError
from protocols.wisun.errors import EncodeError, NotReadyError
from protocols.wisun.host import (
    Cause,
    Closed,
    Found,
    Joined,
    JoinFailed,
    Phase,
    Received,
    Sent,
    SessionEvent,
    SessionLost,
    Timing,
)
from protocols.wisun.j11 import messages
from protocols.wisun.j11.frame import MAX_FRAME, REQUEST, RESPONSE, Frame, FrameReader
from protocols.wisun.j11.messages import Command, Connection, Notification, PanaResult, Result, SendCode
from protocols.wisun.radio import ECHONET_PORT, MAX_UDP, Beacon, Credentials, SendResult, link_local

_LOST = frozenset({Connection.MAC_DOWN, Connection.PANA_DOWN})
_UNSPECIFIED = IPv6Address("::")


@dataclass(frozen=True, slots=True)
class _Step:
    """One command of a script: its data, results that are fine beside OK, what to learn, seconds if not usual."""

    command: Command
    data: Callable[[Session], bytes] = lambda s: b""
    tolerated: frozenset[int] = frozenset()
    learn: Callable[[Session, bytes], None] | None = None
    seconds: Callable[[Session], float] | None = None


class Session:
    """One B-route session over one J11 stick."""

    def __init__(self, credentials: Credentials, timing: Timing | None = None) -> None:
        self.phase = Phase.IDLE
        self.beacon: Beacon | None = None
        self._credentials = credentials
        self._timing = timing or Timing()
        self._reader = FrameReader(RESPONSE)
        self._output = bytearray()
        self._events: list[SessionEvent] = []
        self._script: list[_Step] = []
        self._deadline: float | None = None
        self._send_deadline: float | None = None
        self._scans = self._joins = self._connects = 0
        self._only_survey = False

    @property
    def meter(self) -> IPv6Address | None:
        """The address of the meter found."""
        return None if self.beacon is None else link_local(self.beacon.mac)

    @property
    def deadline(self) -> float | None:
        """When :meth:`poll` must be called at the latest."""
        return min((d for d in (self._deadline, self._send_deadline) if d is not None), default=None)

    @property
    def can_send(self) -> bool:
        """Whether :meth:`send` is allowed now."""
        return self.phase is Phase.JOINED and self._send_deadline is None

    def open(self, now: float) -> None:
        """Start anew from any state."""
        self._output.clear()
        self._reader = FrameReader(RESPONSE)
        self.beacon, self._send_deadline = None, None
        self._scans = self._joins = self._connects = 0
        self._only_survey = False
        self._enter(Phase.SETTING_UP, now + self._timing.command)
        self._script = []
        self._request(Command.RESET)

    def survey(self, now: float) -> None:
        """Start anew, and stop behind the scan."""
        self.open(now)
        self._only_survey = True

    def close(self, now: float) -> None:
        """End the session."""
        self._script = []
        self._enter(Phase.CLOSING, now + self._timing.close)
        if self._send_deadline is None:
            self._request(Command.END_PANA)

    def send(self, payload: bytes, now: float) -> None:
        """Send an ECHONET datagram to the meter; raises NotReadyError, EncodeError."""
        if not self.can_send or self.meter is None:
            raise NotReadyError(f"no datagram now: {'busy' if self._send_deadline else self.phase.name.lower()}")
        if not 1 <= len(payload) <= MAX_UDP:
            raise EncodeError(f"a datagram has 1 to {MAX_UDP} bytes, not {len(payload)}")
        request = messages.TransmitRequest(self.meter, ECHONET_PORT, ECHONET_PORT, payload)
        self._request(Command.TRANSMIT, request.to_bytes())
        self._send_deadline = now + self._timing.send

    def output(self) -> bytes:
        """Take the bytes for the stick."""
        taken = bytes(self._output)
        self._output.clear()
        return taken

    def receive(self, data: bytes, now: float) -> list[SessionEvent]:
        """Bytes from the stick, in any chunks; raises nothing. Broken frames and unknown ones are passed over."""
        for at in range(0, len(data), MAX_FRAME):
            self._reader.feed(data[at : at + MAX_FRAME])
            while (item := self._reader.next()) is not None:
                if isinstance(item, Frame):
                    self._frame(item, now)
        return self._taken()

    def poll(self, now: float) -> list[SessionEvent]:
        """What has come due."""
        if self._send_deadline is not None and now >= self._send_deadline:
            self._finish_send(SendResult.UNKNOWN)
        if self._deadline is not None and now >= self._deadline:
            if self.phase is Phase.CLOSING:
                self._closed(clean=False)
            elif self.phase is Phase.JOINING:
                self._fail(Cause.NO_ANSWER)
            else:
                self._fail(Cause.STICK_SILENT)
        return self._taken()

    def _taken(self) -> list[SessionEvent]:
        taken, self._events = self._events, []
        return taken

    def _request(self, command: Command, data: bytes = b"") -> None:
        self._output += Frame(command, data).to_bytes(REQUEST)

    def _enter(self, phase: Phase, deadline: float | None) -> None:
        self.phase, self._deadline = phase, deadline

    def _frame(self, frame: Frame, now: float) -> None:
        action = _NOTIFIED.get(frame.code)
        if action is not None:
            with suppress(ProtocolError):
                action(self, frame.data, now)
        elif frame.code & messages.RESPONSE_BIT and frame.data:
            self._response(frame.code & ~messages.RESPONSE_BIT, frame.data, now)

    # --- scripts ---------------------------------------------------------------------------------------------------

    def _run(self, phase: Phase, script: tuple[_Step, ...], now: float) -> None:
        self.phase, self._script = phase, list(script)
        self._step(now)

    def _step(self, now: float) -> None:
        """Give the script's next command; after the last, go on to the next phase."""
        if self._script:
            step = self._script[0]
            seconds = self._timing.command if step.seconds is None else step.seconds(self)
            self._deadline = now + seconds
            self._request(step.command, step.data(self))
        elif self.phase is Phase.SETTING_UP:
            self._scan(now)
        elif self.phase is Phase.SCANNING:
            self._scanned(now)
        else:
            self._join(now)

    def _scan(self, now: float) -> None:
        self._scans += 1
        self._run(Phase.SCANNING, _SCAN, now)

    def _scanned(self, now: float) -> None:
        if self.beacon is not None and self._only_survey:
            self._enter(Phase.IDLE, None)
            self._events.append(Found(self.beacon))
        elif self.beacon is not None:
            self._run(Phase.ADDRESSING, _CONNECT, now)
        elif self._scans < len(self._timing.scan_durations):
            self._scan(now)
        else:
            self._fail(Cause.NO_BEACON, f"{self._scans} scans")

    def _join(self, now: float) -> None:
        self._joins += 1
        self._enter(Phase.JOINING, now + self._timing.join)
        self._request(Command.START_PANA)

    @property
    def _found_channel(self) -> int:
        return messages.FIRST_J11_CHANNEL if self.beacon is None else messages.j11_channel(self.beacon.channel)

    @property
    def _duration(self) -> int:
        return self._timing.scan_durations[self._scans - 1]

    def _response(self, command: int, data: bytes, now: float) -> None:
        result = data[0]
        if self._script and self._script[0].command == command:
            self._script_response(self._script.pop(0), data, now)
        elif command == Command.TRANSMIT and self._send_deadline is not None:
            sent = result == Result.OK and len(data) == 2 and data[1] & 0x0F == SendCode.OK
            self._finish_send(SendResult.OK if sent else SendResult.FAILED)
        elif command == Command.START_PANA and result != Result.OK:
            self._fail(Cause.STICK_ERROR, f"start PANA: result {result:02X}")
        elif command == Command.END_PANA and result != Result.OK and self.phase is Phase.CLOSING:
            self._closed(clean=False)

    def _script_response(self, step: _Step, data: bytes, now: float) -> None:
        if data[0] == Result.MAC_FAILED and self._connects < self._timing.join_attempts:
            self._connects += 1
            self._scans -= 1  # the same scan once more: meters are known to refuse the first connection
            self.beacon = None
            self._run(Phase.SETTING_UP, (), now)
        elif data[0] != Result.OK and data[0] not in step.tolerated:
            self._fail(Cause.STICK_ERROR, f"{step.command.name}: result {data[0]:02X}")
        else:
            try:
                if step.learn is not None:
                    step.learn(self, data)
            except ProtocolError as error:
                self._fail(Cause.STICK_ERROR, f"{step.command.name}: {error}")
                return
            self._step(now)

    def _learn_meter(self, data: bytes) -> None:
        found = messages.read_route_b_started(data)
        self.beacon = Beacon(found.channel, found.pan_id, found.mac, found.lqi, self._credentials.pair_id)

    def _fail(self, cause: Cause, detail: str = "") -> None:
        stood = self.phase in (Phase.JOINED, Phase.REAUTHENTICATING)
        if self._send_deadline is not None:
            self._finish_send(SendResult.UNKNOWN)
        self._script = []
        self._enter(Phase.IDLE, None)
        self._events.append(SessionLost(cause, detail) if stood else JoinFailed(cause, detail))

    def _finish_send(self, result: SendResult) -> None:
        self._send_deadline = None
        self._events.append(Sent(result))
        if self.phase is Phase.CLOSING:  # the stick takes one command at a time
            self._request(Command.END_PANA)

    def _closed(self, *, clean: bool) -> None:
        self._enter(Phase.IDLE, None)
        self._events.append(Closed(clean))

    # --- notifications ---------------------------------------------------------------------------------------------

    def _started(self, data: bytes, now: float) -> None:
        if self.phase is Phase.SETTING_UP and not self._script:
            self._run(Phase.SETTING_UP, _SET_UP, now)

    def _scan_result(self, data: bytes, now: float) -> None:
        _, beacons = messages.read_scan_result(data)
        if self.phase is Phase.SCANNING and beacons:
            self.beacon = max([*beacons, *([self.beacon] if self.beacon else [])], key=lambda b: b.lqi)

    def _pana(self, data: bytes, now: float) -> None:
        if len(data) != 9 or self.beacon is None or data[1:] != self.beacon.mac:
            raise ProtocolError("PANA result of another meter")
        if self.phase is Phase.JOINING or self.phase is Phase.JOINED:
            if data[0] == PanaResult.OK:
                again = self.phase is Phase.JOINED
                self._joins = 0
                self._enter(Phase.JOINED, None)
                self._events.append(Joined(self.beacon, again))
            elif data[0] != PanaResult.NO_ANSWER:  # trying on with a wrong password may lock the account
                self._fail(Cause.REFUSED)
            elif self.phase is Phase.JOINING and self._joins < self._timing.join_attempts:
                self._join(now)
            else:
                self._fail(Cause.NO_ANSWER, f"{self._joins} attempts")

    def _connection(self, data: bytes, now: float) -> None:
        if len(data) != 10 or data[0] not in _LOST:
            return
        if self.phase is Phase.CLOSING:
            self._closed(clean=True)
        elif self.phase is Phase.JOINED:
            self._fail(Cause.ENDED_BY_METER)

    def _received(self, data: bytes, now: float) -> None:
        """Only ECHONET from our meter: other households' multicasts reach us too."""
        datagram = messages.read_received(data, _UNSPECIFIED, b"" if self.beacon is None else self.beacon.mac)
        if datagram.destination_port == ECHONET_PORT and datagram.source == self.meter:
            self._events.append(Received(datagram))


_SET_UP: tuple[_Step, ...] = (
    _Step(Command.VERSION),
    _Step(Command.SET_UP, lambda s: messages.set_up(messages.FIRST_J11_CHANNEL)),
    _Step(
        Command.SET_CREDENTIALS,
        lambda s: s._credentials.route_b_id + s._credentials.password,
        frozenset({Result.CREDENTIALS_SET}),
    ),
)
_SCAN: tuple[_Step, ...] = (
    _Step(
        Command.SCAN,
        lambda s: messages.ScanRequest(s._duration, messages.CHANNEL_MASK, s._credentials.pair_id).to_bytes(),
        seconds=lambda s: messages.scan_seconds(14, s._duration) + s._timing.scan_margin,
    ),
)
_CONNECT: tuple[_Step, ...] = (
    _Step(Command.SET_UP, lambda s: messages.set_up(s._found_channel)),
    _Step(Command.START_ROUTE_B, learn=Session._learn_meter, seconds=lambda s: s._timing.join),
    _Step(Command.OPEN_PORT, lambda s: ECHONET_PORT.to_bytes(2, "big"), frozenset({Result.PORT_OPEN})),
)
_NOTIFIED: dict[int, Callable[[Session, bytes, float], None]] = {
    Notification.STARTED: Session._started,
    Notification.SCAN_RESULT: Session._scan_result,
    Notification.PANA: Session._pana,
    Notification.CONNECTION: Session._connection,
    Notification.RECEIVED: Session._received,
}
