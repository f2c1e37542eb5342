from __future__ import annotations

import asyncio

from tests.hil_drivers.virtual_rack import MovedClock
from twins.rack.instruments.catalogue import front_end
from twins.rack.wires.tcp import TcpWire
from twins.rack.world.world import World, WorldSpec


async def opened(clock: MovedClock) -> TcpWire:
    wire = TcpWire(front_end("kikusui-pcr", World(WorldSpec(), clock.now()), pace=0.1), clock)
    await wire.open()
    return wire


def test_clients_share_the_instrument_and_get_their_own_answers() -> None:
    async def talk() -> list[bytes]:
        wire = await opened(MovedClock())
        (reader, writer), (other_reader, other) = [
            await asyncio.open_connection(wire.address, wire.port) for _ in range(2)
        ]
        writer.write(b"VOLT 12;*OPC?\n")
        answers = [await reader.readline()]
        other.write(b"VOLT?\n")
        answers.append(await other_reader.readline())
        wire.close()
        answers.append(await reader.read())
        writer.close()
        other.close()
        return answers

    assert asyncio.run(talk()) == [b"1\n", b"+1.20000E+01\n", b""]


def test_a_slow_answer_comes_by_itself() -> None:
    async def talk() -> bytes:
        wire = await opened(MovedClock())
        reader, writer = await asyncio.open_connection(wire.address, wire.port)
        writer.write(b"MEAS:VOLT:AC?\n")
        answer = await reader.readline()
        writer.close()
        wire.close()
        return answer

    assert asyncio.run(talk()) == b"+0.00000E+00\n"


def test_a_port_that_is_closed_can_be_had_again() -> None:
    async def talk() -> None:
        wire = await opened(MovedClock())
        port = wire.port
        wire.close()
        await asyncio.sleep(0)
        await wire.open()
        assert wire.port == port
        wire.close()

    asyncio.run(talk())


def test_too_many_clients_are_turned_away() -> None:
    async def talk() -> int:
        wire = await opened(MovedClock())
        ends = [await asyncio.open_connection(wire.address, wire.port) for _ in range(10)]
        served = 0
        for reader, writer in ends:
            try:
                writer.write(b"FREQ?\n")
                served += await reader.readline() != b""
            except ConnectionError:
                pass
            writer.close()
        wire.close()
        return served

    assert asyncio.run(talk()) == 8
