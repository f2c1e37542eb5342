"""What several suites share: limits as data, comparisons of two protocols, a DLMS connection that is written down."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any, Final

from bench.measure import Limit, load_limits, load_parameters
from bench.pytest_plugin.measuring import Measure
from bench.pytest_plugin.specimen import Specimen
from hil_drivers.meter import Registers
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import Carrier
from hil_drivers.meters.dlms_tcp import TcpAddress
from hil_drivers.meters.echonet import EchonetAddress, UdpCarrier
from hil_drivers.meters.echonet_node import EchonetNode
from protocols.echonet.frame import LV_METER, Eoj
from protocols.echonet.transport import PORT as ECHONET_PORT
from protocols.slots import SLOT_SECONDS

HALF_HOUR: Final = SLOT_SECONDS
_TITLE: Final = b"BENCHTAP"  # a title of its own: a meter counts the messages of each


@cache
def limit(name: str) -> Limit:
    """A limit of the suites (``bench/limits/suites.toml``)."""
    return load_limits("suites")[name]


@cache
def parameter(name: str) -> float:
    """A parameter of the suites."""
    return load_parameters("suites")[name].value


def held(measure: Measure, name: str, value: float | None, point: str = "", **more: Any) -> None:
    """Take a measurement against its limit of the suites; ``point`` tells several of one test apart."""
    its = limit(name)
    called = f"{name} {point}".strip()
    measure(called, value, its.unit, low=its.low, high=its.high, requirement=its.requirements, **more)


def shown(wh: int | None, registers: Registers) -> int | None:
    """An exact energy as a meter shows it whose counts and digits are these."""
    if wh is None:
        return None
    step = registers.resolution_wh or 1
    return wh // step * step % (registers.wraps_at_wh or 1 << 63)


def newest_half_hours(before: float, after: float) -> range:
    """Stamps that the newest half-hour may bear when it was asked for between two instants (Unix s)."""
    return range(int(before) // HALF_HOUR * HALF_HOUR, int(after) + 1, HALF_HOUR)


def home(meter: Specimen) -> EchonetNode:
    """The meter as a controller of the home sees it, property by property; to be closed."""
    return EchonetNode(*wire(meter))


def wire(meter: Specimen, wait_s: float | None = None) -> tuple[UdpCarrier, Eoj]:
    """Datagrams to the meter's object and back; to be closed. ``wait_s`` is how long an answer may take."""
    endpoint = meter.endpoint("echonet")
    assert endpoint.address is not None
    eoj = Eoj.from_bytes(bytes.fromhex(endpoint.about["eoj"])) if "eoj" in endpoint.about else LV_METER
    address = EchonetAddress(endpoint.address, endpoint.port or ECHONET_PORT, eoj, wait_s=wait_s)
    return UdpCarrier(address), eoj


@contextmanager
def restored(meter: Specimen) -> Iterator[DlmsMeter]:
    """The DLMS reader of a meter whose switch and limit are put back as they were, whatever happens."""
    reader = meter.via("dlms")
    assert isinstance(reader, DlmsMeter)
    switch, normal = reader.switch(), reader.limit().normal_a
    try:
        yield reader
    finally:
        if reader.limit().normal_a != normal:
            reader.set_limit(normal)
        if reader.switch().closed != switch.closed:
            (reader.close_switch if switch.closed else reader.open_switch)()


class Tape:
    """Requests as they went over the wire, and a way to put one there again."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.heard: list[bytes] = []
        self.carrier: Carrier | None = None

    def exchanged(self, client: int) -> list[tuple[bytes, bytes]]:
        """Requests of a client that were answered, each with its answer."""
        pairs = zip(self.sent, self.heard, strict=False)
        return [(apdu, answer) for (asked_by, apdu), answer in pairs if asked_by == client]

    def again(self, request: tuple[int, bytes]) -> bytes:
        """The answer to bytes that are put on the wire as they are."""
        assert self.carrier is not None
        return self.carrier.exchange(*request)


class _Taped:
    """A carrier whose requests are written down."""

    def __init__(self, carrier: Carrier, tape: Tape) -> None:
        self._carrier, self._tape = carrier, tape
        tape.carrier = carrier

    def open(self) -> None:
        """As the carrier."""
        self._carrier.open()

    def exchange(self, client: int, apdu: bytes) -> bytes:
        """As the carrier; the request is kept."""
        self._tape.sent.append((client, apdu))
        answer = self._carrier.exchange(client, apdu)
        self._tape.heard.append(answer)
        return answer

    def close(self) -> None:
        """As the carrier."""
        self._carrier.close()


class _TapedAddress(TcpAddress):
    """A meter on TCP, over carriers that are written down."""

    tape: Tape

    def carrier(self) -> Any:
        """A carrier that is written down."""
        return _Taped(super().carrier(), self.tape)


def taped(meter: Specimen) -> tuple[DlmsMeter, Tape]:
    """A DLMS reader of its own as management, and the tape of all that it sends; to be closed."""
    known = meter.another("dlms", timeout=10.0)
    assert isinstance(known, DlmsMeter)
    address = known.address
    assert isinstance(address, TcpAddress)
    copy = _TapedAddress(
        **{each.name: getattr(address, each.name) for each in fields(address)} | {"client_title": _TITLE}
    )
    object.__setattr__(copy, "tape", Tape())
    return DlmsMeter(copy), copy.tape


@cache
def finders() -> dict[str, tuple[str, ...]]:
    """Planted defects with the tests that should find each, as ``test_file.py::test``."""
    text = resources.files(__package__).joinpath("finders.toml").read_text("utf-8")
    return {name: tuple(tests) for name, tests in tomllib.loads(text)["defects"].items()}


def soon(meter: Specimen) -> int:
    """An instant near enough to wait for and far enough to be told of: 3 real seconds ahead (Unix s, meter's clock)."""
    return meter.via("dlms").clock().time + int(max(5.0, 3.0 * meter.scale))


def real_pause(seconds: float) -> None:
    """Wait so many real seconds: for instruments and radios, whose time is not scaled."""
    time.sleep(seconds)
