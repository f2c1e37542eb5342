"""A meter over Modbus, TCP or RTU: SunSpec meter models, or a Japanese panel meter's map.

::

    protocol: modbus
    address: 127.0.0.2     # port 502
    map: sunspec           # or kw8m
    unit: 1

    protocol: modbus-rtu
    address: /dev/ttyUSB0  # a serial line: 8 bits, no parity, 1 stop bit
    baud: 9600
    map: kw8m
    unit: 1

Maps are those of :mod:`protocols.modbus`. Registers are read through pymodbus, without its repetitions: what is asked
again, the caller decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusException

from hil_drivers.errors import AddressError, AnswerError, LinkError, RefusedError
from hil_drivers.meter import Identity, Instant, Meter, Registers
from protocols.errors import ProtocolError
from protocols.modbus.maps import KW8M, RegisterMap, Value, map_names, register_map
from protocols.modbus.sunspec import BASE, COMMON

SUNSPEC: Final = "sunspec"
PORT: Final = 502
BAUD: Final = 9600
_MARKER: Final = [int.from_bytes(b"Su", "big"), int.from_bytes(b"nS", "big")]
_END: Final = 0xFFFF
_MOST_MODELS: Final = 64
_THOUSANDTHS: Final = {"Wh": 1, "kWh": 1000, "varh": 1, "W": 1, "kW": 1000, "A": 1000, "V": 1000}
"""What turns a point's unit into the contract's."""

_IDENTITY: Final = {"serial": "SN", "maker": "Mn", "product": "Md", "firmware": "Vr"}
_REGISTERS: Final = {
    SUNSPEC: {"import_wh": "TotWhImp", "export_wh": "TotWhExp"},
    KW8M: {"import_wh": "energy"},
}
_INSTANT: Final = {
    SUNSPEC: {
        "power_w": "W",
        "current_r_ma": "AphA",
        "current_t_ma": "AphB",
        "voltage_r_mv": "PhVphA",
        "voltage_t_mv": "PhVphB",
    },
    KW8M: {"power_w": "active_power", "voltage_r_mv": "voltage_l1", "voltage_t_mv": "voltage_l2"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAddress:
    """Which unit a meter is and which map it has. A subclass says where, and makes the client that asks there."""

    unit: int = 1
    map: str = SUNSPEC
    wait_s: float = 10.0

    def __post_init__(self) -> None:
        if self.map not in _REGISTERS:
            raise AddressError(f"no register map {self.map}; there are {', '.join(_REGISTERS)}")

    @property
    def place(self) -> str:
        """The address as people write it."""
        raise NotImplementedError

    def client(self) -> ModbusTcpClient | ModbusSerialClient:
        """A client that is not connected yet."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ModbusAddress(UnitAddress):
    """A meter on TCP."""

    host: str
    port: int = PORT

    @property
    def place(self) -> str:
        """Host, port and unit."""
        return f"{self.host}:{self.port} unit {self.unit}"

    def client(self) -> ModbusTcpClient:
        """For TCP."""
        return ModbusTcpClient(self.host, port=self.port, timeout=self.wait_s, retries=0)


@dataclass(frozen=True, slots=True)
class RtuAddress(UnitAddress):
    """A meter on a serial line."""

    path: str
    baud: int = BAUD

    @property
    def place(self) -> str:
        """Port and unit."""
        return f"{self.path} unit {self.unit}"

    def client(self) -> ModbusSerialClient:
        """For RTU."""
        return ModbusSerialClient(self.path, baudrate=self.baud, timeout=self.wait_s, retries=0)


class ModbusMeter(Meter):
    """Reads one unit."""

    protocol = "modbus"

    def __init__(self, address: UnitAddress) -> None:
        self.address = address
        self._client = address.client()
        self._models: dict[int, RegisterMap] = {}

    def close(self) -> None:
        """Hang up."""
        self._client.close()  # type: ignore[no-untyped-call]

    def identity(self) -> Identity:
        """SunSpec's common model; a panel meter does not say who it is."""
        if self.address.map != SUNSPEC:
            return Identity()
        found = self._decoded(self._placed()[COMMON])
        return Identity(**{field: str(found[point]) for field, point in _IDENTITY.items() if found.get(point)})

    def registers(self) -> Registers:
        """Active energy; what the meter shows finer than 1 Wh is cut off."""
        table, found = self._table_and_values()
        values = _values(table, found, _REGISTERS[self.address.map])
        point = table.point(_REGISTERS[self.address.map]["import_wh"])
        exponent = found[point.scale_factor] if point.scale_factor else point.scale
        resolution = None
        if isinstance(exponent, int) and "import_wh" in values:
            resolution = max(1, int(Decimal(_THOUSANDTHS[point.unit]).scaleb(exponent)))
        return Registers(resolution_wh=resolution, **values)

    def instant(self) -> Instant:
        """Power, currents and voltages; SunSpec's phases A and B are the legs R and T."""
        return Instant(**_values(*self._table_and_values(), _INSTANT[self.address.map]))

    def _table_and_values(self) -> tuple[RegisterMap, dict[str, Value]]:
        table = register_map(KW8M) if self.address.map == KW8M else self._sunspec_meter()
        return table, self._decoded(table)

    def _sunspec_meter(self) -> RegisterMap:
        models = self._placed()
        for number, placed in models.items():
            if number != COMMON:
                return placed
        raise AnswerError(f"{self.address.place}: SunSpec without a meter model that we know")

    def _placed(self) -> dict[int, RegisterMap]:
        """The SunSpec models that the device has and we know, where they stand; found once."""
        if not self._models:
            if self._read(BASE, 2) != _MARKER:
                raise AnswerError(f"{self.address.place}: no SunSpec marker at {BASE}")
            at = BASE + 2
            for _ in range(_MOST_MODELS):
                number, length = self._read(at, 2)
                if number == _END:
                    break
                name = f"sunspec_{number}"
                if name in map_names():
                    self._models[number] = register_map(name).at(at)
                at += 2 + length
        return self._models

    def _decoded(self, table: RegisterMap) -> dict[str, Value]:
        """All values of a map, read at once: of one moment. Every map that we know fits one request."""
        first, end = table.points[0].address, table.points[-1].end
        registers = self._read(first, end - first)
        try:
            return table.decode(first, registers)
        except ProtocolError as error:
            raise AnswerError(f"{self.address.place}: {error}") from error

    def _read(self, first: int, count: int) -> list[int]:
        try:
            if not self._client.connect():
                raise LinkError(f"{self.address.place}: no connection")
            answer = self._client.read_holding_registers(first, count=count, device_id=self.address.unit)
        except (ModbusException, OSError) as error:
            self.close()
            raise LinkError(f"{self.address.place}: no answer within {self.address.wait_s:g} s ({error})") from error
        if answer.isError():
            raise RefusedError(f"{self.address.place}: registers {first} to {first + count - 1} refused ({answer})")
        if len(answer.registers) != count:
            raise AnswerError(f"{self.address.place}: {len(answer.registers)} registers instead of {count}")
        return list(answer.registers)


class RtuMeter(ModbusMeter):
    """Reads one unit on a serial line."""

    protocol = "modbus-rtu"


def _values(table: RegisterMap, found: Mapping[str, Value], wanted: Mapping[str, str]) -> dict[str, int]:
    """Points in the contract's units by field; those that do not exist are left out."""
    return {
        field: int(Decimal(value) * _THOUSANDTHS[table.point(point).unit])
        for field, point in wanted.items()
        if isinstance(value := found[point], int | Decimal)
    }
