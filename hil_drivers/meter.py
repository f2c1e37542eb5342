"""The meter contract: what anybody may ask of a meter, a twin or a place on the rack, whatever it speaks.

Rules of this file:

* Energies are whole Wh and varh, volumes whole litres, power W, currents mA, voltages mV, thresholds A. What a meter
  shows finer is cut off, and ``None`` is a value that this meter does not have.
* Times are Unix seconds as *the meter* stamps them; wall clocks are turned in :mod:`hil_drivers.times`.
* Calls block until the meter has answered. A reader belongs to one thread, as an instrument's session does: whoever
  wants many meters at once has an owner thread for each. Sockets without an event loop are enough for that, and a
  serial stick has no other way.
* A reader says in ``can`` what it is able to do; anything else is one :class:`~hil_drivers.errors.UnsupportedError`.
* After a :class:`~hil_drivers.errors.LinkError` the next call connects anew. Nothing is sent a second time by itself:
  whether a lost request was carried out, only the meter's state can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import ClassVar, Final, Protocol, Self

from hil_drivers.errors import UnsupportedError


class Can(Enum):
    """What may be asked of a meter, in the words that messages use."""

    IDENTITY = "identity"
    CLOCK = "clock"
    SET_CLOCK = "clock setting"
    REGISTERS = "registers"
    INSTANT = "instantaneous values"
    PROFILE = "periodic rows"
    EVENTS = "event log"
    POWER_FAILURES = "count of power failures"
    ATTACHED = "attached meters"
    SWITCH = "switch"
    LIMIT = "limiter"
    BOOKING = "reserved changes"
    IMAGE = "image transfer"
    KEYS = "key transfer"


_VALUES = frozenset({Can.IDENTITY, Can.REGISTERS, Can.INSTANT})
_READING = frozenset({Can.IDENTITY, Can.CLOCK, Can.REGISTERS, Can.INSTANT, Can.PROFILE})

OFFERS: Final[Mapping[str, frozenset[Can]]] = MappingProxyType(
    {
        "dlms": frozenset(Can),
        "optical": frozenset(Can),
        "echonet": _READING,
        "wi-sun": _READING,
        "modbus": _VALUES,
        "modbus-rtu": _VALUES,
    }
)
"""What each protocol carries, as our readers speak it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the meter says it is; ids in hex are capitals."""

    serial: str | None = None
    maker: str | None = None
    product: str | None = None
    firmware: str | None = None
    device_name: str | None = None
    system_title: str | None = None
    route_b_id: str | None = None
    standard: str | None = None


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the meter's clock shows; it shows whole multiples of ``resolution_s``."""

    time: int
    resolution_s: int = 1


@dataclass(frozen=True, slots=True)
class Registers:
    """Cumulative registers as the meter shows them.

    ``resolution_wh`` is what one count of the energies stands for, ``wraps_at_wh`` where they begin again at 0.
    """

    time: int | None = None
    import_wh: int | None = None
    export_wh: int | None = None
    plus_varh: int | None = None
    minus_varh: int | None = None
    volume_l: int | None = None
    resolution_wh: int | None = None
    wraps_at_wh: int | None = None


@dataclass(frozen=True, slots=True)
class Instant:
    """Instantaneous values; power is negative while energy flows out, currents are magnitudes."""

    time: int | None = None
    power_w: int | None = None
    current_r_ma: int | None = None
    current_t_ma: int | None = None
    voltage_r_mv: int | None = None
    voltage_t_mv: int | None = None


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One periodic row: registers at the *end* of the period, and what else the meter captures then."""

    end: int
    import_wh: int | None = None
    export_wh: int | None = None
    plus_varh: int | None = None
    minus_varh: int | None = None
    voltage_r_mv: int | None = None
    voltage_t_mv: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the event log."""

    time: int
    code: int


@dataclass(frozen=True, slots=True)
class Attached:
    """The newest half-hour of a gas or water meter (``kind``) that is read through this one: register at its end."""

    kind: str
    end: int
    volume_l: int


@dataclass(frozen=True, slots=True)
class SwitchState:
    """``closed`` is whether the supply is on; ``state`` one of connected, disconnected, ready; ``mode`` 0…6."""

    closed: bool
    state: str
    mode: int


@dataclass(frozen=True, slots=True)
class Limit:
    """Contract limit in A: the one in force, the normal one, the one of emergencies."""

    active_a: int
    normal_a: int
    emergency_a: int


class Action(Enum):
    """What can be reserved for a later time."""

    OPEN = "open"
    CLOSE = "close"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Booking:
    """A reserved change; ``ampere`` belongs to :attr:`Action.LIMIT`."""

    action: Action
    at: int
    ampere: int | None = None


