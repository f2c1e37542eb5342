"""The rack of a topology: instruments, and the places where meters are wired to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from bench.topology.addresses import check_addresses
from bench.topology.base import SLUG, Number, Table, WholeNumber
from bench.topology.bridges import check_bridges
from bench.topology.bus import is_file
from bench.topology.emulation import check_emulation, check_readers
from bench.topology.problems import Fault, reject, shown
from bench.topology.rack_checks import ADDRESS, check_limits, check_rack
from hil_drivers.registry import DRIVERS, Kind
from twins.plan import MeterClass


def _names(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, driver in DRIVERS.items() if driver.kind is kind)


def _titles(kind: Kind) -> str:
    return " ".join(f"{name}: {DRIVERS[name].title}." for name in _names(kind))


if TYPE_CHECKING:
    SourceDriver: TypeAlias = str
    AnalyserDriver: TypeAlias = str
    LoadDriver: TypeAlias = str
    AttenuatorDriver: TypeAlias = str
    RelayDriver: TypeAlias = str
    BridgeDriver: TypeAlias = str
else:  # Literals of the registered names, so that the schema lists them and editors offer them
    SourceDriver, AnalyserDriver, LoadDriver, AttenuatorDriver, RelayDriver, BridgeDriver = (
        Literal[_names(kind)]
        for kind in (Kind.SOURCE, Kind.ANALYSER, Kind.LOAD, Kind.ATTENUATOR, Kind.RELAY, Kind.BRIDGE)
    )

Name: TypeAlias = Annotated[str, Field(pattern=SLUG, max_length=32)]
Positive: TypeAlias = Annotated[Number, Field(gt=0)]
ChannelNumber: TypeAlias = Annotated[WholeNumber, Field(ge=1, le=64)]


class Limits(Table):
    """Limits that nothing may cross; the tightest of place, instrument and driver holds."""

    volts_max: Positive | None = Field(default=None, description="Highest voltage of a phase in V.")
    hertz_min: Positive | None = Field(default=None, description="Lowest frequency in Hz.")
    hertz_max: Positive | None = Field(default=None, description="Highest frequency in Hz.")
    amps_max: Positive | None = Field(default=None, description="Highest current of a phase in A, r.m.s.")
    volts_per_second: Positive | None = Field(
        default=None, description="How fast the voltage may rise or fall in V/s, switching off excepted."
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.hertz_min is not None and self.hertz_max is not None and self.hertz_min > self.hertz_max:
            what = f"{self.hertz_min:g} Hz lies above hertz_max, {self.hertz_max:g} Hz"
            reject(Fault(("hertz_min",), what, "no frequency is within both; lower it or raise hertz_max"))
        return self


class LoadLimits(Table):
    """Limits of a load; the tightest of place, instrument and driver holds."""

    amps_max: Positive | None = Field(default=None, description="Highest current in A, r.m.s.")


class _Instrument(Table):
    """What every instrument has."""

    id: Name = Field(description="Name of the instrument, no other one's.", examples=["source-1"])
    driver: str
    address: str = Field(
        pattern=ADDRESS,
        description="Where it is, as its driver expects it: a VISA resource, or host:port.",
        examples=["TCPIP::192.168.10.11::5025::SOCKET"],
    )
    identity: str | None = Field(
        default=None,
        min_length=1,
        description="Words that must be in what it says that it is, such as model or serial number; it is not used "
        "when they are not.",
        examples=["PCR1000LE"],
    )
    settings: dict[str, Any] = Field(default={}, description="Settings of the driver, which its module explains.")

    @property
    def kind(self) -> Kind:
        """What it is for."""
        return DRIVERS[self.driver].kind

    @model_validator(mode="after")
    def _settings_are_known(self) -> Self:
        known = DRIVERS[self.driver].settings
        if self.settings and not known:
            reject(Fault(("settings",), f"{self.driver} has no settings", "remove it", on_key=True))
        unknown = [name for name in self.settings if name not in known]
        if unknown:
            right = f"known to {self.driver}: {', '.join(known)}"
            reject(*(Fault(("settings", name), "is not a known key", right, on_key=True) for name in unknown))
        return self


class SourceInstrument(_Instrument):
    """An AC source."""

    driver: SourceDriver = Field(description=_titles(Kind.SOURCE))
    limits: Limits = Field(default=Limits(), description="Its limits, where tighter than its driver's.")


class AnalyserInstrument(_Instrument):
    """A power analyser, the reference for what the meters measure."""

    driver: AnalyserDriver = Field(description=_titles(Kind.ANALYSER))


class LoadInstrument(_Instrument):
    """An electronic AC load."""

    driver: LoadDriver = Field(description=_titles(Kind.LOAD))
    limits: LoadLimits = Field(default=LoadLimits(), description="Its limits, where tighter than its driver's.")


class AttenuatorInstrument(_Instrument):
    """An RF attenuator with one or more channels."""

    driver: AttenuatorDriver = Field(description=_titles(Kind.ATTENUATOR))
    channels: ChannelNumber = Field(description="How many channels it has.")


class RelayInstrument(_Instrument):
    """Relays, or the outlets of a power distribution unit."""

    driver: RelayDriver = Field(description=_titles(Kind.RELAY))
    channels: ChannelNumber = Field(description="How many channels it has.")


class BridgeInstrument(_Instrument):
    """A bridge between Ethernet and the power line that a meter is read over."""

    driver: BridgeDriver = Field(description=_titles(Kind.BRIDGE))


Instrument: TypeAlias = Annotated[
    SourceInstrument | AnalyserInstrument | LoadInstrument | AttenuatorInstrument | RelayInstrument | BridgeInstrument,
    Field(discriminator="driver"),
]


class SourceTap(Table):
    """Which phases of which source feed a place."""

    instrument: Name = Field(description="Id of the source. Places may share one; then they are leased together.")
    phases: tuple[Annotated[WholeNumber, Field(ge=1, le=3)], ...] = Field(
        default=(1,), description="Its phases that are wired here, in the order of the meter's.", examples=[[1, 2]]
    )


class AnalyserTap(Table):
    """Which elements of which analyser measure a place."""

    instrument: Name = Field(description="Id of the analyser. Places may share one.")
    elements: tuple[Annotated[WholeNumber, Field(ge=1, le=7)], ...] = Field(
        default=(1,), description="Its elements that are wired here, in the order of the meter's phases."
    )


class LoadTap(Table):
    """Which load draws current through a place."""

    instrument: Name = Field(description="Id of the load. Places may share one.")


class Channel(Table):
    """A channel that one place alone has."""

    instrument: Name = Field(description="Id of the instrument.")
    channel: ChannelNumber = Field(default=1, description="Its channel, from 1.")


class BridgeTap(Table):
    """Which bridge leads to the meter of a place."""

    instrument: Name = Field(description="Id of the bridge.")


class AttenuatorTap(Channel):
    """The channel of an attenuator, and the rest of that radio path."""

    loss: Annotated[Number, Field(ge=0, le=120)] | None = Field(
        default=None,
        description="Loss in dB from the stick to its meter with the attenuator at 0 dB: cables, splitters, pads. If "
        "not given, the stick tells when the attenuator is set from the field.",
    )


class Wiring(Table):
    """What is wired to a place."""

    source: SourceTap | None = Field(default=None, description="The AC source that feeds it.")
    analyser: AnalyserTap | None = Field(default=None, description="The analyser that sees what it sees.")
    load: LoadTap | None = Field(default=None, description="The load behind it.")
    relay: Channel | None = Field(default=None, description="The relay in its supply.")
    attenuator: AttenuatorTap | None = Field(default=None, description="The attenuator in its radio path.")
    bridge: BridgeTap | None = Field(
        default=None,
        description="The PLC bridge that leads to its meter; one of the readers is echonet:// at the bridge's address.",
    )


class Ratings(Table):
    """What the meter at a place is made for."""

    volts: Positive = Field(default=100.0, description="Rated voltage of a phase in V.")
    hertz: Literal[50, 60] = Field(default=50, description="Rated frequency in Hz.")
    amps: Positive = Field(default=10.0, description="Basic current Ib (through transformers: rated current In) in A.")
    amps_max: Positive = Field(default=60.0, description="Maximum current in A.")
    accuracy_class: Literal["0.2S", "0.5S", "1", "2"] = Field(
        default="1", description="Accuracy class, which its limits of error come from; 0.2S and 0.5S are for HV meters."
    )


_UDEV_VALUE = "^[A-Za-z0-9_.:-]+$"  # udev replaces other signs; it reads *, ? and [ as patterns


class Stick(Table):
    """The radio stick that speaks to the meter of a place."""

    address: str = Field(min_length=1, description="Its serial port.", examples=["/dev/meter-stick-1"])
    dialect: str = Field(default="BP35A1", description="What it speaks.")
    usb_serial: str | None = Field(
        default=None,
        pattern=_UDEV_VALUE,
        description="Serial number of its USB adapter, udev's ID_SERIAL_SHORT: `bench rack provision` has the adapter "
        "named as `address` says.",
        examples=["AQ00B1CD"],
    )
    usb_path: str | None = Field(
        default=None,
        pattern=_UDEV_VALUE,
        description="The socket it is plugged into, udev's ID_PATH: for adapters that have no serial number, or two "
        "ports.",
        examples=["pci-0000:00:14.0-usb-0:3:1.0"],
    )

    @model_validator(mode="after")
    def _can_be_named(self) -> Self:
        if self.usb_serial and self.usb_path:
            reject(Fault(("usb_path",), "stands beside usb_serial", "give one of the two", True))
        own_name = re.fullmatch(r"/dev/(?!tty)[A-Za-z0-9][A-Za-z0-9_.-]*", self.address)
        if (self.usb_serial or self.usb_path) and not own_name:
            what = f"{shown(self.address)} cannot be the name of a USB adapter"
            reject(Fault(("address",), what, "choose one like /dev/meter-stick-1"))
        return self


def _check_tags(tags: dict[str, str]) -> dict[str, str]:
    wrong = [name for name in tags if not name.replace("-", "_").isidentifier()]
    if wrong:
        reject(*(Fault((name,), "cannot be the name of a tag", "use letters, digits and hyphens") for name in wrong))
    return tags


class Place(Table):
    """A slot of the rack that holds one meter with its wiring."""

    id: Name = Field(description="Name of the place, no other one's.", examples=["lv-1"])
    meter: str = Field(
        pattern="^[A-Z]{3}[0-9]{12}$", description="Meter id of the meter in it.", examples=["TWN000000000001"]
    )
    meter_class: MeterClass = Field(default="LV", description="What its meter is: LV, HV, gas or water.")
    tags: Annotated[dict[str, str], AfterValidator(_check_tags)] = Field(
        default={}, description="What it may be chosen by.", examples=[{"generation": "next", "route": "wisun"}]
    )
    wiring: Wiring = Field(default=Wiring(), description="What is wired to it.")
    ratings: Ratings = Field(default=Ratings(), description="What its meter is made for.")
    limits: Limits = Field(default=Limits(), description="Its limits, where tighter than its instruments'.")
    stick: Stick | None = Field(default=None, description="The radio stick that speaks to its meter.")
    readers: tuple[str, ...] = Field(
        default=(),
        description="Where its meter is read: addresses as `bench meter --connect` takes them, one a protocol.",
        examples=[["dlms://192.168.10.41", "modbus://192.168.10.41:502?map=kw8m"]],
    )


class SafeState(Table):
    """What the safe state has to prove, and how long it may take."""

    volts_below: Positive = Field(
        default=10.0, description="Voltage in V below which the analyser has to see every phase once the source is off."
    )
    watchdog_seconds: Annotated[Number, Field(ge=1, le=3600)] = Field(
        default=2.0,
        description="Silence in real seconds after which a source that has a watchdog switches itself off.",
    )
    step_seconds: Annotated[Number, Field(ge=0.1, le=60)] = Field(
        default=1.0, description="Real seconds that a step may take before the next one begins without it."
    )


class LeaseSettings(Table):
    """How long leases last."""

    ttl: Annotated[Number, Field(ge=1, le=604_800)] = Field(
        default=900.0, description="Seconds that a lease lasts when its taker does not say."
    )
    longest: Annotated[Number, Field(ge=1, le=604_800)] = Field(
        default=86_400.0, description="Most seconds that a lease may be asked for at a time."
    )


class HealthRounds(Table):
    """How often the gateway looks whether idle places are fit for use."""

    interval: Annotated[Number, Field(ge=0, le=86_400)] = Field(
        default=60.0, description="Real seconds from round to round; 0: no rounds."
    )


class Emulation(Table):
    """Everything of the rack is emulated, on this machine: instruments, sources, loads, radio paths and meters."""

    temperature_c: Annotated[Number, Field(ge=-40, le=85)] = Field(
        default=23.0, description="Temperature of the room in °C, when it begins."
    )
    cable_ohms: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=0.01, description="Resistance in ohm of the cable from a source to its places, there and back."
    )
    hold_up_s: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=0.1, description="Seconds without supply that the meters bridge; longer ones are power failures."
    )
    boot_s: Annotated[Number, Field(gt=0, le=600)] = Field(
        default=3.0, description="Seconds that a meter takes to start once it has its supply."
    )
    line_margin_db: Annotated[Number, Field(ge=0, le=60)] | None = Field(
        default=None,
        description="Signal on the power line between a PLC bridge and its meter above what they need, in dB at the "
        "quietest hour; the noise of other hours takes up to 6.5 dB away. If not given, that of a field's mean line.",
    )


class Rack(Table):
    """A rack: its instruments, its places, and the rules of their use."""

    instruments: tuple[Instrument, ...] = Field(description="The instruments.")
    places: tuple[Place, ...] = Field(description="The places.")
    safe_state: SafeState = Field(default=SafeState(), description="What the safe state has to prove.")
    leases: LeaseSettings = Field(default=LeaseSettings(), description="How long leases last.")
    health: HealthRounds = Field(default=HealthRounds(), description="How often idle places are looked at.")
    keys: str | None = Field(
        default=None,
        description="File with keys and passwords of real meters, seen from the topology file: lines as `bench serve "
        "--json` prints them. Twins need none.",
        examples=["meter-keys.jsonl"],
    )
    emulation: Emulation | None = Field(
        default=None,
        description="Present where everything of this rack is emulated; all its addresses are on this machine then.",
    )

    @field_validator("keys")
    @classmethod
    def _file_exists(cls, name: str | None, info: ValidationInfo) -> str | None:
        folder: Path | None = (info.context or {}).get("folder")
        if name is not None and folder is not None and not is_file(folder / name):
            reject(Fault((), f"there is no file {shown(name)}", "give a path as seen from the topology file's folder"))
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        checks = (check_rack, check_addresses, check_limits, check_readers, check_bridges, check_emulation)
        faults = [fault for check in checks for fault in check(self)]
        if faults:
            reject(*faults)
        return self
