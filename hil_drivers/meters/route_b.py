"""A meter over the B-route: a Wi-SUN stick on a serial port, a session with the meter, ECHONET Lite on it.

::

    protocol: wi-sun
    path: /dev/ttyUSB0
    dialect: BP35A1                  # BP35C2, RL7023, J11; auto: a text dialect, told by SKINFO
    route_b_id: 00112233445566778899AABBCCDDEEFF
    password: 0123456789AB

The first request joins: set-up, scan, PANA; that can take minutes on air (``meter-protocols`` §2.2). Sending that is
blocked by a re-authentication or by used-up air time is waited for: it is normal life (§8 trap 21).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import serial

from hil_drivers.errors import AddressError, LinkError, RefusedError
from hil_drivers.meters.echonet_meter import EchonetMeter
from protocols.echonet.frame import LV_METER, Eoj
from protocols.wisun.errors import EncodeError
from protocols.wisun.host import (
    Cause,
    Closed,
    Found,
    HostSession,
    Joined,
    JoinFailed,
    Phase,
    Received,
    SendBlocked,
    Sent,
    SessionEvent,
    SessionLost,
    Timing,
)
from protocols.wisun.j11.session import Session as BinarySession
from protocols.wisun.radio import Credentials, SendResult, rssi_dbm
from protocols.wisun.skstack.dialect import DIALECTS, HAN_SE, Dialect
from protocols.wisun.skstack.session import Session as TextSession

BAUD: Final = 115_200
QUIET_S: Final = 0.2
"""A stick that has been silent for so long has answered all commands of earlier sessions; our own choice."""

AUTO: Final = "auto"
BINARY: Final = "J11"
_TEXT: Final[Mapping[str, Dialect | None]] = {AUTO: None, **DIALECTS, HAN_SE.name: HAN_SE}

_WHY: Final = {
    Cause.STICK_SILENT: "the stick does not answer: port, power, dialect",
    Cause.STICK_ERROR: "the stick refused a command",
    Cause.NO_BEACON: "no meter with this B-route id answers: place, antenna, id",
    Cause.REFUSED: "the meter refused id or password",
    Cause.NO_ANSWER: "the meter was found and then did not answer",
    Cause.ENDED_BY_METER: "the meter ended the session",
}


@dataclass(frozen=True, slots=True)
class StickAddress:
    """A stick's port and the credentials of the meter behind it; ``timing`` holds the waits of the session."""

    path: str
    route_b_id: str
    password: str = field(repr=False)
    dialect: str = AUTO
    eoj: Eoj = LV_METER
    wait_s: float | None = None
    timing: Timing = field(default_factory=Timing)

    def new_session(self) -> HostSession:
        """A session that was never opened; raises :class:`AddressError` for what cannot be a dialect or credentials."""
        raw_id, password = (text.encode("ascii", "replace") for text in (self.route_b_id, self.password))
        try:
            credentials = Credentials(raw_id, password)
        except EncodeError as error:
            raise AddressError(f"{self.path}: {error}") from None
        if self.dialect == BINARY:
            return BinarySession(credentials, self.timing)
        if self.dialect not in _TEXT:
            raise AddressError(f"no stick dialect {self.dialect}; there are {', '.join((*_TEXT, BINARY))}")
        return TextSession(credentials, self.timing, _TEXT[self.dialect])


@dataclass(frozen=True, slots=True)
class Link:
    """The radio between a stick and its meter: whether a session stands, how well the meter was heard last.

    ``lqi`` is of the meter's last beacon or datagram, as the stick tells it; ``seconds`` (real) is what it took.
    """

    joined: bool
    lqi: int | None
    seconds: float

    @property
    def rssi_dbm(self) -> float | None:
        """The level that the link quality stands for."""
        return None if self.lqi is None else rssi_dbm(self.lqi)


@dataclass(frozen=True, slots=True)
class Probed:
    """How often a datagram was sent, how often the meter's radio acknowledged it, and what all of it took (real s)."""

    sent: int
    acknowledged: int
    seconds: float


