"""The UDP wire: who asked is answered, each with answers of his own, and an address that somebody has is refused."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TypeVar

import pytest

from protocols.echonet.frame import HEMS, NODE_PROFILE, Esv, Frame, Property
from tests.hil_drivers.bench_wires import RealClock
from tests.hil_drivers.bridges.quick import quick_bridge
from tests.twins.echonet.twin import twin_of, view_of
from twins.rack.wires.udp import UdpWire

T = TypeVar("T")
NET = f"127.{130 + os.getpid() // 256 % 16}.{os.getpid() % 256}"
PATIENCE = 10.0


def question(tid: int) -> bytes:
    return Frame(tid, HEMS, NODE_PROFILE, Esv.GET, (Property(0x80),)).to_bytes()


def client(address: str, port: int) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((address, port))
    own.settimeout(PATIENCE)
    return own


def wire_at(address: str, port: int = 0) -> UdpWire:
    return UdpWire(quick_bridge(twin_of(view_of("current", False))), RealClock(), address, port)


def served(wire: UdpWire, talk: Callable[[], T]) -> T:
    """What a client finds while a wire is open."""

    async def serve() -> T:
        await wire.open()
        try:
            return await asyncio.to_thread(talk)
        finally:
            wire.close()

    return asyncio.run(serve())


def transaction(own: socket.socket) -> int:
    return Frame.from_bytes(own.recv(1500)).tid


def test_each_client_is_answered_at_the_port_of_the_protocol_whatever_port_it_asked_from() -> None:
    wire = wire_at(f"{NET}.1")

    def talk() -> list[int]:
        with client(f"{NET}.2", wire.port) as first, client(f"{NET}.3", wire.port) as second:
            with client(f"{NET}.2", 0) as elsewhere:
                elsewhere.sendto(question(1), (wire.address, wire.port))
            second.sendto(question(2), (wire.address, wire.port))
            return [transaction(own) for own in (first, second)]

    assert served(wire, talk) == [1, 2]


def test_a_client_at_its_own_address_is_answered_where_it_asked_from() -> None:
    wire = wire_at(f"{NET}.4")

    def talk() -> int:
        with client(f"{NET}.4", 0) as own:
            own.sendto(question(3), (wire.address, wire.port))
            return transaction(own)

    assert served(wire, talk) == 3


def test_more_clients_than_anybody_needs_are_served_one_after_the_other() -> None:
    wire = wire_at(f"{NET}.6")

    def talk() -> list[int]:
        found = []
        for tid in range(1, 100):
            with client(f"{NET}.6", 0) as own:
                own.sendto(question(tid), (wire.address, wire.port))
                found.append(transaction(own))
        return found

    assert served(wire, talk) == list(range(1, 100))


@pytest.mark.parametrize("shared", [False, True])
def test_an_address_that_somebody_has_is_refused_even_when_it_could_be_shared(shared: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((f"{NET}.5", 0))
        with pytest.raises(OSError, match="in use"):
            asyncio.run(wire_at(f"{NET}.5", other.getsockname()[1]).open())
