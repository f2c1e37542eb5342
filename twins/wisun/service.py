"""Sticks on pseudo-terminals in time: what hosts write goes to the sticks, what is due is done when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from protocols.wisun.j11.module import Module as J11Module
from protocols.wisun.skstack.dialect import DIALECTS as TEXT_DIALECTS
from protocols.wisun.skstack.module import Module as TextModule
from twins.clock import Clock
from twins.echonet.everybody import Everybody
from twins.route_b.meter import RouteB
from twins.serving.endpoint import Endpoint
from twins.serving.files import make_room
from twins.wisun.air import Air
from twins.wisun.link import PERFECT, Link
from twins.wisun.parameters import Line, RadioError, RadioParameters
from twins.wisun.radio import AnyStick
from twins.wisun.station import Station, stick_mac
from twins.wisun.terminal import Terminal

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


class StickService:
    """A stick of each of ``dialects`` in the first ``sticks`` homes whose B-route is open; each can join any meter.

    Its terminals stand at ``directory/<meter id>-<dialect>``. ``everybody`` joins the radio with the other media of the
    same twins, ``link`` says what is lost between sticks and meters. ``seed`` is the fleet's. Raises
    :class:`RadioError` for a dialect that there is not.
    """

    def __init__(
        self,
        meters: Sequence[RouteB],
        clock: Clock,
        seed: int,
        directory: Path,
        dialects: Sequence[str] = ("BP35A1",),
        *,
        sticks: int = 1,
        everybody: Everybody | None = None,
        parameters: RadioParameters | None = None,
        link: Link = PERFECT,
    ) -> None:
        for dialect in dialects:
            if dialect not in DIALECTS:
                raise RadioError(f"there is no stick {dialect}; take one of {', '.join(DIALECTS)}")
        self.air = Air(meters, seed, clock, everybody or Everybody(), parameters, link)
        self._next: asyncio.TimerHandle | None = None
        homes = [station for station in self.air.stations if station.route_b.credentials is not None][:sticks]
        self._served = [
            self._stick(dialect, number, home, directory, clock.monotonic)
            for home in homes
            for number, dialect in enumerate(dict.fromkeys(dialects))
        ]

    def _stick(self, dialect: str, number: int, home: Station, directory: Path, steady: Callable[[], float]) -> _Served:
        view, line = home.route_b.node.view, self.air.parameters.line
        mac = stick_mac(view.index, number)
        stick = J11Module(mac) if dialect == J11 else TextModule(TEXT_DIALECTS[dialect], mac)
        terminal = Terminal(directory / f"{view.identity.meter}-{dialect}", line, steady)
        self.air.add(stick, mac, terminal.write)
        return _Served(stick, dialect, home, terminal, _patience(dialect, line))

    @property
    def lost(self) -> int:
        """Bytes that no host took."""
        return sum(served.terminal.lost for served in self._served)

    def open(self) -> None:
        """Make the terminals; raises :class:`RadioError` for one that cannot be had."""
        make_room(_FILES * len(self._served))
        try:
            for served in self._served:
                served.terminal.open()
        except RadioError:
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
