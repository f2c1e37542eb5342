"""The DLMS service on real sockets: no client and no meter holds up another one."""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import Attribute
from protocols.dlms.client import Client
from protocols.dlms.roles import READER
from protocols.dlms.wrapper import Frame
from tests.twins.dlms.rig import Rig
from twins.clock import VirtualClock
from twins.dlms import names
from twins.dlms.service import DlmsService
from twins.memory.parts import Push

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as own:
        own.bind((HOST, 0))
        return int(own.getsockname()[1])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    it = Rig(tmp_path, generation="current", after=48)
    yield it
    it.journal.close()


def served(rig: Rig, test: Callable[[DlmsService, int], Awaitable[None]]) -> None:
    """Run a test against the service of one meter."""

    async def both() -> None:
        port = free_port()
        service = DlmsService([rig.twin], [HOST], VirtualClock(rig.now), port)
        service.open()
        running = asyncio.get_running_loop().create_task(service.run())
        try:
            await asyncio.wait_for(test(service, port), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            service.close()

    asyncio.run(both())


def requests(rig: Rig, count: int) -> bytes:
    """An association of the reader, and whole profiles asked for one behind the other."""
    client = Client(Mechanism.LLS, rig.twin.password)
    frames = [next(client.associate())]
    frames += [next(client.get(Attribute(7, names.PROFILES[1800], 2)))] * count
    return b"".join(Frame(READER, 1, apdu).to_bytes() for apdu in frames)


def test_a_client_that_reads_nothing_is_cut_off_when_its_meter_goes_off(rig: Rig) -> None:
    async def test(service: DlmsService, port: int) -> None:
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(own, (HOST, port))
        await loop.sock_sendall(own, requests(rig, 20))
        while not service._writers[0]:
            await asyncio.sleep(0.01)
        rig.device.lose_line()
        while service._writers[0]:
            service.look_after()
            await asyncio.sleep(0.01)
        own.close()

    served(rig, test)


def test_a_connection_that_is_gone_already_can_be_hung_up_on(rig: Rig) -> None:
    async def test(service: DlmsService, port: int) -> None:
        _, writer = await asyncio.open_connection(HOST, port)
        while not service._writers[0]:
            await asyncio.sleep(0.01)
        (own,) = service._writers[0]
        own.transport.get_extra_info("socket")._sock.close()
        rig.device.lose_line()
        service.look_after()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    served(rig, test)


def test_requests_sent_in_one_go_are_served_one_at_a_time(rig: Rig) -> None:
    async def test(service: DlmsService, port: int) -> None:
        _, greedy = await asyncio.open_connection(HOST, port)
        greedy.write(requests(rig, 300))
        reader, other = await asyncio.open_connection(HOST, port)
        other.write(requests(rig, 0))
        assert (await reader.read(1)) == b"\0"
        assert not greedy.is_closing()
        for writer in (greedy, other):
            writer.close()

    served(rig, test)


def test_what_cannot_be_written_down_is_not_answered(rig: Rig) -> None:
    async def test(service: DlmsService, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            rig.twin.logical.associated = lambda client, stands: rig.device.log("clock_set")
            writer.write(requests(rig, 0))
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        rig.twin.logical.associated = lambda client, stands: None
        assert rig.journal.failure is not None
        writer.close()

    served(rig, test)


def test_when_all_meters_report_at_once_every_report_arrives(tmp_path: Path) -> None:
    rigs = [Rig(tmp_path / str(number)) for number in range(70)]
    arrived: list[bytes] = []

    async def both() -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.append(await reader.read())
            writer.close()

        sink = await asyncio.start_server(take, HOST, 0)
        port = sink.sockets[0].getsockname()[1]
        service = DlmsService([rig.twin for rig in rigs], [HOST] * len(rigs), VirtualClock(rigs[0].now), free_port())
        for rig in rigs:
            memory = rig.device.memory
            memory.push = Push(memory.push.objects, destination=f"{HOST}:{port}".encode())
            rig.device.log("booking_done")
        service.look_after()
        while len(arrived) < len(rigs) and not service.dropped_pushes:
            await asyncio.sleep(0.01)
        assert not service.dropped_pushes and all(arrived)
        sink.close()

    asyncio.run(asyncio.wait_for(both(), 20))
    for rig in rigs:
        rig.journal.close()
