"""Who a meter is on each route: serial number, product, firmware, system title, B-route credentials.

B-route id and password come out of the master key by HMAC-SHA-256 over a label, the system title and the *issue*:
whoever takes the credentials of a meter learns nothing about any other's (requirement X5), and a new issue (moving
house, a meter exchanged, requirement B3) gives new ones. Nothing has to be kept. The id has the layout of ECHONET's
route-B identification number (0x0288 C0): ``00``, maker code, twelve free bytes. That the id which a home is given is
this number in hex digits is our own choice.
"""

from __future__ import annotations

import hmac
import string
from dataclasses import dataclass, field

from twins.meter.parameters import Generation, generation_parameters
from twins.plan import meter_id, system_title

PASSWORD_LENGTH = 12
_ALPHABET = string.digits + string.ascii_uppercase
_SERIAL_DIGITS = 12


@dataclass(frozen=True, slots=True)
class RouteB:
    """Credentials of a home: an id of 32 hex digits and a password of 12 digits and capital letters."""

    id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a meter says of itself; ``maker`` is its ECHONET code, ``title`` its DLMS system title."""

    meter: str
    serial: str
    maker: bytes
    product: str
    firmware: str
    title: bytes


def identity(index: int, generation: Generation) -> Identity:
    """Identity of a meter by its fleet-wide index, as it left the factory."""
    name = meter_id(index)
    return Identity(
        meter=name,
        serial=name[-_SERIAL_DIGITS:],
        maker=bytes.fromhex(generation_parameters().maker.code),
        product=generation.product_code,
        firmware=generation.firmware,
        title=system_title(index),
    )


def route_b(master: bytes, index: int, issue: int = 0) -> RouteB:
    """B-route credentials of a meter by its fleet-wide index, under the master key of its fleet."""
    return RouteB(route_b_number(master, index, issue).hex().upper(), _password(master, index, issue))


def route_b_number(master: bytes, index: int, issue: int = 0) -> bytes:
    """The B-route id as the 16 bytes of ECHONET's property C0."""
    maker = bytes.fromhex(generation_parameters().maker.code)
    return b"\0" + maker + _derived(master, b"route-b id", index, issue)[:12]


def _password(master: bytes, index: int, issue: int) -> str:
    number = int.from_bytes(_derived(master, b"route-b password", index, issue), "big")
    letters = []
    for _ in range(PASSWORD_LENGTH):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def _derived(master: bytes, label: bytes, index: int, issue: int) -> bytes:
    return hmac.digest(master, label + b"\0" + system_title(index) + issue.to_bytes(4, "big"), "sha256")
