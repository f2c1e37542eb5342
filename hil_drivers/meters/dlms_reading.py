"""The reading half of the DLMS reader: identity, clock, registers, profiles, events.

An object that a meter does not have is a value that does not exist; every other refusal is the meter's *no*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from hil_drivers.errors import RefusedError, UnsupportedError
from hil_drivers.meter import (
    OFFERS,
    Attached,
    Can,
    ClockReading,
    Event,
    Identity,
    Instant,
    Meter,
    ProfileRow,
    Registers,
    require,
)
from hil_drivers.meters import dlms_names as names
from hil_drivers.meters.dlms_session import DlmsAddress, DlmsSession
from hil_drivers.meters.dlms_values import (
    Scale,
    cells,
    take_columns,
    take_int,
    take_octets,
    take_scale,
    take_time,
    text_of,
)
from protocols.dlms.apdu import Attribute, DataAccessResult
from protocols.dlms.axdr import Data, DataType
from protocols.dlms.client import Client, Exchange
from protocols.dlms.profile_generic import Column

T = TypeVar("T")

ALLOWED: Final[Mapping[str, frozenset[Can]]] = {
    "public": frozenset({Can.IDENTITY, Can.CLOCK}),
    "reader": OFFERS["dlms"] - {Can.SET_CLOCK, Can.SWITCH, Can.LIMIT, Can.BOOKING, Can.IMAGE, Can.KEYS},
    "terminal": OFFERS["dlms"] - {Can.IMAGE, Can.KEYS},
    "management": OFFERS["dlms"],
}
"""What each client is meant for (``protocols.dlms.roles``); a meter may allow it less."""

_ABSENT: Final = frozenset(
    {
        DataAccessResult.OBJECT_UNDEFINED,
        DataAccessResult.OBJECT_UNAVAILABLE,
        DataAccessResult.OBJECT_CLASS_INCONSISTENT,
        DataAccessResult.READ_WRITE_DENIED,  # one of several names is not for our client
    }
)


class DlmsReading(Meter):
    """Reads one meter, as the client that the address makes us."""

    protocol = "dlms"

    def __init__(self, address: DlmsAddress) -> None:
        self._session = DlmsSession(address)
        self._scales: dict[bytes, Scale | None] = {}
        self._columns: dict[bytes, list[Column]] = {}

    @property
    def address(self) -> DlmsAddress:
        """Where the meter is, and under which keys it is spoken to now."""
        return self._session.address

    @property
    def can(self) -> frozenset[Can]:
        """What the client that we come as is meant for."""
        return ALLOWED[self.address.role]

    def unsupported(self, what: Can) -> UnsupportedError:
        """By which client it would be carried."""
        needed = "a password or keys" if what in ALLOWED["reader"] else "keys"
        return UnsupportedError(f"the {self.address.role} client of DLMS has no {what.value}; it takes {needed}")

    def close(self) -> None:
        """Release the association and hang up."""
        self._session.close()

    def identity(self) -> Identity:
        """Serial number, firmware version, logical device name, system title."""
        found = self._present(Can.IDENTITY, names.IDENTITY)
        title = found.pop("system_title", None)
        texts = {field: text_of(data) for field, data in found.items()}
        return Identity(**texts, system_title=None if title is None else take_octets(title).hex().upper())

    def clock(self) -> ClockReading:
        """Object 0.0.1.0.0, to the second."""
        return ClockReading(take_time(self._get(Can.CLOCK, names.CLOCK)))

    def registers(self) -> Registers:
        """Active and reactive energy and the meter's time, in one request where the meter serves lists.

        Where registers wrap, DLMS does not say.
        """
        time, raw = self._quantities(Can.REGISTERS, names.ENERGIES)
        scale = self._scales.get(names.ENERGIES["import_wh"])
        resolution = max(1, scale.apply(1)) if scale and "import_wh" in raw else None
        return Registers(time=time, resolution_wh=resolution, **self._scaled(names.ENERGIES, raw))

    def instant(self) -> Instant:
        """Power, currents and voltages; the legs R and T are L1 and L3.

        A meter without a signed power (16.7.0) has it in two parts, import and export.
        """
        time, raw = self._quantities(Can.INSTANT, names.PRESENT)
        values = self._scaled(names.PRESENT, raw)
        parts = [values.pop(name, None) for name in ("import_w", "export_w")]
        if parts[0] is not None:
            values.setdefault("power_w", parts[0] - (parts[1] or 0))
        return Instant(time=time, **values)

    def profile(self, period_s: int, first: int, last: int) -> list[ProfileRow]:
        """Rows of the load profile with this period, all its columns."""
        require(self, Can.PROFILE)
        if period_s not in names.PROFILES:
            known = ", ".join(f"{period // 60}" for period in names.PROFILES)
            raise UnsupportedError(f"dlms has no rows of {period_s / 60:g} min; there are rows of {known} min")
        rows = self._rows(Can.PROFILE, names.PROFILES[period_s], first, last)
        fields = {name: field for row in rows[:1] for name in row if (field := names.COLUMNS.get(name))}
        self._learn(Can.PROFILE, fields)
        return [
            ProfileRow(
                end=take_time(row[names.CLOCK.obis]),
                status=take_int(row[names.STATUS]) if names.STATUS in row else None,
                **self._scaled(
                    {field: name for name, field in fields.items()},
                    {field: row[name] for name, field in fields.items()},
                ),
            )
            for row in rows
        ]

    def events(self, first: int, last: int) -> list[Event]:
        """The log 0.0.99.98.0: time and code."""
        rows = self._rows(Can.EVENTS, names.EVENT_LOG, first, last, names.EVENT_CODE)
        return [Event(take_time(row[names.CLOCK.obis]), take_int(row[names.EVENT_CODE])) for row in rows]

    def power_failures(self) -> int:
        """Object 0.0.96.7.21."""
        return take_int(self._get(Can.POWER_FAILURES, names.POWER_FAILURES))

    def attached(self) -> list[Attached]:
        """Extended registers of the M-Bus channels: value, scaler, capture time."""
        found = []
        for kind, name in names.ATTACHED.items():
            value = {"value": Attribute(4, name, 2), "scale": Attribute(4, name, 3), "end": Attribute(4, name, 5)}
            part = self._present(Can.ATTACHED, value)
            if len(part) == len(value):
                volume = take_scale(part["scale"]).apply(take_int(part["value"]))
                found.append(Attached(kind, take_time(part["end"]), volume))
        return found

    # Requests

    def _run(self, what: Can, make: Callable[[Client], Exchange[T]]) -> T:
        require(self, what)
        return self._session.run(make)

    def _get(self, what: Can, attribute: Attribute) -> Data:
        return self._run(what, lambda client: client.get(attribute))

    def _get_each(self, what: Can, class_id: int, name: bytes, numbers: Iterable[int]) -> list[Data]:
        """Several attributes of one object; all of them must be there."""
        require(self, what)
        found = self._session.get_each(*(Attribute(class_id, name, number) for number in numbers))
        return [_existing(item, self.address.place) for item in found]

    def _present(self, what: Can, wanted: Mapping[str, Attribute]) -> dict[str, Data]:
        """Those of some attributes that the meter has."""
        require(self, what)
        found = zip(wanted, self._session.get_each(*wanted.values()), strict=True)
        return {
            field: _existing(item, self.address.place)
            for field, item in found
            if not (isinstance(item, DataAccessResult) and item in _ABSENT)
        }

    def _quantities(self, what: Can, wanted: Mapping[str, bytes]) -> tuple[int | None, dict[str, Data]]:
        """The meter's time and the raw values of registers, at one instant as far as the meter serves lists."""
        attributes = {field: Attribute(3, name, 2) for field, name in wanted.items()}
        found = self._present(what, {"time": names.CLOCK, **attributes})
        time = found.pop("time", None)
        self._learn(what, {wanted[field]: field for field in found})
        return None if time is None else take_time(time), found

    def _learn(self, what: Can, registers: Mapping[bytes, str]) -> None:
        """Read the scalers that are not known yet; a meter does not change them."""
        unknown = {field: Attribute(3, name, 3) for name, field in registers.items() if name not in self._scales}
        if unknown:
            found = self._present(what, unknown)
            for field, attribute in unknown.items():
                self._scales[attribute.obis] = take_scale(found[field]) if field in found else None

    def _scaled(self, wanted: Mapping[str, bytes], raw: Mapping[str, Data]) -> dict[str, int]:
        scales = {field: self._scales.get(name) for field, name in wanted.items()}
        return {
            field: scale.apply(take_int(raw[field]))
            for field, scale in scales.items()
            if scale is not None and field in raw and raw[field].type is not DataType.NULL
        }

    def _rows(self, what: Can, profile: bytes, first: int, last: int, *needed: bytes) -> list[dict[bytes, Data]]:
        if profile not in self._columns:
            self._columns[profile] = take_columns(self._get(what, Attribute(7, profile, 3)))
        rows = self._run(what, lambda client: client.get_range(profile, first, last))
        return cells(rows, self._columns[profile], names.CLOCK.obis, *needed)


def _existing(item: Data | DataAccessResult, place: str) -> Data:
    if isinstance(item, Data):
        return item
    raise RefusedError(f"{place}: access refused: {item.name} ({item.value})")