class StickCarrier:
    """Datagrams over a stick's session, which is opened when it is needed."""

    def __init__(self, address: StickAddress) -> None:
        self._address = address
        self._session = address.new_session()
        self._port: serial.Serial | None = None
        self._arrived: list[bytes] = []
        self._heard_lqi: int | None = None

    @property
    def place(self) -> str:
        """The port."""
        return self._address.path

    @property
    def wait_s(self) -> float | None:
        """As the address says."""
        return self._address.wait_s

    def send(self, data: bytes) -> None:
        """Send a datagram as soon as the session allows it; joins first where there is no session."""
        if self._port is None:
            self._join()
        if not self._acknowledged(data):
            raise LinkError(f"{self.place}: the meter's radio did not acknowledge the request")

    def _acknowledged(self, data: bytes) -> bool:
        """Send a datagram over the session; whether the meter's radio acknowledged it. Raises LinkError."""
        result, blocked = self._sent(data)
        if result is SendResult.FAILED and blocked:  # refused by the stick, which had said so while nobody listened
            result, _ = self._sent(data)
        if result is SendResult.UNKNOWN:  # its next answer could be to this request or to another
            self._hang_up()
            raise LinkError(f"{self.place}: the stick does not say whether it sent the request")
        return result is not SendResult.FAILED

    def receive(self, deadline: float) -> bytes | None:
        """The next datagram from the meter."""
        while not self._arrived and self._port is not None and time.monotonic() < deadline:
            self._turn(deadline)
        return self._arrived.pop(0) if self._arrived else None

    def scan(self) -> Link:
        """Look for the meter; a session that stood is given up. Raises LinkError when it is not heard."""
        self.close()
        began = time.monotonic()
        self._open_port()
        self._session.survey(began)
        self._until(Found)
        self._hang_up()
        return self._link(time.monotonic() - began)

    def join(self) -> Link:
        """Join the meter, unless that is done. Raises LinkError, and RefusedError for wrong credentials."""
        began = time.monotonic()
        if self._port is None or self._session.phase is not Phase.JOINED:
            self.close()
            self._join()
        return self._link(time.monotonic() - began)

    def status(self) -> Link:
        """How the radio stands; nothing is sent, what the stick has said meanwhile is heard."""
        if self._port is not None:
            with contextlib.suppress(LinkError, RefusedError):  # then the session has been lost
                self._turn(time.monotonic())
        return self._link(0.0)

    def probe(self, payload: bytes, count: int) -> Probed:
        """Send a datagram so many times over the session that stands, and count acknowledgements; answers are dropped.

        What is counted are frames after all tries of the stick. Raises LinkError where no session stands.
        """
        began, known = time.monotonic(), 0
        for _ in range(count):
            if self._port is None or self._session.phase not in (Phase.JOINED, Phase.REAUTHENTICATING):
                raise LinkError(f"{self.place}: no session stands; join first")
            known += self._acknowledged(payload)
            self._arrived.clear()
        return Probed(count, known, time.monotonic() - began)

    def leave(self) -> Link:
        """End the session, if there is one."""
        began = time.monotonic()
        self.close()
        return self._link(time.monotonic() - began)

    def close(self) -> None:
        """End the session in order, and give the port back."""
        if self._port is not None and self._session.phase is Phase.JOINED:
            with contextlib.suppress(LinkError):
                self._session.close(time.monotonic())
                self._until(Closed)
        self._hang_up()

    def _link(self, seconds: float) -> Link:
        stands = self._port is not None and self._session.phase in (Phase.JOINED, Phase.REAUTHENTICATING)
        return Link(stands, self._heard_lqi, seconds)

    def _join(self) -> None:
        self._open_port()
        self._session.open(time.monotonic())
        self._until(Joined)

    def _open_port(self) -> None:
        try:
            self._port = serial.Serial(self._address.path, BAUD, timeout=QUIET_S, exclusive=True)
            while self._port.read(1024):  # what the stick still has to say to whoever spoke to it before
                pass
        except OSError as error:
            raise LinkError(f"{self.place}: {error.strerror or error}") from error

    def _sent(self, data: bytes) -> tuple[SendResult, bool]:
        """Wait for leave to send, and send: how that ended, and whether leave was taken away meanwhile."""
        patience = time.monotonic() + self._address.timing.join
        while not self._session.can_send:
            if time.monotonic() >= patience:
                raise LinkError(f"{self.place}: no leave to send within {self._address.timing.join:g} s")
            self._turn(patience)
        self._session.send(data, time.monotonic())
        events = self._until(Sent)
        result = next(event.result for event in events if isinstance(event, Sent))
        return result, any(isinstance(event, SendBlocked) for event in events)

    def _until(self, kind: type[SessionEvent]) -> list[SessionEvent]:
        """All events up to one of this kind; the session's own deadlines end every wait for one."""
        events: list[SessionEvent] = []
        while not any(isinstance(event, kind) for event in events):
            events += self._turn(math.inf)
        return events

    def _turn(self, deadline: float) -> list[SessionEvent]:
        """Write what the session has to say, and hear the stick until it says something, or the first deadline."""
        port, session = self._port, self._session
        if port is None:
            raise LinkError(f"{self.place}: the port is closed")
        due = min(deadline, session.deadline or math.inf)
        try:
            port.write(session.output())
            port.timeout = None if due == math.inf else max(0.0, due - time.monotonic())
            heard = port.read(1)
            heard += port.read(port.in_waiting)
        except OSError as error:
            self._hang_up()
            raise LinkError(f"{self.place}: {error.strerror or error}") from error
        now = time.monotonic()
        events = session.receive(heard, now) + session.poll(now)
        self._arrived += [event.datagram.payload for event in events if isinstance(event, Received)]
        for event in events:
            if isinstance(event, Found | Joined):
                self._heard_lqi = event.beacon.lqi
            if isinstance(event, Received) and event.datagram.lqi:  # 0 where the stick does not tell
                self._heard_lqi = event.datagram.lqi
            if isinstance(event, JoinFailed | SessionLost):
                self._heard_lqi = None
                self._fail(event)
        return events

    def _fail(self, event: JoinFailed | SessionLost) -> None:
        self._hang_up()
        text = f"{self.place}: {_WHY[event.cause]}" + (f" ({event.detail})" if event.detail else "")
        raise RefusedError(text) if event.cause is Cause.REFUSED else LinkError(text)

    def _hang_up(self) -> None:
        if self._port is not None:
            self._port.close()
        self._port = None
        self._arrived.clear()


class RouteBMeter(EchonetMeter):
    """One meter behind a stick."""

    protocol = "wi-sun"

    def __init__(self, address: StickAddress) -> None:
        self.address = address
        self.radio = StickCarrier(address)
        super().__init__(self.radio, address.eoj)
