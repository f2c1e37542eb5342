"""From an endpoint to the reader that speaks to the meter there, and the choice among several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from bench.errors import InputError
from bench.meters.directory import PROTOCOLS
from hil_drivers.meter import OFFERS, Can, Meter
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import ON_SITE, WPORTS, DlmsAddress, Keys
from hil_drivers.meters.dlms_tcp import TcpAddress
from hil_drivers.meters.echonet import EchonetAddress, UdpEchonetMeter
from hil_drivers.meters.modbus import BAUD as RTU_BAUD
from hil_drivers.meters.modbus import PORT as MODBUS_PORT
from hil_drivers.meters.modbus import SUNSPEC, ModbusAddress, ModbusMeter, RtuAddress, RtuMeter
from hil_drivers.meters.optical import BAUD as OPTICAL_BAUD
from hil_drivers.meters.optical import OpticalAddress, OpticalMeter
from hil_drivers.meters.route_b import AUTO, RouteBMeter, StickAddress
from protocols.dlms.wrapper import PORT as DLMS_PORT
from protocols.echonet.frame import LV_METER, Eoj
from protocols.echonet.transport import PORT as ECHONET_PORT
from protocols.errors import ProtocolError
from twins.serving.endpoint import Endpoint

_A = TypeVar("_A", bound=DlmsAddress)

Told: TypeAlias = Mapping[str, str]
"""All that is told of an endpoint, by name: credentials, keys in hex, options."""

DETAILS: Final = (
    "encryption",
    "authentication",
    "wrapping",
    "password",
    "route_b_id",
    "client",
    "client_title",
    "dialect",
    "eoj",
    "local",
    "map",
    "unit",
    "baud",
    "physical",
)
"""Names that a user may tell; they come before what the endpoint says."""


def chosen(endpoints: Sequence[Endpoint], via: str | None, what: Can) -> Endpoint:
    """The endpoint of this protocol, or the first whose protocol carries what is asked; raises :class:`InputError`."""
    spoken = {PROTOCOLS.get(each.protocol, each.protocol): each for each in reversed(endpoints)}
    names = ", ".join(reversed(spoken))
    if via is not None:
        if via not in spoken:
            raise InputError(f"{endpoints[0].meter} does not answer by {via}, but by {names}")
        return spoken[via]
    for protocol, endpoint in reversed(spoken.items()):
        if what in OFFERS.get(protocol, ()):
            return endpoint
    able = " or ".join(protocol for protocol, offered in OFFERS.items() if what in offered)
    raise InputError(f"{endpoints[0].meter} answers by {names}; {what.value} is carried by {able} alone")


def richest(endpoints: Sequence[Endpoint]) -> Endpoint:
    """The endpoint whose protocol carries most."""
    return max(endpoints, key=lambda each: len(OFFERS.get(PROTOCOLS.get(each.protocol, ""), ())))


def reader_of(endpoint: Endpoint, details: Told, timeout: float | None = None) -> Meter:
    """The reader of an endpoint, not connected yet.

    ``timeout`` is how many seconds an answer may take, else as long as the protocol's rules say. Raises
    :class:`InputError` for what is missing or malformed, :class:`~hil_drivers.errors.AddressError` likewise.
    """
    protocol = PROTOCOLS.get(endpoint.protocol)
    if protocol is None:
        raise InputError(f"{endpoint.meter}: no reader for {endpoint.protocol}")
    return _READERS[protocol](endpoint, told(endpoint) | dict(details), timeout)


def told(endpoint: Endpoint) -> dict[str, str]:
    """All that an endpoint says of itself, by name."""
    known = {**endpoint.about, **endpoint.ids, **endpoint.keys}
    for password in ("reader_password", "terminal_password"):  # an optical port names both: there we come as terminal
        if password in known:
            known["password"] = known[password]
    return known


def _dlms(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    address = TcpAddress(_host(endpoint), endpoint.port or DLMS_PORT)
    client = known.get("client") or ("management" if "encryption" in known else "reader")
    return DlmsMeter(_as_client(address, client, WPORTS, known, timeout))


def _optical(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    """A terminal where its password is known, whatever keys are: it is the terminal's port."""
    physical = _number(known, "physical", 0) or None
    address = OpticalAddress(_path(endpoint), _number(known, "baud", OPTICAL_BAUD), physical)
    by_keys = "encryption" in known and "password" not in known
    client = known.get("client") or ("management" if by_keys else "terminal")
    if client == "reader" and "reader_password" in known and known["password"] == known.get("terminal_password"):
        known = {**known, "password": known["reader_password"]}
    return OpticalMeter(_as_client(address, client, ON_SITE, known, timeout))


