"""The instrument drivers by name: what a topology's ``driver:`` may say, and how each is opened.

A driver's module is imported when the first of its instruments is opened, so that reading a topology needs none of
them. To add one: a line in ``DRIVERS``; ``factory`` is called with the address and the settings as keywords and returns
an instrument that is connected and whose identity has been asked (a bridge of which nothing is heard while the line
behind it is dead excepted).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any, Final, Protocol, cast

from hil_drivers.addresses import AddressKind


class Kind(Enum):
    """What an instrument is for; each kind has a capability interface of its own in this package."""

    SOURCE = "source"
    ANALYSER = "analyser"
    LOAD = "load"
    ATTENUATOR = "attenuator"
    RELAY = "relay"
    BRIDGE = "bridge"


class Instrument(Protocol):
    """What every instrument can do, whatever its kind."""

    def identity(self) -> Any:
        """Ask it who it is; text of it names maker and model."""

    def safe(self) -> None:
        """Bring it into its safe state; may be called at any time, also after faults."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver: its kind, what it is for, ``module:callable``, what it takes for an address and for keywords.

    ``settings`` are those that a topology may give; ``channels`` says that it is told how many channels there are.
    """

    kind: Kind
    title: str
    factory: str
    address: AddressKind
    settings: tuple[str, ...] = ()
    channels: bool = False


def open_instrument(driver: str, address: str, settings: Mapping[str, Any]) -> Instrument:
    """Open an instrument by its driver's name; KeyError for a name that is not registered, else the driver's errors."""
    module, _, name = DRIVERS[driver].factory.partition(":")
    return cast(Instrument, getattr(import_module(module), name)(address, **settings))


_SOURCE: Final = ("model", "rating", "timeout_s")

DRIVERS: Final[Mapping[str, Driver]] = {
    "kikusui-pcr": Driver(
        Kind.SOURCE, "Kikusui PCR", "hil_drivers.sources.kikusui:KikusuiPcr", AddressKind.VISA, _SOURCE
    ),
    "nf-ec": Driver(Kind.SOURCE, "NF EC and DP", "hil_drivers.sources.nf:NfEc", AddressKind.VISA, _SOURCE),
    "chroma-615xx": Driver(
        Kind.SOURCE, "Chroma 61500 and 61600", "hil_drivers.sources.chroma:Chroma615", AddressKind.VISA, _SOURCE
    ),
    "keysight-68xx": Driver(
        Kind.SOURCE, "Keysight 68xx and AC68xx", "hil_drivers.sources.keysight:Keysight68", AddressKind.VISA, _SOURCE
    ),
    "yokogawa-wt": Driver(
        Kind.ANALYSER,
        "Yokogawa WT",
        "hil_drivers.analysers.yokogawa:YokogawaWt",
        AddressKind.VISA,
        ("model", "elements", "functions", "timeout_s"),
    ),
    "chroma-638xx": Driver(
        Kind.LOAD,
        "Chroma 63800",
        "hil_drivers.loads.chroma:Chroma638",
        AddressKind.VISA,
        ("model", "amps_max", "timeout_s"),
    ),
    "mini-circuits-telnet": Driver(
        Kind.ATTENUATOR,
        "Mini-Circuits over telnet",
        "hil_drivers.attenuators.mini_circuits:telnet",
        AddressKind.HOST,
        ("model", "serial", "max_db", "matrix", "timeout_s"),
        channels=True,
    ),
    "mini-circuits-http": Driver(
        Kind.ATTENUATOR,
        "Mini-Circuits over HTTP",
        "hil_drivers.attenuators.mini_circuits:http",
        AddressKind.HOST,
        ("model", "serial", "max_db", "matrix", "timeout_s"),
        channels=True,
    ),
    "jfw": Driver(
        Kind.ATTENUATOR,
        "JFW",
        "hil_drivers.attenuators.jfw:Jfw",
        AddressKind.HOST,
        ("model", "max_db", "timeout_s"),
        channels=True,
    ),
    "relay-modbus": Driver(
        Kind.RELAY,
        "relays at Modbus coils",
        "hil_drivers.relays.modbus:ModbusRelay",
        AddressKind.HOST,
        ("unit", "first_coil", "invert", "product", "settle_s", "timeout_s"),
        channels=True,
    ),
    "outlets-http": Driver(
        Kind.RELAY,
        "outlets over HTTP",
        "hil_drivers.relays.outlets:Outlets",
        AddressKind.HOST,
        ("dialect", "user", "password", "model", "settle_s", "timeout_s"),
        channels=True,
    ),
    "plc-transparent": Driver(
        Kind.BRIDGE,
        "PLC bridges that only forward",
        "hil_drivers.bridges.transparent:TransparentBridge",
        AddressKind.METER,
        ("maker", "number", "timeout_s"),
    ),
}
