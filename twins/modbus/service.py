"""Twins on Modbus TCP: one loopback address a twin, the same port for all.

Values are computed at the request; nothing has to be advanced.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping, Sequence

from protocols.modbus.maps import KW8M, register_map
from protocols.modbus.mbap import PORT
from protocols.modbus.sunspec import BASE
from twins.clock import Clock
from twins.echonet.addresses import AddressError
from twins.meter.view import MeterView
from twins.modbus.tcp import MOST_CLIENTS, Clients
from twins.modbus.units import KW8M_UNIT, SUNSPEC_UNIT, sunspec_models, units_of
from twins.serving.endpoint import Endpoint
from twins.serving.files import make_room
from twins.serving.tcp import listening

PROTOCOL = "modbus-tcp"


class ModbusService:
    """Serves the twins of ``views`` at ``addresses``, one each; ``defects`` are planted faults by meter index.

    ``runs`` tells of each whether it is alive at an instant; all always are where it is not given.
    A :class:`twins.serving.endpoint.Service`. The views should be of low-voltage electricity meters.
    """

    def __init__(
        self,
        views: Sequence[MeterView],
        addresses: Sequence[str],
        clock: Clock,
        port: int = PORT,
        defects: Mapping[int, Collection[str]] | None = None,
        runs: Sequence[Callable[[float], bool]] | None = None,
    ) -> None:
        planted = defects or {}
        alive = runs or [_always] * len(views)
        self._views, self._addresses, self._port = views, addresses, port
        self._clients = [
            Clients(units_of(view, clock, planted.get(view.index, ())), _at(clock, each))
            for view, each in zip(views, alive, strict=True)
        ]
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        """Bind all sockets. Raises :class:`AddressError` for an address that is in use or cannot be had."""
        make_room(len(self._addresses), len(self._addresses) * (1 + MOST_CLIENTS))
        try:
            for address in self._addresses:
                self._sockets.append(listening(address, self._port))
        except AddressError:
            self.close()
            raise

    def endpoints(self) -> list[Endpoint]:
        """Where the twins answer, with the unit ids of their maps."""
        return [self._endpoint(view, address) for view, address in zip(self._views, self._addresses, strict=True)]

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        servers: list[asyncio.Server] = []
        try:
            for clients, own in zip(self._clients, self._sockets, strict=True):
                servers.append(await loop.create_server(clients.connect, sock=own))
            await asyncio.Event().wait()
        finally:
            for server in servers:
                server.close()
            for clients in self._clients:
                clients.abort()

    def close(self) -> None:
        """Let go of the addresses."""
        for own in self._sockets:
            own.close()
        self._sockets = []

    def _endpoint(self, view: MeterView, address: str) -> Endpoint:
        return Endpoint(
            meter=view.identity.meter,
            protocol=PROTOCOL,
            address=address,
            port=self._port,
            ids=ids_of(),
            about=about_of(view),
        )


def ids_of() -> dict[str, str]:
    """The unit of each map."""
    return {"sunspec": str(SUNSPEC_UNIT), KW8M: str(KW8M_UNIT)}


def about_of(view: MeterView) -> dict[str, str]:
    """The maps in words."""
    models = ", ".join(map(str, sunspec_models(view)))
    return {"sunspec_models": f"{models} from {BASE} on", KW8M: f"{register_map(KW8M).title}, low word first"}


def _always(now: float) -> bool:
    return True


def _at(clock: Clock, runs: Callable[[float], bool]) -> Callable[[], bool]:
    return lambda: runs(clock.now())
