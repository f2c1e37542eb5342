"""The same twin behind DLMS and behind ECHONET Lite, at one instant that does not pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from hil_drivers.meter import Meter
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import Keys
from hil_drivers.meters.dlms_tcp import TcpAddress
from hil_drivers.meters.echonet import EchonetAddress, UdpEchonetMeter
from hil_drivers.meters.modbus import ModbusAddress, ModbusMeter, RtuAddress, RtuMeter
from hil_drivers.meters.optical import OpticalAddress, OpticalMeter
from hil_drivers.meters.route_b import RouteBMeter, StickAddress
from protocols.dlms.axdr import Data, DataType, array, encode, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.connection import Connection as DlmsConnection
from protocols.dlms.hdlc_server import HdlcConnection
from protocols.dlms.objects import Attr, CosemObject
from protocols.dlms.profile_generic import CLOCK_COLUMN, Column, Row, profile_object
from protocols.dlms.roles import IDENTIFIED
from protocols.dlms.values import enum, scaler_unit, uint8, uint16, uint32
from protocols.modbus.rtu import RtuLine
from protocols.modbus.server import Connection as ModbusConnection
from tests.hil_drivers.meters.servers import LineServer, Server, StickServer, TcpServer, UdpServer
from tests.protocols.dlms.meter import PASSWORD, WRAPPING_KEY
from tests.protocols.dlms.meter import Meter as DlmsDevice
from tests.protocols.dlms.vectors import AUTH_KEY, KEY
from tests.protocols.wisun.vectors import CREDENTIALS
from tests.twins.echonet.twin import NOW as EXACT_NOW
from tests.twins.echonet.twin import twin_of, view_of
from twins.clock import VirtualClock
from twins.meter.view import MeterView
from twins.modbus.units import units_of

NOW = int(EXACT_NOW)
VIEW = view_of("next", True, three_wire=True)
KEYS = Keys(KEY, AUTH_KEY, WRAPPING_KEY)
WAIT = 20.0


def obis(text: str) -> bytes:
    return bytes([*map(int, text.split(".")), 255])


def register(name: str, value: Callable[[], int], unit: int, scaler: int = 0) -> CosemObject:
    return CosemObject(
        3,
        obis(name),
        {
            "value": Attr(lambda: Data(DataType.INT32, value()), read=IDENTIFIED),
            "scaler_unit": Attr(scaler_unit(scaler, unit), read=IDENTIFIED),
        },
    )


class Rows:
    """A load profile of the view."""

    def __init__(self, view: MeterView, period: int, *names: str) -> None:
        self.period, self.capacity = period, 10_000
        self._view = view
        status = Column(1, obis("0.0.96.10.1"), 2)
        self.columns = (CLOCK_COLUMN, status, *(Column(3, obis(name), 2) for name in names))

    def count(self) -> int:
        return len(self.between(None, None))

    def entries(self, first: int, last: int) -> Iterable[Row]:
        return self.between(None, None)[first - 1 : last]

    def between(self, first: int | None, last: int | None) -> list[Row]:
        rows = self._view.record(self.period, first or 0, last or NOW, NOW)
        return [
            [
                encode(octets(DateTime.from_unix(row.end).to_bytes())),
                encode(uint8(0)),
                *(encode(uint32(value)) for value in (row.active + (row.reactive or ()))[: len(self.columns) - 2]),
            ]
            for row in rows
        ]


class Log:
    """An event log with two entries."""

    period, capacity = 0, 10
    columns = (CLOCK_COLUMN, Column(1, obis("0.0.96.11.0"), 2))
    entered = ((NOW - 7200, 4), (NOW - 60, 17))

    def count(self) -> int:
        return len(self.entered)

    def entries(self, first: int, last: int) -> Iterable[Row]:
        return self.between(None, None)[first - 1 : last]

    def between(self, first: int | None, last: int | None) -> list[Row]:
        return [
            [encode(octets(DateTime.from_unix(time).to_bytes())), encode(uint8(code))]
            for time, code in self.entered
            if (first is None or time >= first) and (last is None or time <= last)
        ]


class Schedule:
    """A single-action schedule that keeps what is written."""

    def __init__(self, name: str) -> None:
        self.script = structure(octets(bytes(6)), uint16(0))
        self.times = array()
        self.object = CosemObject(
            22,
            obis(name),
            {
                "executed_script": Attr(lambda: self.script, lambda value: setattr(self, "script", value)),
                "type": Attr(enum(1)),
                "execution_time": Attr(lambda: self.times, lambda value: setattr(self, "times", value)),
            },
        )


def dlms_device(**options: bool) -> DlmsDevice:
    """The twin's values in the objects of a DLMS meter."""
    meter = DlmsDevice(**options)  # type: ignore[arg-type]
    meter.time = DateTime.from_unix(NOW).to_bytes()
    view = VIEW
    for new in (
        CosemObject(1, obis("0.0.96.1.0"), {"value": Attr(octets(view.identity.serial.encode()), read=IDENTIFIED)}),
        CosemObject(1, obis("1.0.0.2.0"), {"value": Attr(lambda: octets(meter.image.state.identifier or b"1.0"))}),
        CosemObject(1, obis("0.0.96.7.21"), {"value": Attr(uint16(3), read=IDENTIFIED)}),
        register("1.0.1.8.0", lambda: view.active(NOW).import_wh, 30),
        register("1.0.2.8.0", lambda: view.active(NOW).export_wh, 30),
        register("1.0.3.8.0", lambda: view.reactive(NOW).plus_varh, 32),
        register("1.0.4.8.0", lambda: view.reactive(NOW).minus_varh, 32),
        register("1.0.1.7.0", lambda: max(view.power_w(NOW), 0), 27),
        register("1.0.2.7.0", lambda: max(-view.power_w(NOW), 0), 27),
        register("1.0.31.7.0", lambda: abs(view.electric(NOW).current_r_ma), 33, -3),
        register("1.0.71.7.0", lambda: abs(view.electric(NOW).current_t_ma or 0), 33, -3),
        register("1.0.32.7.0", lambda: view.electric(NOW).voltage_r_mv // 100, 35, -1),
        profile_object(obis("1.0.99.1.0"), Rows(view, 1800, "1.0.1.8.0", "1.0.2.8.0")),
        profile_object(obis("1.0.99.2.0"), Rows(view, 300, "1.0.1.8.0", "1.0.2.8.0", "1.0.3.8.0", "1.0.4.8.0")),
        profile_object(obis("1.0.99.3.0"), Rows(view, 60, "1.0.1.8.0", "1.0.2.8.0")),
        profile_object(obis("0.0.99.98.0"), Log()),
        Schedule("0.0.15.0.0").object,
        Schedule("0.0.15.0.1").object,
    ):
        meter.device.objects.add(new)
    return meter


def echonet_node(view: MeterView = VIEW) -> Callable[[bytes], list[bytes]]:
    """The twin as an ECHONET Lite node."""
    twin = twin_of(view)
    return lambda data: [item.data for item in twin.receive(data, "127.0.0.1", EXACT_NOW)]


def stick_address(
    server: StickServer, password: str = CREDENTIALS.password.decode(), wait_s: float = WAIT
) -> StickAddress:
    dialect = "J11" if server.dialect == "J11" else "auto"
    return StickAddress(server.path, CREDENTIALS.route_b_id.decode(), password, dialect, wait_s=wait_s)


@contextmanager
def dlms(wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    with serving(dlms_device()) as server, management(server, wait_s) as meter:
        yield server, meter


@contextmanager
def optical(wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    with (
        LineServer(HdlcConnection(dlms_device().device).receive) as server,
        OpticalMeter(OpticalAddress(server.path, keys=KEYS, answer_wait_s=wait_s)) as meter,
    ):
        yield server, meter


def serving(device: DlmsDevice) -> TcpServer:
    return TcpServer(lambda: DlmsConnection(device.device).receive)


def management(server: TcpServer, answer_wait_s: float = WAIT) -> DlmsMeter:
    return DlmsMeter(TcpAddress("127.0.0.1", server.port, keys=KEYS, answer_wait_s=answer_wait_s))


def as_reader(server: TcpServer, password: bytes = PASSWORD) -> DlmsMeter:
    return DlmsMeter(TcpAddress("127.0.0.1", server.port, password=password, answer_wait_s=WAIT))


@contextmanager
def echonet(wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    with (
        UdpServer(echonet_node()) as server,
        UdpEchonetMeter(EchonetAddress(server.host, server.port, wait_s=wait_s)) as meter,
    ):
        yield server, meter


@contextmanager
def modbus(wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    units = units_of(VIEW, VirtualClock(EXACT_NOW))
    with (
        TcpServer(lambda: ModbusConnection(units).receive) as server,
        ModbusMeter(ModbusAddress("127.0.0.1", server.port, wait_s=wait_s)) as meter,
    ):
        yield server, meter


@contextmanager
def modbus_rtu(wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    units = units_of(VIEW, VirtualClock(EXACT_NOW))
    with (
        LineServer(RtuLine(units).receive) as server,
        RtuMeter(RtuAddress(server.path, wait_s=wait_s)) as meter,
    ):
        yield server, meter


@contextmanager
def wisun(dialect: str, wait_s: float = WAIT) -> Iterator[tuple[Server, Meter]]:
    with (
        StickServer(echonet_node(), dialect, CREDENTIALS) as server,
        RouteBMeter(stick_address(server, wait_s=wait_s)) as meter,
    ):
        yield server, meter
