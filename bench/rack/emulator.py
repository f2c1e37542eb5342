"""The control socket of an emulation, and what it tells of the world: nothing that an instrument could say."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import InputError
from bench.rack.emulate import EmulatedRack
from bench.rack.emulator_client import (
    SOCKET,
    Answer,
    ClockRequest,
    FaultRequest,
    Request,
    TemperatureRequest,
    TruthRequest,
    address_in,
)
from protocols.errors import MeterBenchError
from twins.clock import ScaledClock
from twins.rack.meters.view import EmulatedView
from twins.rack.world.meter import SLOT_S
from twins.rack.world.radio import Port
from twins.rack.world.world import World

_FAILURES_TOLD = 10
_DECODER = msgspec.json.Decoder(Request)


class ControlSocket:
    """Serves one rack from a folder, for its owner alone."""

    def __init__(self, rack: EmulatedRack, folder: Path) -> None:
        self._rack, self._folder = rack, folder
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Take the socket; raises InputError when another emulation has it, or when it cannot be had."""
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.setblocking(False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with address_in(self._folder) as address:
                _make_room(address)
                own.bind(address)
                Path(address).chmod(0o600)
        except OSError as error:
            own.close()
            raise InputError(f"{self._folder / SOCKET}: {error.strerror or error}") from None
        self._server = await asyncio.start_unix_server(self._talk, sock=own)

    def close(self) -> None:
        """Take it away."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):
                (self._folder / SOCKET).unlink()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # a line that never ends is no request
            while line := await reader.readline():
                writer.write(msgspec.json.encode(self._answer(line)) + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> Answer:
        try:
            return Answer(result=self._do(_DECODER.decode(line)))
        except msgspec.DecodeError as error:
            return Answer(error=f"no request: {error}")
        except MeterBenchError as error:
            return Answer(error=str(error))

    def _do(self, request: Request) -> Any:
        match request:
            case FaultRequest():
                self._rack.fault(request.instrument, request.kind, request.times, request.seconds)
            case TemperatureRequest():
                now = self._rack.clock.now()
                for world in self._rack.worlds.values():
                    world.set_temperature(request.celsius, now)
            case ClockRequest(clock):
                if not isinstance(self._rack.clock, ScaledClock) or not self._rack.clock.leap(clock):
                    raise InputError("no time leads back; give a clock that is ahead")
            case TruthRequest():
                return truth(self._rack)
        return None


def _make_room(address: str) -> None:
    """Remove what a killed emulation left; raises OSError where one lives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(address)
        except OSError:
            Path(address).unlink(missing_ok=True)
            return
    raise OSError(0, "another emulation runs from this folder")


def truth(rack: EmulatedRack) -> dict[str, Any]:
    """How everything really stands now.

    ``sources``: on, V, A and W a phase at the places' end, Hz, °C. ``attenuators``: real dB by channel. ``relays``:
    closed or not by channel. ``meters`` by place, see :func:`_meter`. What does not exist is null.
    """
    now = rack.clock.now()
    for world in rack.worlds.values():
        world.advance(now)
    kinds = {name: each.kind.value for name, each in rack.inventory.instruments.items()}
    return {
        "now": now,
        "scale": rack.scale,
        "sources": {name: _source(world) for name, world in rack.worlds.items() if kinds[name] == "source"},
        "attenuators": {name: _attenuator(rack, name, now) for name in kinds if kinds[name] == "attenuator"},
        "relays": {name: _relay(rack, name, now) for name in rack.contacts},
        "meters": {
            place: _meter(view, now) | {"dbm": _finite(rack.meters.level_dbm(place, now))}
            for place, view in rack.meters.views.items()
        },
    }


def _source(world: World) -> dict[str, Any]:
    state = world.state
    return {
        "on": world.output.on,
        "volts": [abs(phase.volts) for phase in state.phases],
        "amps": [abs(phase.amps) for phase in state.phases],
        "watts": [phase.power.real for phase in state.phases],
        "hertz": state.hertz,
        "temperature_c": state.temperature_c,
    }


def _attenuator(rack: EmulatedRack, name: str, now: float) -> list[float | None]:
    described: Any = rack.inventory.instruments[name]
    return [_finite(rack.radio.attenuation(Port(name, channel + 1), now)) for channel in range(described.channels)]


def _relay(rack: EmulatedRack, name: str, now: float) -> list[bool]:
    described: Any = rack.inventory.instruments[name]
    first = rack.first_contact(name)
    return [rack.contacts[name].closed(first + channel, now) for channel in range(described.channels)]


def _meter(view: EmulatedView, now: float) -> dict[str, Any]:
    """What there is of one meter.

    ``registers``: exact Wh and varh, ``shown`` the whole ones of active energy; ``half_hours``: those by stamp, since
    the emulation began. ``error_percent``: its true error under the present conditions. ``dbm``: level of its radio.
    """
    meter = view.meter
    seen = meter.instant(now)
    return {
        "meter": view.identity.meter,
        "supply": meter.supply.value,
        "connected": meter.connected,
        "switched_on": meter.switched_on,
        "registers": view.exact(now)._asdict(),
        "shown": view.active(now)._asdict(),
        "half_hours": {row.end: row.active._asdict() for row in view.record(SLOT_S, meter.born, math.inf, now)},
        "error_percent": _finite(meter.error_percent()),
        "volts": seen.volts,
        "amps": seen.amps,
        "watts": seen.watts,
        "clock_error_s": meter.clock(now) - now,
        "power_failures": meter.power_failures,
        "failed_at": meter.failed_at[-_FAILURES_TOLD:],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