def _as_client(address: _A, client: str, clients: Mapping[str, int], known: Told, timeout: float | None) -> _A:
    """The address with what belongs to coming as this client: keys, or a password, or nothing."""
    if client not in clients:
        raise InputError(f"no DLMS client {client}; there are {', '.join(clients)}")
    keys = password = None
    if client == "management":
        wrapping = _hex(known, "wrapping") if "wrapping" in known else None
        keys = Keys(_hex(known, "encryption"), _hex(known, "authentication"), wrapping)
    elif client != "public" and "password" in known:
        password = known["password"].encode()
    return replace(
        address,
        keys=keys,
        password=password,
        by_password=client,
        client_title=_hex(known, "client_title") if "client_title" in known else address.client_title,
        logical_device=_number(known, "logical_device", 1),
        clients={name: _number(known, f"client_{name}", wport) for name, wport in clients.items()},
        answer_wait_s=address.answer_wait_s if timeout is None else timeout,
    )


def _echonet(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    port = endpoint.port or ECHONET_PORT
    return UdpEchonetMeter(EchonetAddress(_host(endpoint), port, _eoj(known), known.get("local"), timeout))


def _route_b(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    dialect = known.get("dialect", AUTO)
    address = StickAddress(_path(endpoint), _needed(known, "route_b_id"), _needed(known, "password"), dialect)
    return RouteBMeter(replace(address, eoj=_eoj(known), wait_s=timeout))


def _modbus(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    table = known.get("map", SUNSPEC)
    unit = _number(known, "unit", _number(known, table, 1))  # endpoints name a unit for each map
    address = ModbusAddress(_host(endpoint), endpoint.port or MODBUS_PORT, unit=unit, map=table)
    return ModbusMeter(address if timeout is None else replace(address, wait_s=timeout))


def _modbus_rtu(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    table, baud = known.get("map", SUNSPEC), _number(known, "baud", RTU_BAUD)
    address = RtuAddress(_path(endpoint), baud, unit=_number(known, "unit", _number(known, table, 1)), map=table)
    return RtuMeter(address if timeout is None else replace(address, wait_s=timeout))


_READERS: Final[Mapping[str, Callable[[Endpoint, Told, float | None], Meter]]] = {
    "dlms": _dlms,
    "optical": _optical,
    "echonet": _echonet,
    "wi-sun": _route_b,
    "modbus": _modbus,
    "modbus-rtu": _modbus_rtu,
}


def _host(endpoint: Endpoint) -> str:
    if endpoint.address is None:
        raise InputError(f"{endpoint.meter}: no address for {endpoint.protocol}")
    return endpoint.address


def _path(endpoint: Endpoint) -> str:
    if endpoint.path is None:
        raise InputError(f"{endpoint.meter}: no path of a serial port for {endpoint.protocol}")
    return endpoint.path


def _needed(known: Told, name: str) -> str:
    if name not in known:
        raise InputError(f"no {name}; give it with --key {name}=…")
    return known[name]


def _hex(known: Told, name: str) -> bytes:
    try:
        return bytes.fromhex(_needed(known, name))
    except ValueError:
        raise InputError(f"{name} is no hex number") from None


def _number(known: Told, name: str, default: int) -> int:
    text = known.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise InputError(f"{name} is no number: {text}")
    return int(text)


def _eoj(known: Told) -> Eoj:
    if "eoj" not in known:
        return LV_METER
    try:
        return Eoj.from_bytes(_hex(known, "eoj"))
    except ProtocolError as error:
        raise InputError(f"eoj: {error}") from None
