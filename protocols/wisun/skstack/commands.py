"""The commands of a stick and the grammar of their arguments, as a table.

A command that is in no row is answered ER04, a wrong number of arguments ER05, a wrong one ER06
(``reference/meter-protocols`` §2.1). Rows with ``side_at`` have one argument more there in dialects with a side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocols.errors import ProtocolError
from protocols.wisun.radio import ID_LENGTH, MAX_UDP, ScanMode
from protocols.wisun.skstack.dialect import Dialect
from protocols.wisun.skstack.fields import address, characters, hex_bytes, hex_number
from protocols.wisun.skstack.lines import FailCode
from protocols.wisun.skstack.registers import register_name

SEND_TO = "SKSENDTO"
PRODUCT_COMMANDS = frozenset({"ROPT", "WOPT", "RUART", "WUART"})
"""They end with CR alone, and so do their answers (§8, trap 5)."""

MAX_PORTS = 6


class CommandRefusedError(ProtocolError):
    """A command that the stick answers with FAIL ER``code``."""

    def __init__(self, code: FailCode, detail: str = "") -> None:
        super().__init__(f"ER{code:02d} {detail}".rstrip())
        self.code = code


Parser = Callable[[str], Any]


def _scan_mode(token: str) -> ScanMode:
    try:
        return ScanMode(hex_number(token, 0, 3, 1))
    except ValueError:
        raise ProtocolError(f"scan mode {token}") from None


def _one_of(*allowed: str) -> Parser:
    def parse(token: str) -> str:
        if token not in allowed:
            raise ProtocolError(f"{token[:8]!r} is none of {allowed}")
        return token

    return parse


def _number(low: int, high: int, digits: int | None = None) -> Parser:
    return lambda token: hex_number(token, low, high, digits)


_SIDE = _number(0, 1, 1)
_HANDLE = _number(1, MAX_PORTS, 1)
_PORT = _number(0, 0xFFFF, 4)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Arguments in order; ``optional`` of them, at the end, may be missing."""

    arguments: tuple[Parser, ...] = ()
    optional: int = 0
    side_at: int | None = None

    def of(self, dialect: Dialect) -> tuple[Parser, ...]:
        """The arguments in this dialect."""
        if self.side_at is None or not dialect.has_side:
            return self.arguments
        return (*self.arguments[: self.side_at], _SIDE, *self.arguments[self.side_at :])


COMMANDS: dict[str, Grammar] = {
    "SKVER": Grammar(),
    "SKAPPVER": Grammar(),
    "SKRESET": Grammar(),
    "SKINFO": Grammar(),
    "SKSREG": Grammar((register_name, lambda token: token), optional=1),
    "SKSETPWD": Grammar((_number(1, 32), lambda token: characters(token, 1, 32))),
    "SKSETRBID": Grammar((lambda token: characters(token, ID_LENGTH, ID_LENGTH),)),
    "SKSCAN": Grammar((_scan_mode, _number(0, 2**32 - 1, 8), _number(0, 14, 1)), side_at=3),
    "SKLL64": Grammar((lambda token: hex_bytes(token, 8),)),
    "SKJOIN": Grammar((address,)),
    "SKREJOIN": Grammar(),
    "SKTERM": Grammar(),
    SEND_TO: Grammar((_HANDLE, address, _number(1, 0xFFFF, 4), _number(0, 2, 1), _number(1, MAX_UDP, 4)), side_at=4),
    "SKTABLE": Grammar((_one_of("1", "2", "E"),)),
    "SKPING": Grammar((address,), side_at=0),
    "SKADDNBR": Grammar((address, lambda token: hex_bytes(token, 8))),
    "SKUDPPORT": Grammar((_HANDLE, _PORT)),
    "SKSAVE": Grammar(),
    "SKLOAD": Grammar(),
    "SKERASE": Grammar(),
    "ROPT": Grammar(),
    "WOPT": Grammar((_number(0, 0xFF, 2),)),
    "RUART": Grammar(),
    "WUART": Grammar((_number(0, 0xFF, 2),)),
}


def send_to_tokens(dialect: Dialect) -> int:
    """Tokens of SKSENDTO before its data, its name included."""
    return 1 + len(COMMANDS[SEND_TO].of(dialect))


def parse_command(tokens: list[str], dialect: Dialect) -> list[Any]:
    """The arguments of a command as values, the side left out; raises :class:`CommandRefusedError`."""
    name, arguments = tokens[0], tokens[1:]
    grammar = COMMANDS.get(name)
    if grammar is None or (name in PRODUCT_COMMANDS and not dialect.has_product_commands):
        raise CommandRefusedError(FailCode.UNSUPPORTED, name[:16])
    parsers = grammar.of(dialect)
    if not len(parsers) - grammar.optional <= len(arguments) <= len(parsers):
        raise CommandRefusedError(FailCode.ARGUMENT_COUNT, f"{name} with {len(arguments)} arguments")
    try:
        values = [parse(token) for parse, token in zip(parsers, arguments, strict=False)]
    except ProtocolError as error:
        raise CommandRefusedError(FailCode.ARGUMENT, str(error)) from None
    if grammar.side_at is not None and dialect.has_side:
        del values[grammar.side_at]
    return values
