"""Sticks on pseudo-terminals in time: what hosts write goes to the sticks, what is due is done when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.skstack.dialect import DIALECTS as TEXT_DIALECTS
from protocols.wisun.skstack.module import Module as TextModule
from twins.clock import Clock
from twins.echonet.everybody import Everybody
from twins.route_b.meter import RouteB
from twins.serving.endpoint import Endpoint
from twins.serving.files import make_room
from twins.serving.terminal import Terminal, TerminalError
from twins.wisun.air import Air
from twins.wisun.link import PERFECT, Link
from twins.wisun.parameters import Line, RadioError, RadioParameters
from twins.wisun.radio import AnyStick
from twins.wisun.station import Station, stick_mac

J11 = "J11"
DIALECTS = (*TEXT_DIALECTS, J11)
"""The dialects that a stick can be served in."""

_FILES = 2  # ends of a pseudo-terminal
_LONGEST_REST = 3600.0  # event loops take no infinite time


@dataclass(slots=True)
class _Served:
    """One stick, the terminal that a host finds it at, and the time-out of a command that stops in the middle."""

    stick: AnyStick
    dialect: str
    home: Station
    terminal: Terminal
    patience: float
    timeout: asyncio.TimerHandle | None = None


class Seat(NamedTuple):
    """Where a stick is: the place of the meter in whose home it stands, its number there, dialect, terminal's path."""

    place: int
    number: int
    dialect: str
    path: Path


def seats_in_homes(meters: Sequence[RouteB], directory: Path, dialects: Sequence[str], sticks: int) -> list[Seat]:
    """A stick of each dialect in the first homes whose B-route is open, at ``directory/<meter id>-<dialect>``."""
    homes = [(place, meter) for place, meter in enumerate(meters) if meter.credentials is not None][:sticks]
    return [
        Seat(place, number, dialect, directory / f"{meter.node.view.identity.meter}-{dialect}")
        for place, meter in homes
        for number, dialect in enumerate(dict.fromkeys(dialects))
    ]


class StickService:
    """Sticks at their ``seats``; each can join any meter.

    ``everybody`` joins the radio with the other media of the same twins, ``link`` says what is lost between sticks and
    meters. ``seed`` is the fleet's. Raises :class:`RadioError` for a dialect that there is not.
    """

    def __init__(
        self,
        meters: Sequence[RouteB],
        clock: Clock,
        seed: int,
        seats: Sequence[Seat],
        *,
        everybody: Everybody | None = None,
        parameters: RadioParameters | None = None,
        link: Link = PERFECT,
    ) -> None:
        for seat in seats:
            if seat.dialect not in DIALECTS:
                raise RadioError(f"there is no stick {seat.dialect}; take one of {', '.join(DIALECTS)}")
        self.air = Air(meters, seed, clock, everybody or Everybody(), parameters, link)
        self._next: asyncio.TimerHandle | None = None
        self._served = [self._stick(seat, clock.monotonic) for seat in seats]

    def _stick(self, seat: Seat, steady: Callable[[], float]) -> _Served:
        home, line = self.air.stations[seat.place], self.air.parameters.line
        mac = stick_mac(home.route_b.node.view.index, seat.number)
        stick = J11Module(mac) if seat.dialect == J11 else TextModule(TEXT_DIALECTS[seat.dialect], mac)
        terminal = Terminal(seat.path, line, steady)
        self.air.add(stick, mac, terminal.write)
        return _Served(stick, seat.dialect, home, terminal, _patience(seat.dialect, line))

    @property
    def lost(self) -> int:
        """Bytes that no host took."""
        return sum(served.terminal.lost for served in self._served)

    def open(self) -> None:
        """Make the terminals; raises :class:`TerminalError` for one that cannot be had."""
        make_room(_FILES * len(self._served))
        try:
            for served in self._served:
                served.terminal.open()
        except TerminalError:
            self.close()
            raise

    def endpoints(self) -> list[Endpoint]:
        """The sticks, each with the credentials of the meter in whose home it stands."""
        return [_endpoint(served, self.air.parameters.line) for served in self._served]

    async def run(self) -> None:
        """Serve until cancelled; the caller closes."""
        for served in self._served:
            served.terminal.start(partial(self._heard, served))
        self.step()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for timer in (self._next, *(served.timeout for served in self._served)):
                if timer is not None:
                    timer.cancel()
            for served in self._served:
                served.terminal.stop()

    def close(self) -> None:
        """Take the terminals away."""
        for served in self._served:
            served.terminal.close()

    def step(self) -> None:
        """Do what is due, and come back when more is; also to be called when a virtual clock has moved."""
        self.air.settle()
        if self._next is not None:
            self._next.cancel()
        wait = min(self.air.rest(), _LONGEST_REST)
        self._next = asyncio.get_running_loop().call_later(wait, self.step)

    def _heard(self, served: _Served, data: bytes) -> None:
        served.stick.receive(data)
        self.step()
        if served.timeout is not None:
            served.timeout.cancel()
        loop = asyncio.get_running_loop()
        served.timeout = loop.call_later(served.patience, self._fell_silent, served)

    def _fell_silent(self, served: _Served) -> None:
        served.stick.input_timeout()
        self.step()


def _patience(dialect: str, line: Line) -> float:
    return line.binary_input_timeout_s if dialect == J11 else line.text_input_timeout_s


def _endpoint(served: _Served, line: Line) -> Endpoint:
    home, credentials = served.home, served.home.route_b.credentials
    ids = {}
    if credentials is not None:
        ids = {"route_b_id": credentials.route_b_id.decode(), "password": credentials.password.decode()}
    return Endpoint(
        meter=home.route_b.node.view.identity.meter,
        protocol="wi-sun",
        path=str(served.terminal.path),
        ids=ids,
        about={
            "dialect": served.dialect,
            "baud": str(line.baud),
            "channel": str(home.channel),
            "pan_id": f"{home.pan_id:04X}",
            "mac": home.mac.hex().upper(),
        },
    )
