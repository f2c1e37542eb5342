"""The J11 stick itself, for emulation: frames from the host and answers of the radio in, frames and requests out.

:data:`REFUSALS` says which command is refused how in which state. Scan, route-B start and transmit are answered when
the radio has done them; a command meanwhile is answered BUSY. What a bad header is answered with, and the states
themselves, are partly our own reading: see ``docs/wisun-stick.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from ipaddress import IPv6Address

from protocols.errors import ProtocolError
from protocols.wisun.j11 import messages
from protocols.wisun.j11.frame import MAX_FRAME, REQUEST, RESPONSE, Broken, Frame, FrameFault, FrameReader
from protocols.wisun.j11.messages import Command, Connection, Notification, PanaResult, Result, SendCode
from protocols.wisun.radio import (
    Associate,
    Beacon,
    Credentials,
    Datagram,
    Join,
    Rejoin,
    Request,
    Reset,
    Scan,
    ScanMode,
    SendResult,
    Terminate,
    Transmit,
    link_local,
)

MAX_PORTS = 8
"""Ports that may be open at once; our own choice."""

MAX_BEACONS = 100
"""Beacons of one scan; 122 would fill a frame."""

SESSION_SECONDS = 86_400
"""The dialect has no way to ask for a lifetime; meters grant one day (§2.2)."""

_VERSION = bytes.fromhex("0401 0100 00000000")  # firmware id, major, minor, revision: unverified


class State(Enum):
    """How far the stick has come."""

    RESET = auto()
    SET_UP = auto()
    STARTED = auto()
    AUTHENTICATING = auto()
    AUTHENTICATED = auto()


_RUNNING = (State.STARTED, State.AUTHENTICATING, State.AUTHENTICATED)
REFUSALS: dict[Command, dict[State, Result]] = {
    Command.SET_UP: dict.fromkeys(_RUNNING, Result.ROUTE_B_RUNNING),
    Command.SET_CREDENTIALS: {State.RESET: Result.NOT_SET_UP, **dict.fromkeys(_RUNNING, Result.CREDENTIALS_SET)},
    Command.SCAN: {State.RESET: Result.NOT_SET_UP, **dict.fromkeys(_RUNNING, Result.ROUTE_B_RUNNING)},
    Command.START_ROUTE_B: {State.RESET: Result.NOT_SET_UP, **dict.fromkeys(_RUNNING, Result.ROUTE_B_RUNNING)},
    Command.STOP_ROUTE_B: dict.fromkeys((State.RESET, State.SET_UP), Result.NOT_STARTED),
    Command.OPEN_PORT: {State.RESET: Result.NOT_SET_UP},
    Command.START_PANA: {
        State.RESET: Result.NOT_SET_UP,
        State.SET_UP: Result.NOT_STARTED,
        State.AUTHENTICATING: Result.PANA_RUNNING,
    },
    Command.END_PANA: {
        State.RESET: Result.NOT_SET_UP,
        State.SET_UP: Result.NOT_STARTED,
        State.STARTED: Result.PANA_NO_PEER,
        State.AUTHENTICATING: Result.PANA_RUNNING,
    },
    Command.TRANSMIT: {
        State.RESET: Result.NOT_SET_UP,
        State.SET_UP: Result.NOT_STARTED,
        State.AUTHENTICATING: Result.AUTHENTICATING,
    },
}
_FAULTS = {
    FrameFault.HEADER_CHECKSUM: Result.HEADER_CHECKSUM,
    FrameFault.DATA_CHECKSUM: Result.DATA_CHECKSUM,
    FrameFault.TOO_SHORT: Result.TOO_SHORT,
    FrameFault.TOO_LONG: Result.TOO_LONG,
}


class _RefusedError(ProtocolError):
    def __init__(self, result: Result) -> None:
        super().__init__(result.name)
        self.result = result


class Module:
    """One stick; see :class:`~protocols.wisun.radio.Stick` for its use."""

    def __init__(self, mac: bytes) -> None:
        self.address = link_local(mac)
        self._reader = FrameReader(REQUEST)
        self._output = bytearray()
        self._requests: list[Request] = []
        self._forget()

    def _forget(self) -> None:
        self.state = State.RESET
        self._credentials: Credentials | None = None
        self._ports: set[int] = set()
        self._channel = messages.FIRST_J11_CHANNEL
        self._meter: Beacon | None = None
        self._pending: Command | None = None
        self._scanned: tuple[int, ...] = ()
        self._beacons: list[Beacon] = []
        self._pair_id = b""
        self._limited = self._terminating = False

    # --- the host's side -------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Bytes from the host, in any chunks; raises nothing."""
        for at in range(0, len(data), MAX_FRAME):
            self._reader.feed(data[at : at + MAX_FRAME])
            while (item := self._reader.next()) is not None:
                if isinstance(item, Broken):
                    believed = item.fault is not FrameFault.HEADER_CHECKSUM
                    self._respond(item.command if believed else messages.BROKEN_HEADER, _FAULTS[item.fault])
                else:
                    self._frame(item)

    def input_timeout(self) -> None:
        """The host stopped in the middle of a frame (the stick waits 1 s): answered TIMEOUT."""
        command = self._reader.clear()
        if command is not None:
            self._respond(command, Result.TIMEOUT)

    def output(self) -> bytes:
        """Take the bytes for the host."""
        taken = bytes(self._output)
        self._output.clear()
        return taken

    def requests(self) -> list[Request]:
        """Take the requests to the radio."""
        taken, self._requests = self._requests, []
        return taken

    def _send(self, code: int, data: bytes) -> None:
        self._output += Frame(code, data).to_bytes(RESPONSE)

    def _respond(self, command: int, result: Result, more: bytes = b"") -> None:
        self._send(command | messages.RESPONSE_BIT, bytes([result]) + more)

    def _frame(self, frame: Frame) -> None:
        try:
            command = Command(frame.code)
        except ValueError:
            self._respond(frame.code, Result.INVALID_COMMAND)
            return
        refusal = REFUSALS.get(command, {}).get(self.state)
        if self._pending is not None and command not in (Command.RESET, Command.VERSION):
            refusal = Result.BUSY
        if refusal is not None:
            self._respond(command, refusal)
            return
        try:
            _ACTIONS[command](self, frame.data)
        except _RefusedError as refused:
            self._respond(command, refused.result)
        except ProtocolError:
            self._respond(command, Result.INVALID_PARAMETER)

    # --- commands --------------------------------------------------------------------------------------------------

    def _reset(self, data: bytes) -> None:
        self._forget()
        self._requests.append(Reset())
        self._send(Notification.STARTED, b"")

    def _version(self, data: bytes) -> None:
        self._respond(Command.VERSION, Result.OK, _VERSION)

    def _set_up(self, data: bytes) -> None:
        self._channel = messages.read_set_up(data)
        self.state = State.SET_UP
        self._respond(Command.SET_UP, Result.OK)

    def _set_credentials(self, data: bytes) -> None:
        credentials = messages.read_credentials(data)
        if self._credentials is not None:
            raise _RefusedError(Result.CREDENTIALS_SET)
        self._credentials = credentials
        self._respond(Command.SET_CREDENTIALS, Result.OK)

    def _scan(self, data: bytes) -> None:
        request = messages.ScanRequest.from_bytes(data)
        self._pending, self._scanned, self._beacons = Command.SCAN, request.channels, []
        self._pair_id = request.pair_id
        mode = ScanMode.ACTIVE_PAIR if request.pair_id else ScanMode.ACTIVE
        channels = tuple(messages.arib_channel(c) for c in request.channels)
        seconds = messages.scan_seconds(len(channels), request.duration)
        self._requests.append(Scan(mode, channels, seconds, request.pair_id))

    def _start_route_b(self, data: bytes) -> None:
        if self._credentials is None:
            raise _RefusedError(Result.PANA_NOT_SET)
        self._pending = Command.START_ROUTE_B
        self._requests.append(Associate(messages.arib_channel(self._channel), self._credentials.pair_id))

    def _stop_route_b(self, data: bytes) -> None:
        if self.state in (State.AUTHENTICATED, State.AUTHENTICATING):
            self._requests.append(Terminate())
        self._respond(Command.STOP_ROUTE_B, Result.OK)
        self._disconnect(Connection.MAC_DOWN, State.SET_UP)

    def _open_port(self, data: bytes) -> None:
        port = int.from_bytes(data, "big")
        if len(data) != 2 or not port or len(self._ports) == MAX_PORTS:
            raise _RefusedError(Result.INVALID_PARAMETER)
        if port in self._ports:
            raise _RefusedError(Result.PORT_OPEN)
        self._ports.add(port)
        self._respond(Command.OPEN_PORT, Result.OK)

    def _start_pana(self, data: bytes) -> None:
        if self._credentials is None or self._meter is None:
            raise _RefusedError(Result.PANA_NOT_SET)
        self.state = State.AUTHENTICATING
        self._requests.append(Join(link_local(self._meter.mac), self._credentials, SESSION_SECONDS))
        self._respond(Command.START_PANA, Result.OK)

    def _end_pana(self, data: bytes) -> None:
        self._terminating = True
        self._requests.append(Terminate())
        self._respond(Command.END_PANA, Result.OK)

    def _transmit(self, data: bytes) -> None:
        request = messages.TransmitRequest.from_bytes(data)
        if request.source_port not in self._ports:
            raise _RefusedError(Result.INVALID_PARAMETER)
        self._pending = Command.TRANSMIT
        if self._limited:
            self.transmit_finished(SendResult.FAILED)
            return
        secured = self.state is State.AUTHENTICATED
        ports = request.source_port, request.destination_port
        self._requests.append(Transmit(request.destination, *ports, secured, request.payload))

    # --- the radio's side ------------------------------------------------------------------------------------------

    @property
    def tuning(self) -> tuple[int, int] | None:
        """Channel and network id of the meter that the stick is connected to."""
        return None if self._meter is None else (self._meter.channel, self._meter.pan_id)

    def _finish(self, command: Command) -> bool:
        """Whether the radio's answer belongs to the command that waits for it, which it then does no more."""
        if self._pending is not command:
            return False
        self._pending = None
        return True

    def beacon_found(self, beacon: Beacon) -> None:
        """A coordinator answered the scan; told when the scan is over."""
        wanted = not self._pair_id or beacon.pair_id == self._pair_id
        if self._pending is Command.SCAN and wanted and len(self._beacons) < MAX_BEACONS:
            self._beacons.append(beacon)

    def scan_finished(self, energy: dict[int, int] | None = None) -> None:
        """One notification a channel, then the response."""
        if not self._finish(Command.SCAN):
            return
        for channel in self._scanned:
            found = [b for b in self._beacons if messages.j11_channel(b.channel) == channel]
            self._send(Notification.SCAN_RESULT, messages.scan_result(channel, found))
        self._respond(Command.SCAN, Result.OK)

    def associated(self, beacon: Beacon | None) -> None:
        """Connected to a meter at MAC level, or to none."""
        if not self._finish(Command.START_ROUTE_B):
            return
        if beacon is None:
            self._respond(Command.START_ROUTE_B, Result.MAC_FAILED)
            return
        self.state, self._meter = State.STARTED, beacon
        self._send(Command.START_ROUTE_B | messages.RESPONSE_BIT, messages.route_b_started(beacon))
        self._connection(Connection.MAC_UP, beacon)

    def _connection(self, change: Connection, meter: Beacon) -> None:
        self._send(Notification.CONNECTION, bytes([change]) + meter.mac + bytes([messages.rssi_byte(meter.lqi)]))

    def _disconnect(self, change: Connection, state: State) -> None:
        self.state, self._terminating = state, False
        if self._meter is not None:
            self._connection(change, self._meter)

    def joined(self) -> None:
        """PANA ended well."""
        if self.state is State.AUTHENTICATING and self._meter is not None:
            self.state = State.AUTHENTICATED
            self._send(Notification.PANA, bytes([PanaResult.OK]) + self._meter.mac)
            self._connection(Connection.PANA_UP, self._meter)

    def join_failed(self, *, no_answer: bool = False) -> None:
        """PANA failed; unlike the text dialects, this one tells silence from refusal."""
        if self.state is State.AUTHENTICATING and self._meter is not None:
            self.state = State.STARTED
            result = PanaResult.NO_ANSWER if no_answer else PanaResult.REFUSED
            self._send(Notification.PANA, bytes([result]) + self._meter.mac)

    def transmit_finished(self, result: SendResult) -> None:
        """The datagram is out, or is not."""
        if self._finish(Command.TRANSMIT):
            code = SendCode.NO_ACKNOWLEDGE if result is SendResult.FAILED else SendCode.OK
            self._respond(Command.TRANSMIT, Result.OK, bytes([code]))

    def udp_received(self, datagram: Datagram) -> None:
        """A datagram came in, for a port that is open."""
        if datagram.destination_port in self._ports and self._meter is not None:
            self._send(Notification.RECEIVED, messages.received(datagram, self._meter.pan_id))

    def packet_sent(self, address: IPv6Address, result: SendResult) -> None:
        """This dialect does not show what the stick itself sends."""

    def neighbour_resolved(self, address: IPv6Address) -> None:
        """Nor what its network layer hears."""

    def sent_for(self, seconds: float) -> None:
        """Nor how long it has sent."""

    def session_expired(self) -> None:
        """The stick authenticates again; the host is told how that ended."""
        if self.state is State.AUTHENTICATED:
            self.state = State.AUTHENTICATING
            self._requests.append(Rejoin())

    def session_ended(self) -> None:
        """The meter ended the session."""
        if self.state in (State.AUTHENTICATED, State.AUTHENTICATING):
            self._disconnect(Connection.PANA_DOWN, State.STARTED)

    def terminated(self, *, timed_out: bool = False) -> None:
        """The session is over because the host asked for it; the dialect does not tell whether the meter agreed."""
        if self._terminating:
            self._disconnect(Connection.PANA_DOWN, State.STARTED)

    def send_limit(self, reached: bool) -> None:
        """No notification for it is known: while the limit lasts, transmit ends with NO_ACKNOWLEDGE."""
        self._limited = reached


_ACTIONS: dict[Command, Callable[[Module, bytes], None]] = {
    Command.RESET: Module._reset,
    Command.VERSION: Module._version,
    Command.SET_UP: Module._set_up,
    Command.SET_CREDENTIALS: Module._set_credentials,
    Command.SCAN: Module._scan,
    Command.START_ROUTE_B: Module._start_route_b,
    Command.STOP_ROUTE_B: Module._stop_route_b,
    Command.OPEN_PORT: Module._open_port,
    Command.START_PANA: Module._start_pana,
    Command.END_PANA: Module._end_pana,
    Command.TRANSMIT: Module._transmit,
}
