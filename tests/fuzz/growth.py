"""How the time of each stream reader grows with its stream: ``python -m tests.fuzz.growth``.

Prints milliseconds of CPU time for 64 KiB, 256 KiB and 1 MiB of each stream, the best of three, and the two ratios:
about 4 is linear, 16 the square. A tool and no test: a busy machine must not make a test fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

from protocols import mqtt
from protocols.dlms.connection import Connection as DlmsConnection
from protocols.dlms.hdlc import Address, Control, HdlcFrame, HdlcReader, Kind
from protocols.dlms.wrapper import Frame as Wrapped
from protocols.dlms.wrapper import WrapperReader
from protocols.modbus.mbap import FrameReader as ModbusReader
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.server import Connection as ModbusConnection
from protocols.wisun.j11 import frame as j11
from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.j11.session import Session as J11Session
from protocols.wisun.skstack.dialect import BP35A1
from protocols.wisun.skstack.line_reader import LineReader
from protocols.wisun.skstack.module import Module
from protocols.wisun.skstack.session import Session
from tests.fuzz.target import in_chunks
from tests.protocols.dlms.meter import Meter
from tests.protocols.modbus.test_server import GOOD
from tests.protocols.wisun.test_robustness import SAID
from tests.protocols.wisun.vectors import CREDENTIALS, STICK_MAC

SIZES = (1 << 16, 1 << 18, 1 << 20)
TOPIC = "ami/a/c000001/TWN000000000001/up"


class _LineLike(Protocol):
    def feed(self, data: bytes) -> None: ...

    def next(self) -> object: ...


def _whole(feed: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    """A reader whose ``feed`` returns or yields everything at once."""

    def take(data: bytes) -> None:
        for _ in feed(data) or ():
            pass

    return take


def _piecewise(reader: _LineLike) -> Callable[[bytes], None]:
    """A reader that hands out one item after the other."""

    def take(data: bytes) -> None:
        reader.feed(data)
        while reader.next() is not None:
            pass

    return take


def _raw_lines() -> Callable[[bytes], None]:
    reader = LineReader()
    reader.udp_as_text = False
    return _piecewise(reader)


def _stick(stick: Module | J11Module) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        stick.receive(data)
        stick.output()

    return take


def _host(session: Session | J11Session) -> Callable[[bytes], None]:
    session.open(0.0)
    return lambda data: _whole(lambda raw: session.receive(raw, 0.0))(data)


_MQTT = lambda: _whole(mqtt.Reader().feed)  # noqa: E731 - a table of factories
_HDLC_LONG = HdlcFrame(Address(1), Address(16), Control(Kind.I), bytes(2030)).to_bytes()
_J11_CODE = j11.REQUEST.to_bytes(4, "big")
_SEND_TO = b"SKSENDTO 1 FE80:0000:0000:0000:021C:6400:030C:12A4 0E1A 1 FFFF "

CASES: dict[str, tuple[Callable[[], Callable[[bytes], None]], bytes | None, int]] = {  # reader, what repeats, piece
    "mqtt, one long packet": (_MQTT, None, 64),
    "mqtt, equal packets": (_MQTT, mqtt.publish(TOPIC, bytes(62)), 1 << 20),
    "mqtt, alternating shapes": (_MQTT, mqtt.publish(TOPIC, b"x") + mqtt.publish(TOPIC, b""), 1 << 20),
    "mqtt, shortest packets": (_MQTT, mqtt.publish("", b"") + mqtt.publish("", b"x"), 1 << 20),
    "mqtt, pings": (_MQTT, b"\xd0\x00", 1 << 20),
    "wrapper, long frames": (lambda: _whole(WrapperReader().feed), Wrapped(1, 1, bytes(60_000)).to_bytes(), 16),
    "wrapper, empty frames": (lambda: _whole(WrapperReader().feed), Wrapped(1, 1, b"").to_bytes(), 1 << 20),
    "DLMS connection": (
        lambda: _whole(DlmsConnection(Meter().device).receive),
        Wrapped(16, 1, b"").to_bytes(),
        1 << 20,
    ),
    "HDLC, long frames": (lambda: _whole(HdlcReader().feed), _HDLC_LONG, 16),
    "HDLC, headers that break off": (lambda: _whole(HdlcReader().feed), _HDLC_LONG[:10], 1 << 20),
    "HDLC, flags": (lambda: _whole(HdlcReader().feed), b"\x7e", 1 << 20),
    "RTU requests": (lambda: _whole(RtuReader().feed), RtuFrame(1, GOOD[7:]).to_bytes(), 7),
    "RTU, counts that break off": (lambda: _whole(RtuReader().feed), b"\x10\x10\x10\x10\x10\x10\xf0", 1 << 20),
    "Modbus frames": (lambda: _whole(ModbusReader().feed), GOOD, 7),
    "Modbus, zeros": (lambda: _whole(ModbusReader().feed), b"\0", 1 << 20),
    "Modbus connection": (lambda: _whole(ModbusConnection({}).receive), GOOD, 1 << 20),
    "lines without end": (lambda: _piecewise(LineReader()), b"x", 16),
    "lines, only LF": (lambda: _piecewise(LineReader()), b"\n", 1 << 20),
    "lines, raw ERXUDP": (_raw_lines, b"ERXUDP ", 7),
    "J11, unique codes": (lambda: _piecewise(j11.FrameReader(j11.REQUEST)), _J11_CODE, 1),
    "J11, long frames": (
        lambda: _piecewise(j11.FrameReader(j11.REQUEST)),
        j11.Frame(5, bytes(1300)).to_bytes(j11.REQUEST),
        5,
    ),
    "text stick, no line end": (lambda: _stick(Module(BP35A1, STICK_MAC)), b"x", 9),
    "text stick, SKSENDTO": (lambda: _stick(Module(BP35A1, STICK_MAC)), _SEND_TO, 9),
    "binary stick, unique codes": (lambda: _stick(J11Module(STICK_MAC)), _J11_CODE, 1 << 20),
    "text host": (lambda: _host(Session(CREDENTIALS)), b"".join(SAID), 11),
    "binary host": (lambda: _host(J11Session(CREDENTIALS)), j11.RESPONSE.to_bytes(4, "big"), 1 << 20),
}


def main() -> None:
    """Measure and print."""
    for name, (make, repeated, piece) in CASES.items():
        times = [min(_measure(make(), _stream(repeated, size), piece) for _ in range(3)) for size in SIZES]
        ratios = " ".join(f"{after / before:5.1f}" for before, after in pairwise(times))
        print(f"{name:<28}{''.join(f'{1e3 * seconds:>10.1f}' for seconds in times)} ms   ratios {ratios}", flush=True)


def _stream(repeated: bytes | None, size: int) -> bytes:
    if repeated is None:
        return mqtt.publish(TOPIC, bytes(size - 60))
    return (repeated * (size // len(repeated) + 1))[:size]


def _measure(take: Callable[[bytes], None], stream: bytes, piece: int) -> float:
    start = time.process_time()
    for chunk in in_chunks(stream, piece):
        take(chunk)
    return time.process_time() - start


if __name__ == "__main__":
    main()
