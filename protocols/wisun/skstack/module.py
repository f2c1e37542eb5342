"""The stick itself, for emulation: a host's bytes and the radio's answers in, bytes and radio requests out.

One command at a time: while a datagram is on its way, further input waits. Events are whole lines, so they never break
another line. :data:`~protocols.wisun.skstack.states.TRANSITIONS` says which commands a stick takes in which state;
the others are answered ER10. Facts: ``reference/meter-protocols`` §2.1; what no source tells is listed as unverified in
``docs/wisun-stick.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address

from protocols.wisun.errors import EncodeError
from protocols.wisun.radio import (
    FIRST_CHANNEL,
    LAST_CHANNEL,
    PAIR_ID_LENGTH,
    PASSWORD_LENGTH,
    Beacon,
    Credentials,
    Datagram,
    Join,
    Ping,
    Rejoin,
    Request,
    Reset,
    Scan,
    ScanMode,
    SendResult,
    Terminate,
    Transmit,
    link_local,
    scan_seconds,
)
from protocols.wisun.skstack.command_reader import LINE_LIMIT, CommandLine, CommandReader, Unreadable
from protocols.wisun.skstack.commands import PRODUCT_COMMANDS, SEND_TO, CommandRefusedError, parse_command
from protocols.wisun.skstack.dialect import Dialect
from protocols.wisun.skstack.fields import format_address
from protocols.wisun.skstack.lines import (
    OK,
    Event,
    EventNumber,
    FailCode,
    fail,
    format_description,
    format_energy,
    format_udp,
)
from protocols.wisun.skstack.settings import Settings
from protocols.wisun.skstack.states import SESSION, TRANSITIONS, State, Trigger


class Module:
    """One stick. After :meth:`receive` and after each answer of the radio, take :meth:`requests`, :meth:`output`."""

    def __init__(self, dialect: Dialect, mac: bytes, *, udp_as_text: bool = True) -> None:
        """``mac`` 8 bytes; ``udp_as_text`` is the stored option of WOPT (01: ERXUDP data as hexadecimal text)."""
        self.dialect = dialect
        self.address = link_local(mac)
        self.settings = Settings(dialect, mac, udp_as_text=udp_as_text)
        self.registers = self.settings.registers
        self.state = State.IDLE
        self._reader = CommandReader(dialect)
        self._output = bytearray()
        self._requests: list[Request] = []
        self._forget()

    def _forget(self) -> None:
        """The state after power-on and SKRESET."""
        self.state = State.IDLE
        self._password: bytes | None = None
        self._route_b_id: bytes | None = None
        self._peer: IPv6Address | None = None
        self._scan_mode = ScanMode.ACTIVE_PAIR
        self._sending: IPv6Address | None = None

    # --- the host's side -------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Bytes from the host, in any chunks; raises nothing."""
        for at in range(0, len(data), LINE_LIMIT):
            self._reader.feed(data[at : at + LINE_LIMIT])
            self._work()

    def input_timeout(self) -> None:
        """The host stopped in the middle of a command: forget it, answer ER09."""
        if self._sending is None and self._reader.clear():
            self._line(fail(FailCode.UART))

    def output(self) -> bytes:
        """Take the bytes for the host."""
        taken = bytes(self._output)
        self._output.clear()
        return taken

    def requests(self) -> list[Request]:
        """Take the requests to the radio."""
        taken, self._requests = self._requests, []
        return taken

    def _work(self) -> None:
        while self._sending is None and (item := self._reader.next()) is not None:
            if isinstance(item, Unreadable):
                self._line(fail(FailCode.UART))
            elif item.tokens != [""]:
                self._command(item)
            elif self.registers.flag("SFE"):  # hosts that send CRLF after the data of SKSENDTO wait for it to come back
                self._output += item.echo.encode("latin-1")

    def _command(self, command: CommandLine) -> None:
        name = command.tokens[0]
        if self.registers.flag("SFE"):
            self._output += command.echo.encode("latin-1")
        try:
            arguments = parse_command(command.tokens, self.dialect)
            if name == SEND_TO:
                self._send_to(command.data or b"", *arguments)
            elif name in _ACTIONS:
                _ACTIONS[name](self, *arguments)
            else:
                self._answer(name, self.settings.execute(name, arguments))
        except CommandRefusedError as refused:
            self._answer(name, [fail(refused.code)])

    def _answer(self, name: str, lines: list[str]) -> None:
        with_cr_only = name in PRODUCT_COMMANDS and self.dialect.has_product_commands
        for line in lines:
            self._line(line, "\r" if with_cr_only else "\r\n")

    def _line(self, text: str, end: str = "\r\n") -> None:
        self._output += (text + end).encode("latin-1")

    def _event(self, number: EventNumber, address: IPv6Address, parameter: int | None = None) -> None:
        self._line(Event(number, address, 0, parameter).format(self.dialect))

    def _may(self, trigger: Trigger) -> bool:
        return (self.state, trigger) in TRANSITIONS

    def _move(self, trigger: Trigger) -> bool:
        """Take a transition; False, and nothing happens, where the table has none."""
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self.state = following
        return True

    def _command_moves(self, trigger: Trigger) -> None:
        if not self._move(trigger):
            raise CommandRefusedError(FailCode.EXECUTION, f"{trigger.name} while {self.state.name}")

    # --- commands --------------------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self._forget()
        self.settings.reset()
        self._requests.append(Reset())
        self._line(OK)

    def _set_password(self, length: int, password: bytes) -> None:
        if len(password) != length:
            raise CommandRefusedError(FailCode.ARGUMENT, "password length")
        self._password = password
        self._line(OK)

    def _set_id(self, route_b_id: bytes) -> None:
        self._route_b_id = route_b_id
        self.registers["S0A"] = route_b_id[-PAIR_ID_LENGTH:]
        self._line(OK)

    def _scan(self, mode: ScanMode, mask: int, duration: int) -> None:
        channels = tuple(c for c in range(FIRST_CHANNEL, LAST_CHANNEL + 1) if mask >> (c - FIRST_CHANNEL) & 1)
        if not channels:
            raise CommandRefusedError(FailCode.ARGUMENT, "no channel")
        self._command_moves(Trigger.SCAN)
        self._scan_mode = mode
        pair_id = self.registers["S0A"] if mode is ScanMode.ACTIVE_PAIR else b""
        assert isinstance(pair_id, bytes)
        self._requests.append(Scan(mode, channels, scan_seconds(len(channels), duration), pair_id))
        self._line(OK)

    def _join(self, address: IPv6Address) -> None:
        if self._route_b_id is None or self._password is None or len(self._password) != PASSWORD_LENGTH:
            raise CommandRefusedError(FailCode.EXECUTION, "no credentials")
        credentials = self._credentials(self._route_b_id, self._password)
        self._command_moves(Trigger.JOIN)
        self._peer = address
        self._requests.append(Join(address, credentials, self.registers.number("S16")))
        self._line(OK)

    @staticmethod
    def _credentials(route_b_id: bytes, password: bytes) -> Credentials:
        try:
            return Credentials(route_b_id, password)
        except EncodeError:
            raise CommandRefusedError(FailCode.EXECUTION, "credentials") from None

    def _rejoin(self) -> None:
        self._command_moves(Trigger.REJOIN)
        self._requests.append(Rejoin())
        self._line(OK)

    def _terminate(self) -> None:
        self._command_moves(Trigger.TERMINATE)
        self._requests.append(Terminate())
        self._line(OK)

    def _send_to(self, data: bytes, handle: int, address: IPv6Address, port: int, security: int, length: int) -> None:
        if len(data) != length:
            raise CommandRefusedError(FailCode.ARGUMENT, "length")
        source_port = self.settings.ports[handle - 1]
        if not source_port:
            raise CommandRefusedError(FailCode.EXECUTION, f"handle {handle} has no port")
        self._sending = address
        secured = security > 0 and self.state in SESSION
        if self.registers.flag("SFB") or self.state is State.JOINING or (security == 1 and not secured):
            self._sent(SendResult.FAILED)
        else:
            self._requests.append(Transmit(address, source_port, port, secured, data))

    def _ping(self, address: IPv6Address) -> None:
        self._requests.append(Ping(address))
        self._line(OK)

    # --- the radio's side ------------------------------------------------------------------------------------------

    @property
    def tuning(self) -> tuple[int, int]:
        """Channel and network id that the host has set (registers S02, S03)."""
        return self.registers.number("S02"), self.registers.number("S03")

    def beacon_found(self, beacon: Beacon) -> None:
        """A coordinator answered: EVENT 20 and its description, unless it is not the one we are paired with."""
        if not self._may(Trigger.SCANNED) or self._scan_mode is ScanMode.ENERGY:
            return
        paired = self._scan_mode is ScanMode.ACTIVE_PAIR
        if paired and beacon.pair_id != self.registers["S0A"]:
            return
        shown = beacon if paired else Beacon(beacon.channel, beacon.pan_id, beacon.mac, beacon.lqi, page=beacon.page)
        self._event(EventNumber.BEACON, link_local(beacon.mac))
        for line in format_description(shown, self.dialect):
            self._line(line)

    def scan_finished(self, energy: dict[int, int] | None = None) -> None:
        """The scan is over: EVENT 22, or EVENT 1F and the energy of each channel."""
        if not self._move(Trigger.SCANNED):
            return
        if self._scan_mode is not ScanMode.ENERGY:
            self._event(EventNumber.SCAN_DONE, self.address)
            return
        self._event(EventNumber.ENERGY_SCAN_DONE, self.address)
        for line in format_energy(energy or {}):
            self._line(line)

    def joined(self) -> None:
        """EVENT 25."""
        if self._move(Trigger.ESTABLISHED) and self._peer is not None:
            self._event(EventNumber.JOINED, self._peer)

    def join_failed(self, *, no_answer: bool = False) -> None:
        """EVENT 24, whatever the reason: these dialects do not tell refusal from silence."""
        if self._move(Trigger.FAILED) and self._peer is not None:
            self._event(EventNumber.JOIN_FAILED, self._peer)

    def neighbour_resolved(self, address: IPv6Address) -> None:
        """A neighbour advertisement came in: EVENT 02."""
        self._event(EventNumber.NEIGHBOUR_ADVERTISEMENT, address)

    def packet_sent(self, address: IPv6Address, result: SendResult) -> None:
        """The stick itself sent something (PANA): EVENT 21."""
        self._event(EventNumber.SENT, address, result & 0xFF)

    def transmit_finished(self, result: SendResult) -> None:
        """The datagram of SKSENDTO is out, or not: EVENT 21, then OK (§8, trap 3), then the commands that waited."""
        if self._sending is not None:
            self._sent(result)
            self._work()

    def _sent(self, result: SendResult) -> None:
        if self._sending is not None:
            address, self._sending = self._sending, None
            self._event(EventNumber.SENT, address, result & 0xFF)
            self._line(OK)

    def udp_received(self, datagram: Datagram) -> None:
        """A datagram came in: ERXUDP, if somebody listens on its port."""
        if datagram.destination_port and datagram.destination_port in self.settings.ports:
            layout = self.dialect.udp_layout(self.registers.flag("SA2"))
            self._line(format_udp(datagram, layout, as_text=self.settings.udp_as_text))

    def pong(self, address: IPv6Address) -> None:
        """An echo reply came in."""
        self._line(f"EPONG {format_address(address)}")

    def sent_for(self, seconds: float) -> None:
        """Register SFD."""
        self.registers["SFD"] = int(seconds * 1000)

    def session_expired(self) -> None:
        """EVENT 29; with register S17 the stick authenticates again, else the session is gone."""
        if self._peer is None or not self._may(Trigger.EXPIRED):
            return
        self._event(EventNumber.EXPIRED, self._peer)
        if self.registers.flag("S17"):
            self._move(Trigger.EXPIRED)
            self._requests.append(Rejoin())
        else:
            self._move(Trigger.ENDED)

    def session_ended(self) -> None:
        """The meter asked for the end: EVENT 26, then 27."""
        if self._peer is not None and self._move(Trigger.ENDED):
            self._event(EventNumber.END_REQUESTED, self._peer)
            self._event(EventNumber.ENDED, self._peer)

    def terminated(self, *, timed_out: bool = False) -> None:
        """SKTERM is done: EVENT 27, or 28 when the meter did not answer."""
        if self.state is State.TERMINATING and self._peer is not None:
            self._move(Trigger.ENDED)
            self._event(EventNumber.END_TIMED_OUT if timed_out else EventNumber.ENDED, self._peer)

    def send_limit(self, reached: bool) -> None:
        """The air time of the hour is used up (EVENT 32, register SFB) or free again (EVENT 33)."""
        self.registers["SFB"] = int(reached)
        self._event(EventNumber.LIMIT_REACHED if reached else EventNumber.LIMIT_RELEASED, self.address)


_ACTIONS: dict[str, Callable[..., None]] = {
    "SKRESET": Module._reset,
    "SKSETPWD": Module._set_password,
    "SKSETRBID": Module._set_id,
    "SKSCAN": Module._scan,
    "SKJOIN": Module._join,
    "SKREJOIN": Module._rejoin,
    "SKTERM": Module._terminate,
    "SKPING": Module._ping,
}
