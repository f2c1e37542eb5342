"""Twins on TCP: a listening socket for each, connections that come and go, pushes that go out.

A meter that is off, or starting into another firmware, takes no connection and drops those it has. A client that sends
nonsense loses its connection, one that does not read is waited for as long as a silent one; no other
client and no other meter is held up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence

from protocols.dlms.connection import Connection
from protocols.dlms.roles import MANAGEMENT, PUBLIC, READER
from protocols.dlms.wrapper import PORT
from protocols.errors import MeterBenchError, ProtocolError
from twins.clock import Clock
from twins.dlms.logical_device import CONNECTIONS, IDLE_SECONDS, TwinDevice
from twins.dlms.push import UDP, destination_of, window_open
from twins.echonet.addresses import AddressError
from twins.memory.parts import Push
from twins.serving.endpoint import Endpoint
from twins.serving.files import make_room
from twins.serving.tcp import listening

_CHUNK = 4096
_PUSH_TIMEOUT = 10.0  # s that a destination has to take a push
_MOST_PUSHES = 16  # of one meter that wait or are on their way; more are dropped, as a full send queue drops
_SENDING = 64  # pushes of all meters that are sent at a time: a booking for all of them lets all report at once

log = logging.getLogger(__name__)


def ids_of(twin: TwinDevice) -> dict[str, str]:
    """What a client must know of a twin besides its keys: names, client addresses, the reader's password."""
    return {
        "system_title": twin.title.hex().upper(),
        "logical_device": str(twin.logical.address),
        "client_public": str(PUBLIC),
        "client_reader": str(READER),
        "client_management": str(MANAGEMENT),
        "reader_password": twin.password.decode(),
    }


def keys_of(twin: TwinDevice) -> dict[str, str]:
    """The keys in force, in hex."""
    encryption, authentication = twin.security.keys()
    found = {"encryption": encryption, "authentication": authentication}
    return {
        name: key.hex().upper() for name, key in (found | {"wrapping": twin.device.memory.secrets.wrapping}).items()
    }


class DlmsService:
    """Serves ``devices`` at ``addresses`` (IPv4, one each) on a TCP port."""

    def __init__(self, devices: Sequence[TwinDevice], addresses: Sequence[str], clock: Clock, port: int = PORT) -> None:
        self._devices, self._addresses, self._clock, self._port = devices, addresses, clock, port
        self._sockets: list[socket.socket] = []
        self._writers: list[set[asyncio.StreamWriter]] = [set() for _ in devices]
        self._pushes: dict[asyncio.Task[None], TwinDevice] = {}
        self._sending = asyncio.Semaphore(_SENDING)
        self.dropped_pushes = 0

    def open(self) -> None:
        """Take the addresses; raises :class:`AddressError`."""
        make_room(len(self._addresses), len(self._addresses) * (1 + CONNECTIONS))
        try:
            self._sockets = [listening(address, self._port) for address in self._addresses]
        except AddressError:
            self.close()
            raise

    def endpoints(self) -> list[Endpoint]:
        """What a client needs: addresses, keys, passwords, wPorts."""
        return [
            Endpoint(
                meter=each.device.view.identity.meter,
                protocol="dlms",
                address=address,
                port=self._port,
                ids=ids_of(each),
                keys=keys_of(each),
                about={"transport": "wrapper", "security_suite": "0"},
            )
            for each, address in zip(self._devices, self._addresses, strict=True)
        ]

    async def run(self) -> None:
        """Serve until cancelled."""
        servers = [
            await asyncio.start_server(self._handler(place), sock=own) for place, own in enumerate(self._sockets)
        ]
        self._sockets = []
        try:
            await asyncio.Event().wait()
        finally:
            for server in servers:
                server.close()
            for task in list(self._pushes):
                task.cancel()
            for place in range(len(self._devices)):
                self._hang_up(place)

    def close(self) -> None:
        """Let go of sockets that were opened and never served."""
        for own in self._sockets:
            own.close()
        self._sockets = []

    def look_after(self) -> None:
        """Hang up on meters that are off, and send what meters have to tell; to be called about once a second."""
        for place, each in enumerate(self._devices):
            if self._writers[place] and not each.device.alive:
                self._hang_up(place)
            if each.pusher.outbox:
                self._send_pushes(each)

    def _hang_up(self, place: int) -> None:
        for writer in self._writers[place]:
            _cut(writer)

    def _handler(self, place: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        each, writers = self._devices[place], self._writers[place]

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not each.device.answers(self._clock.now()) or len(writers) >= CONNECTIONS:
                _cut(writer)
                return
            writers.add(writer)
            connection = Connection(each.logical)
            try:
                await self._talk(each, connection, reader, writer)
            finally:
                connection.lost()
                writers.discard(writer)
                writer.close()

        return talk

    async def _talk(
        self, each: TwinDevice, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while chunk := await asyncio.wait_for(reader.read(_CHUNK), IDLE_SECONDS):
                answers = connection.answers(chunk)
                while (answer := self._next_answer(each, answers)) is not None:
                    writer.write(answer)
                    if each.pusher.outbox:
                        self._send_pushes(each)
                    if writer.transport.get_write_buffer_size():
                        await asyncio.wait_for(writer.drain(), IDLE_SECONDS)
                    await asyncio.sleep(0)  # all others have their turn before the next request of this chunk
        except ProtocolError:
            return
        except (ConnectionError, TimeoutError):
            _cut(writer)  # what it did not read, nobody keeps
        except MeterBenchError as error:  # our own fault, and not that of other meters
            log.warning("%s hangs up: %s", each.device.view.identity.meter, error)
            _cut(writer)

    def _next_answer(self, each: TwinDevice, answers: Iterator[bytes]) -> bytes | None:
        """The next answer; all that changed with it is written down. None when there is no further one."""
        if not each.device.answers(self._clock.now()):
            raise ConnectionResetError("the meter is off")
        with each.device.memory.together():
            return next(answers, None)

    def _send_pushes(self, each: TwinDevice) -> None:
        frames, each.pusher.outbox = each.pusher.outbox, []
        push, alone = each.device.memory.push, destination_of(each.device.memory.push)
        for frame in frames:
            waiting = sum(device is each for device in self._pushes.values())
            if alone is None or waiting >= _MOST_PUSHES or not window_open(push, each.device.time):
                self.dropped_pushes += 1
                continue
            task = asyncio.get_running_loop().create_task(self._deliver(push, alone, frame))
            self._pushes[task] = each
            task.add_done_callback(self._pushes.pop)

    async def _deliver(self, push: Push, destination: tuple[str, int], frame: bytes) -> None:
        """Send a push, and again as often as the setup says when nobody takes it."""
        await asyncio.sleep(random.uniform(0, push.random_start))
        for attempt in range(push.retries + 1):
            if attempt:
                await asyncio.sleep(push.delay)
            with contextlib.suppress(OSError, TimeoutError):
                async with self._sending:
                    await asyncio.wait_for(_send(push.service, destination, frame), _PUSH_TIMEOUT)
                return
        self.dropped_pushes += 1


def _cut(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, as a device that lost its state does; dlms-cosem 21.3.2 waits for ever on a mere end."""
    own = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed already
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # a mere close would wait for a client that does not read


async def _send(service: int, destination: tuple[str, int], frame: bytes) -> None:
    if service == UDP:
        family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as own:
            own.sendto(frame, destination)
        return
    _, writer = await asyncio.open_connection(*destination)
    try:
        writer.write(frame)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except BaseException:
        writer.transport.abort()  # or what was not taken would wait for ever
        raise
