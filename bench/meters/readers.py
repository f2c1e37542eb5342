"""From an endpoint to the reader that speaks to the meter there, and the choice among several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from bench.errors import InputError
from bench.meters.directory import PROTOCOLS
from hil_drivers.meter import OFFERS, Can, Meter
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import WPORTS, DlmsAddress, Keys
from hil_drivers.meters.echonet import EchonetAddress, UdpEchonetMeter
from hil_drivers.meters.modbus import PORT as MODBUS_PORT
from hil_drivers.meters.modbus import SUNSPEC, ModbusAddress, ModbusMeter
from hil_drivers.meters.route_b import AUTO, RouteBMeter, StickAddress
from protocols.dlms.wrapper import PORT as DLMS_PORT
from protocols.echonet.frame import LV_METER, Eoj
from protocols.echonet.transport import PORT as ECHONET_PORT
from protocols.errors import ProtocolError
from twins.serving.endpoint import Endpoint

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
    if "reader_password" in known:
        known["password"] = known["reader_password"]
    return known


def _dlms(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    keys = None
    if "encryption" in known:
        wrapping = _hex(known, "wrapping") if "wrapping" in known else None
        keys = Keys(_hex(known, "encryption"), _hex(known, "authentication"), wrapping)
    password = known["password"].encode() if "password" in known else None
    client = known.get("client")
    if client is not None and client not in WPORTS:
        raise InputError(f"no DLMS client {client}; there are {', '.join(WPORTS)}")
    address = DlmsAddress(
        _host(endpoint),
        endpoint.port or DLMS_PORT,
        keys if client in (None, "management") else None,
        password if client in (None, "reader") else None,
        logical_device=_number(known, "logical_device", 1),
        clients={name: _number(known, f"client_{name}", wport) for name, wport in WPORTS.items()},
    )
    if "client_title" in known:
        address = replace(address, client_title=_hex(known, "client_title"))
    return DlmsMeter(address if timeout is None else replace(address, answer_wait_s=timeout))


def _echonet(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    port = endpoint.port or ECHONET_PORT
    return UdpEchonetMeter(EchonetAddress(_host(endpoint), port, _eoj(known), known.get("local"), timeout))


def _route_b(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    if endpoint.path is None:
        raise InputError(f"{endpoint.meter}: no path of a stick")
    dialect = known.get("dialect", AUTO)
    address = StickAddress(endpoint.path, _needed(known, "route_b_id"), _needed(known, "password"), dialect)
    return RouteBMeter(replace(address, eoj=_eoj(known), wait_s=timeout))


def _modbus(endpoint: Endpoint, known: Told, timeout: float | None) -> Meter:
    table = known.get("map", SUNSPEC)
    unit = _number(known, "unit", _number(known, table, 1))  # endpoints name a unit for each map
    address = ModbusAddress(_host(endpoint), endpoint.port or MODBUS_PORT, unit, table)
    return ModbusMeter(address if timeout is None else replace(address, wait_s=timeout))


_READERS: Final[Mapping[str, Callable[[Endpoint, Told, float | None], Meter]]] = {
    "dlms": _dlms,
    "echonet": _echonet,
    "wi-sun": _route_b,
    "modbus": _modbus,
}


def _host(endpoint: Endpoint) -> str:
    if endpoint.address is None:
        raise InputError(f"{endpoint.meter}: no address for {endpoint.protocol}")
    return endpoint.address


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
