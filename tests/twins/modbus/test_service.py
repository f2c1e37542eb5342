"""Sockets of many twins, and clients that misbehave."""

from __future__ import annotations

import socket
import struct

import pytest

from protocols.modbus.sunspec import BASE
from tests.twins.modbus.served import FLEET, METERS, NOW, addresses, free_port, served, view_of
from twins.clock import VirtualClock
from twins.echonet.addresses import AddressError
from twins.meter.view import MeterView
from twins.modbus.service import ModbusService
from twins.modbus.tcp import MOST_CLIENTS
from twins.serving.endpoint import Endpoint, Service

MARKER = bytes.fromhex("0001 0000 0006 01 03 9C40 0002")
FOUND = bytes.fromhex("0001 0000 0007 01 03 04 5375 6E53")


def connected(endpoint: Endpoint) -> socket.socket:
    return socket.create_connection((str(endpoint.address), int(endpoint.port or 0)), timeout=10)


def heard(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := client.recv(count - len(data))):
        data += piece
    return data


def asked(client: socket.socket) -> bytes:
    client.sendall(MARKER)
    return heard(client, len(FOUND))


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_service_says_what_a_client_needs() -> None:
    view = view_of(three_wire=True, generator=False)
    service: Service = ModbusService([view], addresses(1), VirtualClock(NOW), 1502)
    (endpoint,) = service.endpoints()
    assert (endpoint.protocol, endpoint.address, endpoint.port) == ("modbus-tcp", addresses(1)[0], 1502)
    assert (endpoint.meter, endpoint.ids) == (view.identity.meter, {"sunspec": "1", "kw8m": "2"})
    assert b'"sunspec_models":"1, 202 from 40000 on"' in endpoint.to_json()


def test_every_twin_answers_at_its_own_address_with_its_own_serial_number() -> None:
    views = [MeterView(METERS, row) for row in range(FLEET.size)]
    serial = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, BASE + 2 + 50, 16)
    with served(views, VirtualClock(NOW)) as service:
        for view, endpoint in zip(views, service.endpoints(), strict=True):
            with connected(endpoint) as client:
                client.sendall(serial)
                assert heard(client, 41)[9:].rstrip(b"\0").decode() == view.identity.serial


def test_garbage_and_a_half_frame_do_no_harm_to_the_next_request() -> None:
    with served([view_of(three_wire=True, generator=False)], VirtualClock(NOW)) as service:
        (endpoint,) = service.endpoints()
        with connected(endpoint) as half, connected(endpoint) as client:
            half.sendall(MARKER[:7])
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.sendall(bytes.fromhex("0001 0000 0003 01 80 00"))
            assert heard(client, 9)[-2:] == b"\x80\x01"
            assert asked(client) == FOUND
            half.sendall(MARKER[7:])
            assert heard(half, len(FOUND)) == FOUND
        with connected(endpoint) as client:
            client.sendall(MARKER[:5])
        with connected(endpoint) as client:
            assert asked(client) == FOUND


def test_requests_sent_without_waiting_are_all_answered() -> None:
    view = view_of(three_wire=True, generator=False)
    with served([view], VirtualClock(NOW)) as service, connected(*service.endpoints()) as client:
        client.sendall(MARKER * 500)
        assert heard(client, len(FOUND) * 500) == FOUND * 500


def test_a_client_that_never_reads_is_no_longer_read_and_the_others_are_served() -> None:
    request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, BASE, 125) * 1000
    with served([view_of(three_wire=True, generator=False)], VirtualClock(NOW)) as service:
        (endpoint,) = service.endpoints()
        with connected(endpoint) as deaf, connected(endpoint) as client:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            deaf.settimeout(0.3)  # nothing more goes out when the service has stopped to read
            with pytest.raises(TimeoutError):
                for _ in range(500):  # 6 MB of requests for 130 MB of answers
                    deaf.sendall(request)
            assert asked(client) == FOUND


def test_for_one_client_too_many_the_one_that_asked_least_recently_goes() -> None:
    with served([view_of(three_wire=True, generator=False)], VirtualClock(NOW)) as service:
        (endpoint,) = service.endpoints()
        clients = []
        for _ in range(MOST_CLIENTS):
            clients.append(connected(endpoint))
            assert asked(clients[-1]) == FOUND
        assert asked(clients[0]) == FOUND
        clients.append(connected(endpoint))
        assert asked(clients[-1]) == FOUND
        assert is_closed(clients[1])
        assert asked(clients[0]) == FOUND
        for client in clients:
            client.close()


def test_an_address_that_somebody_has_is_refused_and_none_is_kept() -> None:
    views = [MeterView(METERS, row) for row in range(2)]
    first, second = addresses(2)
    port = free_port(first)
    service = ModbusService(views, [first, second], VirtualClock(NOW), port)
    with (
        socket.create_server((second, port)),
        pytest.raises(AddressError, match=rf"{second} port {port} \(TCP\) cannot be had"),
    ):
        service.open()
    service.open()
    service.close()


def test_addresses_are_free_again_at_once_though_a_client_was_connected() -> None:
    view, clock = view_of(three_wire=True, generator=False), VirtualClock(NOW)
    with served([view], clock) as service:
        (endpoint,) = service.endpoints()
        client = connected(endpoint)
        assert asked(client) == FOUND
    assert is_closed(client)
    client.close()
    again = ModbusService([view], addresses(1), clock, int(endpoint.port or 0))
    again.open()
    again.close()
