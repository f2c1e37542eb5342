"""What a stick answers without its radio: versions, registers, tables, ports, flash and product options."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

from protocols.errors import ProtocolError
from protocols.wisun.radio import ECHONET_PORT, PANA_PORT, link_local
from protocols.wisun.skstack.commands import MAX_PORTS, CommandRefusedError
from protocols.wisun.skstack.dialect import Dialect
from protocols.wisun.skstack.fields import format_address
from protocols.wisun.skstack.lines import OK, FailCode, Info, info_tail
from protocols.wisun.skstack.registers import Registers

MAX_NEIGHBOURS = 8
"""Entries of the neighbour cache (SKADDNBR)."""

_AS_TEXT = 0x01


class Settings:
    """State that only commands change. ``ports`` are the UDP ports of handles 1…6, 0 for none."""

    def __init__(self, dialect: Dialect, mac: bytes, *, udp_as_text: bool) -> None:
        self.registers = Registers(mac)
        self.ports: list[int] = []
        self._dialect = dialect
        self._mac = mac
        self._option = _AS_TEXT if udp_as_text else 0
        self._uart = 0
        self._neighbours: dict[IPv6Address, bytes] = {}
        self.reset()

    @property
    def udp_as_text(self) -> bool:
        """Whether ERXUDP carries hexadecimal text; a stick without WOPT always does."""
        return bool(self._option & _AS_TEXT) or not self._dialect.has_product_commands

    def reset(self) -> None:
        """As after SKRESET; product options live in flash and stay."""
        self.registers.reset()
        self.ports = [ECHONET_PORT, PANA_PORT, 0, 0, 0, 0]
        self._neighbours.clear()

    def execute(self, name: str, arguments: list[Any]) -> list[str]:
        """Do a command, parsed arguments at hand; the lines of its answer. Raises CommandRefusedError."""
        return _ACTIONS[name](self, *arguments)

    def _version(self) -> list[str]:
        return [f"EVER {self._dialect.stack_version}", OK]

    def _app_version(self) -> list[str]:
        return [f"EAPPVER {self._dialect.app_version}", OK]

    def _info(self) -> list[str]:
        channel, pan = self.registers.number("S02"), self.registers.number("S03")
        return [Info(link_local(self._mac), self._mac, channel, pan, info_tail(self._dialect)).format(), OK]

    def _register(self, name: str, value: str | None = None) -> list[str]:
        if value is None:
            return [f"ESREG {self.registers.show(name)}", OK]
        try:
            self.registers.write(name, value)
        except ProtocolError as error:
            raise CommandRefusedError(FailCode.ARGUMENT, str(error)) from None
        return [OK]

    def _link_local(self, mac: bytes) -> list[str]:
        return [format_address(link_local(mac))]  # and no OK (§8, trap 4)

    def _table(self, which: str) -> list[str]:
        if which == "1":
            return ["EADDR", format_address(link_local(self._mac)), OK]
        if which == "2":
            rows = [f"{format_address(a)} {mac.hex().upper()} FFFE" for a, mac in self._neighbours.items()]
            return ["ENEIGHBOR", *rows, OK]
        return ["EPORT", *map(str, self.ports), OK]  # ports are decimal, unlike all else

    def _add_neighbour(self, address: IPv6Address, mac: bytes) -> list[str]:
        if len(self._neighbours) == MAX_NEIGHBOURS and address not in self._neighbours:
            del self._neighbours[next(iter(self._neighbours))]
        self._neighbours[address] = mac
        return [OK]

    def _set_port(self, handle: int, port: int) -> list[str]:
        if port and port in self.ports[: handle - 1] + self.ports[handle:MAX_PORTS]:
            raise CommandRefusedError(FailCode.EXECUTION, f"port {port} has a handle")
        self.ports[handle - 1] = port
        return [OK]

    def _save(self) -> list[str]:
        self.registers.save()
        return [OK]

    def _load(self) -> list[str]:
        if not self.registers.load():
            raise CommandRefusedError(FailCode.EXECUTION, "nothing saved")
        return [OK]

    def _erase(self) -> list[str]:
        self.registers.erase()
        return [OK]

    def _read_option(self) -> list[str]:
        return [f"OK {self._option:02X}"]

    def _write_option(self, option: int) -> list[str]:
        self._option = option
        return [OK]

    def _read_uart(self) -> list[str]:
        return [f"OK {self._uart:02X}"]

    def _write_uart(self, mode: int) -> list[str]:
        self._uart = mode  # remembered only: the emulated line has no speed
        return [OK]


_ACTIONS: dict[str, Callable[..., list[str]]] = {
    "SKVER": Settings._version,
    "SKAPPVER": Settings._app_version,
    "SKINFO": Settings._info,
    "SKSREG": Settings._register,
    "SKLL64": Settings._link_local,
    "SKTABLE": Settings._table,
    "SKADDNBR": Settings._add_neighbour,
    "SKUDPPORT": Settings._set_port,
    "SKSAVE": Settings._save,
    "SKLOAD": Settings._load,
    "SKERASE": Settings._erase,
    "ROPT": Settings._read_option,
    "WOPT": Settings._write_option,
    "RUART": Settings._read_uart,
    "WUART": Settings._write_uart,
}
