"""What differs between the sticks that speak SKSTACK-IP.

A dialect is chosen by the answer to SKINFO, never by counting the tokens of an ERXUDP line: two of its forms have ten
(``reference/meter-protocols`` §2.1 and §8, trap 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from protocols.errors import ProtocolError


class UdpLayout(Enum):
    """The fields between SENDERLLA and DATALEN of an ERXUDP line, in order."""

    PLAIN = ("secured",)
    RSSI = ("lqi", "secured")
    SIDE = ("secured", "side")
    LQI_SIDE = ("lqi", "secured", "side")

    @property
    def tokens(self) -> int:
        """Tokens of the whole line: the name, five addresses and ports, these, length and data."""
        return 8 + len(self.value)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One stick's way of speaking.

    ``has_side`` (0 B-route, 1 HAN): a field of EVENT, ERXUDP and EPANDESC and an argument of SKSCAN and SKSENDTO.
    ``has_product_commands``: knows ROPT, WOPT, RUART and WUART. ``layout`` is that of ERXUDP, ``layout_lqi`` the one
    after ``SKSREG SA2 1``.
    """

    name: str
    stack_version: str
    app_version: str
    has_side: bool
    has_product_commands: bool
    layout: UdpLayout
    layout_lqi: UdpLayout

    def udp_layout(self, show_lqi: bool) -> UdpLayout:
        """The ERXUDP form, given register SA2."""
        return self.layout_lqi if show_lqi else self.layout


BP35A1 = Dialect("BP35A1", "1.2.10", "rev26e", False, True, UdpLayout.PLAIN, UdpLayout.PLAIN)
RL7023 = Dialect("RL7023", "1.2.10", "rev26e", False, False, UdpLayout.PLAIN, UdpLayout.PLAIN)
BP35C2 = Dialect("BP35C2", "1.5.2", "rev26e", True, True, UdpLayout.SIDE, UdpLayout.LQI_SIDE)
HAN_SE = Dialect("Skyley HAN SE", "1.2.10", "rev26e", False, False, UdpLayout.RSSI, UdpLayout.RSSI)
"""Known to the host side only, and only by configuration: its SKINFO is not documented."""

DIALECTS = {dialect.name: dialect for dialect in (BP35A1, RL7023, BP35C2)}
"""The dialects that the stick's side can speak. Versions other than BP35A1's and BP35C2's EVER are unverified."""

NO_SIDE = "FFFE"


def detect(last_token: str) -> Dialect:
    """The dialect by the last token of EINFO: FFFE (a short address) or a side; raises ProtocolError."""
    if last_token == NO_SIDE:
        return BP35A1
    if last_token in ("0", "1"):
        return BP35C2
    raise ProtocolError(f"EINFO ends with {last_token[:8]!r}, which no known dialect does")
