"""dlms-cosem 21.3.2, a client that others wrote, over a socket: the values it reads are the meter's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from dlms_cosem import cosem, enumerations
from dlms_cosem.clients import dlms_client
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.exceptions import DlmsClientException

from protocols.dlms.axdr import DataType, decode, encode, octets
from protocols.dlms.clock import DateTime
from protocols.dlms.connection import Connection
from protocols.dlms.roles import MANAGEMENT, PUBLIC
from tests.protocols.dlms.meter import CLOCK, HALF_HOUR, IMPORT, NOON, NOTE, PROFILE, Meter, register
from tests.protocols.dlms.vectors import AUTH_KEY, KEY

TITLE = b"PEER0001"
PATIENCE = 10  # s


@contextmanager
def served(meter: Meter) -> Iterator[int]:
    """The port of the meter on loopback; one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, meter), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def _serve(listener: socket.socket, meter: Meter) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        connection = Connection(meter.device)
        with peer:
            while chunk := peer.recv(4096):
                peer.sendall(connection.receive(chunk))
        connection.lost()


def attribute(class_id: int, obis: bytes, number: int) -> cosem.CosemAttribute:
    return cosem.CosemAttribute(enumerations.CosemInterface(class_id), cosem.Obis(*obis[:5]), number)


def client_of(port: int, address: int, **options: object) -> dlms_client.DlmsClient:
    return dlms_client.DlmsClient.with_tcp_transport(
        "127.0.0.1", port, client_logical_address=address, server_logical_address=1, timeout=PATIENCE, **options
    )


def manager_of(port: int, counter: int = 1, key: bytes = KEY, **options: object) -> dlms_client.DlmsClient:
    return client_of(
        port,
        MANAGEMENT,
        authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
        encryption_key=key,
        authentication_key=AUTH_KEY,
        client_system_title=TITLE,
        client_initial_invocation_counter=counter,
        **options,
    )


def test_the_peer_reads_the_clock_without_authentication() -> None:
    meter = Meter()
    with served(meter) as port:
        client = client_of(port, PUBLIC)
        with client.session() as session:
            assert decode(session.get(attribute(8, CLOCK, 2))) == octets(DateTime.from_unix(NOON).to_bytes())
            counter = decode(session.get(attribute(1, bytes([0, 0, 43, 1, 0, 255]), 2)))
            assert (counter.type, counter.value) == (DataType.UINT32, 0)
            with pytest.raises(dlms_client.DataResultError, match="READ_WRITE_DENIED"):
                session.get(attribute(3, IMPORT, 2))
    assert meter.associations == [(PUBLIC, True), (PUBLIC, False)]


def test_the_peer_reads_and_sets_under_hls_gmac() -> None:
    meter = Meter()
    first, last = NOON - 20 * HALF_HOUR, NOON - 10 * HALF_HOUR
    by_clock = CaptureObject(attribute(8, CLOCK, 2), 0)
    window = RangeDescriptor(by_clock, *(datetime.fromtimestamp(time, UTC) for time in (first, last)))
    with served(meter) as port:
        client = manager_of(port)
        with client.session() as session:
            assert decode(session.get(attribute(3, IMPORT, 2))).value == register(NOON)
            rows = decode(session.get(attribute(7, PROFILE, 2), window)).value
            assert isinstance(rows, tuple)
            assert [row.value[2].value for row in rows] == [
                register(time) for time in range(first, last + 1, HALF_HOUR)
            ]
            whole = decode(session.get(attribute(7, PROFILE, 2)))
            assert isinstance(whole.value, tuple)
            assert len(whole.value) == 45 * 48
            session.set(attribute(1, NOTE, 2), encode(octets(b"written by the peer")))
            session.set(attribute(8, CLOCK, 2), encode(octets(DateTime.from_unix(NOON + 60).to_bytes())))
            session.action(
                cosem.CosemMethod(enumerations.CosemInterface.DISCONNECT_CONTROL, cosem.Obis(0, 0, 96, 3, 10), 1),
                bytes([DataType.INT8, 0]),
            )
    assert meter.note == b"written by the peer"
    assert meter.time == DateTime.from_unix(NOON + 60).to_bytes()
    assert not meter.switch.output
    assert meter.security.last_counter(TITLE) == client.client_invocation_counter - 1
    assert meter.associations == [(MANAGEMENT, True), (MANAGEMENT, False)]


def test_the_peer_fetches_a_long_profile_in_blocks() -> None:
    meter = Meter()
    with served(meter) as port, manager_of(port, max_pdu_size=600).session() as session:
        whole = decode(session.get(attribute(7, PROFILE, 2))).value
        assert isinstance(whole, tuple)
        assert [row.value[2].value for row in whole[-2:]] == [register(NOON - HALF_HOUR), register(NOON)]


def test_the_peer_with_a_used_counter_is_told_the_next_one() -> None:
    meter = Meter()
    with served(meter) as port:
        with manager_of(port).session():
            pass
        with pytest.raises(DlmsClientException, match="INVOCATION_COUNTER"):
            manager_of(port).session().__enter__()


def test_the_peer_with_a_wrong_key_is_not_let_in() -> None:
    meter = Meter()
    with served(meter) as port, pytest.raises(DlmsClientException, match="DECIPHERING"):
        manager_of(port, key=bytes(16)).session().__enter__()
    assert meter.associations == []
