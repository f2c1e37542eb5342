"""The host's end of the serial line: commands to bytes, a stick's bytes to typed items, answers to their command.

One command at a time, as the sticks want it. Knows no procedure: that is :mod:`~protocols.wisun.skstack.session`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TypeAlias

from protocols.errors import ProtocolError
from protocols.wisun.errors import BusyError, EncodeError
from protocols.wisun.radio import MAX_UDP, Beacon, Datagram
from protocols.wisun.skstack.commands import PRODUCT_COMMANDS, SEND_TO
from protocols.wisun.skstack.dialect import BP35A1, Dialect
from protocols.wisun.skstack.fields import address, format_address
from protocols.wisun.skstack.line_reader import LINE_LIMIT, LineReader
from protocols.wisun.skstack.lines import (
    OK,
    Event,
    last_label,
    parse_description,
    parse_energy,
    parse_udp,
)

_MAX_ANSWER_LINES = 64


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of a command: ``lines`` before OK; ``code`` nn of FAIL ERnn (0 if unreadable), None if it went well."""

    command: str
    lines: tuple[str, ...]
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Energy:
    """The result of an energy scan: channel to LQI."""

    levels: dict[int, int]


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to SKPING."""

    address: IPv6Address


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is nothing a stick says; the stream goes on after it."""

    line: str
    detail: str


Item: TypeAlias = Reply | Event | Datagram | Beacon | Energy | Pong | Malformed


class Host:
    """Matches what a stick says to what it was asked. ``dialect`` may be set when it becomes known."""

    def __init__(self, dialect: Dialect = BP35A1) -> None:
        self._reader = LineReader()
        self._pending: str | None = None
        self._echo = ""
        self._lines: list[str] = []
        self._block: list[str] | None = None
        self._paired = True
        self._energy = False
        self._show_lqi = False
        self._dialect = dialect
        self.dialect = dialect

    @property
    def dialect(self) -> Dialect:
        """How this stick speaks."""
        return self._dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._reader.layout = dialect.udp_layout(self._show_lqi)

    @property
    def udp_as_text(self) -> bool:
        """Whether ERXUDP carries hexadecimal text (ROPT 01)."""
        return self._reader.udp_as_text

    @udp_as_text.setter
    def udp_as_text(self, as_text: bool) -> None:
        self._reader.udp_as_text = as_text

    @property
    def busy(self) -> bool:
        """Whether a command is unanswered."""
        return self._pending is not None

    def show_lqi(self, shown: bool) -> None:
        """The stick's register SA2 was set: ERXUDP has another form from now on, where the dialect has two."""
        self._show_lqi = shown
        self._reader.layout = self._dialect.udp_layout(shown)

    def command(self, *tokens: str) -> bytes:
        """The bytes of a command; raises BusyError while another is unanswered."""
        text = " ".join(tokens)
        self._begin(tokens[0], text)
        if tokens[0] == "SKSCAN":
            self._paired = tokens[1:2] == ("2",)
        return (text + ("\r" if tokens[0] in PRODUCT_COMMANDS else "\r\n")).encode("ascii")

    def send_to(
        self, destination: IPv6Address, port: int, payload: bytes, *, handle: int = 1, secured: int = 1
    ) -> bytes:
        """The bytes of SKSENDTO: its data follow raw, without CRLF; raises BusyError, EncodeError."""
        if not 1 <= len(payload) <= MAX_UDP:
            raise EncodeError(f"a datagram has 1 to {MAX_UDP} bytes, not {len(payload)}")
        side = "0 " if self._dialect.has_side else ""
        text = f"{SEND_TO} {handle} {format_address(destination)} {port:04X} {secured} {side}{len(payload):04X} "
        self._begin(SEND_TO, text)
        return text.encode("ascii") + payload

    def cancel(self) -> None:
        """Give up on the unanswered command."""
        self._pending = None
        self._reader.ends_with_cr = False

    def _begin(self, name: str, echo: str) -> None:
        if self._pending is not None:
            raise BusyError(f"{name}: {self._pending} is not answered yet")
        self._pending, self._echo, self._lines = name, echo, []
        self._reader.ends_with_cr = name in PRODUCT_COMMANDS

    def receive(self, data: bytes) -> list[Item]:
        """Bytes from the stick, in any chunks, to items; raises nothing."""
        return list(self.items(data))

    def items(self, data: bytes) -> Iterator[Item]:
        """As :meth:`receive`, item by item: what is learnt of one (a dialect) holds for the next. Use it to its end."""
        for at in range(0, len(data), LINE_LIMIT):
            self._reader.feed(data[at : at + LINE_LIMIT])
            while (line := self._reader.next()) is not None:
                try:
                    item = self._item(line)
                except ProtocolError as error:
                    item = Malformed(line[:80], str(error))
                if item is not None:
                    yield item

    def _item(self, line: str) -> Item | None:
        if not line or (self._pending is not None and line == self._echo):
            return None
        if line.startswith("ERXUDP "):
            return parse_udp(line, self._reader.layout, as_text=self._reader.udp_as_text)
        if line.startswith("EVENT "):
            return Event.parse(line, self._dialect)
        if line.startswith("EPONG "):
            return Pong(address(line[6:]))
        if line == "EPANDESC":
            unfinished, self._block = self._block, []
            return None if unfinished is None else Malformed("EPANDESC", "the block before it is not complete")
        if line.startswith("  ") and self._block is not None:
            return self._described(line)
        if line == "EEDSCAN":
            self._energy = True
            return None
        if self._energy:
            self._energy = False
            return Energy(parse_energy(line))
        return self._answer(line)

    def _described(self, line: str) -> Beacon | None:
        block = self._block or []
        block.append(line)
        if line.strip().partition(":")[0] != last_label(self._dialect, paired=self._paired) and len(block) < 8:
            self._block = block
            return None
        self._block = None
        return parse_description(block)

    def _answer(self, line: str) -> Reply | Malformed | None:
        if self._pending is None:
            return Malformed(line[:80], "no command is waiting for it")
        if line.startswith("FAIL"):
            digits = line.removeprefix("FAIL ER")[:2]
            return self._reply(int(digits) if digits.isdecimal() and digits.isascii() else 0)
        if line == OK or (self._reader.ends_with_cr and line.startswith("OK ")):
            if line != OK:
                self._lines.append(line[3:])
            return self._reply(None)
        if len(self._lines) == _MAX_ANSWER_LINES:
            return Malformed(line[:80], "an answer with too many lines")
        self._lines.append(line)
        if self._pending == "SKLL64":  # its answer has no OK (§8, trap 4)
            address(line)
            return self._reply(None)
        return None

    def _reply(self, code: int | None) -> Reply:
        name, self._pending = self._pending or "", None
        self._reader.ends_with_cr = False
        return Reply(name, tuple(self._lines), code)
