"""The virtual registers of a stick (SKSREG) as a table, and their values.

Sources: ``reference/meter-protocols`` §2.1; numbers and meanings from Skyley's SKSTACK_API. Registers of that list that
only tune the radio hardware (acknowledge times, CCA thresholds, whitening) are left out: a stick answers ER06.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocols.errors import ProtocolError
from protocols.wisun.radio import FIRST_CHANNEL, LAST_CHANNEL, PAIR_ID_LENGTH
from protocols.wisun.skstack.fields import characters, hex_number

Value = int | bytes


@dataclass(frozen=True, slots=True)
class Register:
    """One register: hexadecimal digits it is shown with, range, default, whether a host may write it.

    ``digits`` 0 stands for text of 8 characters.
    """

    digits: int
    low: int = 0
    high: int = 0
    default: Value = 0
    writable: bool = True

    def parse(self, token: str) -> Value:
        """A value for it; raises ProtocolError."""
        if not self.digits:
            return characters(token, PAIR_ID_LENGTH, PAIR_ID_LENGTH)
        return hex_number(token, self.low, self.high)

    def format(self, value: Value) -> str:
        """As ESREG shows it."""
        return value.decode("ascii") if isinstance(value, bytes) else f"{value:0{self.digits}X}"


_FLAG = Register(1, 0, 1)
_FLAG_ON = Register(1, 0, 1, 1)
TABLE: dict[str, Register] = {
    "S01": Register(16, 0, 2**64 - 1),  # 64-bit MAC address
    "S02": Register(2, FIRST_CHANNEL, LAST_CHANNEL, FIRST_CHANNEL),  # channel
    "S03": Register(4, 0, 0xFFFF, 0xFFFF),  # PAN id
    "S07": Register(8, writable=False),  # security frame counter
    "S0A": Register(0, default=b"CCDDEEFF"),  # pairing id
    "S15": _FLAG,  # answer beacon requests
    "S16": Register(8, 0x3C, 2**32 - 1, 0x384),  # PANA session lifetime, s
    "S17": _FLAG_ON,  # re-authenticate by itself
    "SA0": _FLAG,  # encrypt IP multicast
    "SA1": _FLAG_ON,  # handle ICMP
    "SA2": _FLAG,  # BP35C2: LQI in ERXUDP; without effect in the others
    "SFB": Register(1, writable=False),  # sending is restricted now
    "SFD": Register(16, writable=False),  # ms of sending, summed up
    "SFE": _FLAG_ON,  # echo
    "SFF": _FLAG,  # load the saved registers at start
}
_NAME = re.compile(r"S([0-9A-F]{1,2})\Z")


def register_name(token: str) -> str:
    """The table's name of a register; S2 is S02. Raises ProtocolError for one that does not exist."""
    match = _NAME.match(token.upper())
    name = f"S{match[1]:0>2}" if match else ""
    if name not in TABLE:
        raise ProtocolError(f"no register {token[:8]!r}")
    return name


class Registers:
    """The values of one stick, in memory and in flash."""

    def __init__(self, mac: bytes) -> None:
        self._mac = int.from_bytes(mac, "big")
        self._saved: dict[str, Value] | None = None
        self._values: dict[str, Value] = {}
        self.reset()

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self._values[name] = value

    def flag(self, name: str) -> bool:
        """Whether a register of one bit is set."""
        return bool(self._values[name])

    def number(self, name: str) -> int:
        """The value of a numeric register."""
        value = self._values[name]
        return value if isinstance(value, int) else 0

    def show(self, name: str) -> str:
        """The value as ESREG shows it."""
        return TABLE[name].format(self._values[name])

    def write(self, name: str, token: str) -> None:
        """Take a host's value; raises ProtocolError when it does not fit or may not be written."""
        register = TABLE[name]
        if not register.writable:
            raise ProtocolError(f"{name} is read-only")
        self._values[name] = register.parse(token)

    def reset(self) -> None:
        """Start anew: from flash if the saved SFF says so, else the defaults."""
        self._values = {name: register.default for name, register in TABLE.items()}
        self._values["S01"] = self._mac
        if self._saved is not None and self._saved["SFF"]:
            self.load()

    def save(self) -> None:
        """Write all to flash."""
        self._saved = dict(self._values)

    def load(self) -> bool:
        """Take what was saved, but for what counts on; False if nothing was."""
        if self._saved is None:
            return False
        self._values.update({name: value for name, value in self._saved.items() if TABLE[name].writable})
        return True

    def erase(self) -> None:
        """Clear the flash."""
        self._saved = None