class ImageState(Enum):
    """Where an image transfer stands; values are the status codes of the standard (IC18)."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFYING = 2
    VERIFIED = 3
    VERIFICATION_FAILED = 4
    ACTIVATING = 5
    ACTIVATED = 6
    ACTIVATION_FAILED = 7


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """``blocks`` of the image under way, each ``block_size`` bytes but the last, and the numbers of those missing."""

    state: ImageState
    enabled: bool
    block_size: int
    blocks: int
    missing: tuple[int, ...] = field(repr=False)


class Meter(Protocol):
    """A meter. Readers derive from this class and replace what they can do; all else refuses.

    Every method raises :class:`~hil_drivers.errors.LinkError`, :class:`~hil_drivers.errors.AnswerError` and
    :class:`~hil_drivers.errors.RefusedError` besides.
    """

    protocol: ClassVar[str]

    @property
    def can(self) -> frozenset[Can]:
        """What this reader is able to do."""
        return OFFERS[self.protocol]

    def identity(self) -> Identity:
        """Who the meter is."""
        raise self.unsupported(Can.IDENTITY)

    def clock(self) -> ClockReading:
        """What the meter's clock shows."""
        raise self.unsupported(Can.CLOCK)

    def set_clock(self, at: int) -> None:
        """Set the meter's clock to this instant."""
        raise self.unsupported(Can.SET_CLOCK)

    def registers(self) -> Registers:
        """Cumulative registers now."""
        raise self.unsupported(Can.REGISTERS)

    def instant(self) -> Instant:
        """Instantaneous values now."""
        raise self.unsupported(Can.INSTANT)

    def profile(self, period_s: int, first: int, last: int) -> list[ProfileRow]:
        """Rows of a period that end from ``first`` to ``last``, both included, oldest first; only those there are."""
        raise self.unsupported(Can.PROFILE)

    def events(self, first: int, last: int) -> list[Event]:
        """Entries of the event log from ``first`` to ``last``, both included, oldest first."""
        raise self.unsupported(Can.EVENTS)

    def power_failures(self) -> int:
        """How often the supply has failed."""
        raise self.unsupported(Can.POWER_FAILURES)

    def attached(self) -> list[Attached]:
        """Meters that are read through this one; none when it has none."""
        raise self.unsupported(Can.ATTACHED)

    def switch(self) -> SwitchState:
        """Where the switch stands."""
        raise self.unsupported(Can.SWITCH)

    def open_switch(self) -> None:
        """Cut the supply."""
        raise self.unsupported(Can.SWITCH)

    def close_switch(self) -> None:
        """Restore the supply, or make the switch ready for it, as its mode says."""
        raise self.unsupported(Can.SWITCH)

    def limit(self) -> Limit:
        """The limiter's thresholds."""
        raise self.unsupported(Can.LIMIT)

    def set_limit(self, ampere: int) -> None:
        """Set the normal threshold."""
        raise self.unsupported(Can.LIMIT)

    def bookings(self) -> list[Booking]:
        """Changes that are reserved."""
        raise self.unsupported(Can.BOOKING)

    def book(self, booking: Booking) -> None:
        """Reserve a change; it takes the place of one of its kind (limit, or switch)."""
        raise self.unsupported(Can.BOOKING)

    def image(self) -> ImageStatus:
        """Where the image transfer stands; see :mod:`hil_drivers.image` for the whole procedure."""
        raise self.unsupported(Can.IMAGE)

    def image_initiate(self, identifier: bytes, size: int) -> None:
        """Begin the transfer of an image of ``size`` bytes."""
        raise self.unsupported(Can.IMAGE)

    def image_block(self, number: int, content: bytes) -> None:
        """Send one block; a block sent again does no harm."""
        raise self.unsupported(Can.IMAGE)

    def image_verify(self) -> bool:
        """Ask for the verification: True when it is over, False while the meter is still at it."""
        raise self.unsupported(Can.IMAGE)

    def image_activate(self) -> bool:
        """Ask for the activation: True when it is over, False while the meter is still at it."""
        raise self.unsupported(Can.IMAGE)

    def transfer_key(self, key: bytes) -> None:
        """Give the meter a new encryption key (16 bytes) and speak under it from now on."""
        raise self.unsupported(Can.KEYS)

    def close(self) -> None:
        """Let go of the connection; the next call would connect anew."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def unsupported(self, what: Can) -> UnsupportedError:
        """The error that says what is not carried here, and by what it would be."""
        others = [name for name, offered in OFFERS.items() if what in offered and name != self.protocol]
        hint = f"ask by {' or '.join(others)}" if others else "no protocol here does"
        return UnsupportedError(f"{self.protocol} does not carry {what.value}; {hint}")


def require(meter: Meter, what: Can) -> None:
    """Raise :class:`~hil_drivers.errors.UnsupportedError` unless the reader is able to do this."""
    if what not in meter.can:
        raise meter.unsupported(what)
