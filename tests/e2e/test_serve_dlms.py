"""dlms-cosem, a client that others wrote, controls twins of ``bench serve``; a kill -9 loses nothing."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dlms_cosem import cosem, enumerations
from dlms_cosem.clients import dlms_client
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.exceptions import CommunicationError, DlmsClientException

from protocols.dlms.apdu import DataNotification
from protocols.dlms.axdr import array, decode, encode, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.image import IMAGE_TRANSFER
from protocols.dlms.limiter import LIMITER
from protocols.dlms.profile import REGISTER_SPAN
from protocols.dlms.roles import SECURITY_SETUP
from protocols.dlms.security import unprotect_general, wrap_key
from protocols.dlms.values import enum, int8, uint16, uint32
from protocols.dlms.wrapper import PORT, WrapperReader
from protocols.slots import SLOT_SECONDS, jst
from tests.e2e.bench_serve import NET, PATIENCE, BenchServe, village
from tests.e2e.test_serve_echonet import Twins
from twins.device.device import LIMIT_SCRIPTS
from twins.device.factory import event_codes, factory
from twins.device.image import test_image as image_of
from twins.dlms import names

pytestmark = pytest.mark.slow

SWITCH = bytes([0, 0, 96, 3, 10, 255])
COUNTER = bytes([0, 0, 43, 1, 0, 255])
TITLE = b"PEER0001"
FIRST = f"127.79.{os.getpid() % 256}.1"
METERS = 8


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BenchServe, Twins]]:
    topology = village(tmp_path_factory.mktemp("dlms"))
    try:
        with BenchServe(topology, "--count", str(METERS), first=FIRST, protocol="dlms") as serve:
            yield serve, Twins(topology, serve)
    finally:
        assert NET  # the addresses of this module are its own


@pytest.fixture
def meter(served: tuple[BenchServe, Twins], request: pytest.FixtureRequest) -> Meter:
    """A meter that no other test of this module touches."""
    serve, _ = served
    number = request.node.session.stash.setdefault(_NEXT, [0])
    number[0] += 1
    return Meter(serve.endpoints[f"TWN{number[0] - 1:012d}"], number[0] - 1)


_NEXT = pytest.StashKey[list[int]]()


class Meter:
    """What a client needs to talk to one served meter."""

    def __init__(self, endpoint: dict[str, Any], index: int) -> None:
        self.address, self.index = endpoint["address"], index
        self.title = bytes.fromhex(endpoint["ids"]["system_title"])
        self.keys = {name: bytes.fromhex(key) for name, key in endpoint["keys"].items()}
        self.ids = endpoint["ids"]

    def client(self, client: int, **options: Any) -> dlms_client.DlmsClient:
        return dlms_client.DlmsClient.with_tcp_transport(
            self.address, PORT, client_logical_address=client, server_logical_address=1, timeout=10, **options
        )

    def reader(self, password: str | None = None) -> dlms_client.DlmsClient:
        return self.client(
            int(self.ids["client_reader"]),
            authentication_method=enumerations.AuthenticationMechanism.LLS,
            password=(password or self.ids["reader_password"]).encode(),
        )

    def heard(self) -> int:
        with self.client(int(self.ids["client_public"])).session() as session:
            return int(read(session, 1, COUNTER))

    def manager(self, counter: int | None = None, **keys: bytes) -> dlms_client.DlmsClient:
        known = self.keys | keys
        return self.client(
            int(self.ids["client_management"]),
            authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
            encryption_key=known["encryption"],
            authentication_key=known["authentication"],
            client_system_title=TITLE,
            client_initial_invocation_counter=self.heard() + 1 if counter is None else counter,
        )


def attribute(class_id: int, obis: bytes, number: int) -> cosem.CosemAttribute:
    return cosem.CosemAttribute(enumerations.CosemInterface(class_id), cosem.Obis(*obis[:5]), number)


def read(session: Any, class_id: int, obis: bytes, number: int = 2) -> Any:
    return decode(session.get(attribute(class_id, obis, number))).value


def call(session: Any, class_id: int, obis: bytes, number: int, value: Any = None) -> None:
    method = cosem.CosemMethod(enumerations.CosemInterface(class_id), cosem.Obis(*obis[:5]), number)
    session.action(method, encode(int8(0) if value is None else value))


def until(what: Callable[[], bool]) -> None:
    """Wait for something that takes its time, and does come."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


@pytest.mark.requirement("M1", "M3", "M4")
def test_registers_and_rows_are_those_of_the_twin(served: tuple[BenchServe, Twins], meter: Meter) -> None:
    _, twins = served
    view = twins.views[meter.index]
    with meter.reader().session() as session:
        seen, seconds = twins.during(lambda: [read(session, 3, name) for name in (names.IMPORT_WH, names.EXPORT_WH)])
        assert any(list(view.active(second)) == seen for second in seconds), (seen, view.active(seconds[0]))
        power, seconds = twins.during(lambda: read(session, 3, bytes([1, 0, 16, 7, 0, 255])))
        assert power in [view.power_w(second) for second in seconds]
        last = int(seconds[-1]) // SLOT_SECONDS * SLOT_SECONDS
        ends = [last - back * SLOT_SECONDS for back in range(48)][::-1]
        window = RangeDescriptor(
            CaptureObject(attribute(8, names.CLOCK, 2), 0), *(datetime.fromtimestamp(e, UTC) for e in (ends[0], last))
        )
        rows = decode(session.get(attribute(7, names.PROFILES[1800], 2), window)).value
        assert [row.value[2].value for row in rows] == [view.active(end).import_wh % REGISTER_SPAN for end in ends]


@pytest.mark.requirement("X2")
def test_a_wrong_password_and_a_wrong_key_are_not_let_in(meter: Meter) -> None:
    with pytest.raises(DlmsClientException):
        meter.reader("WRONG").session().__enter__()
    with pytest.raises(DlmsClientException):
        meter.manager(encryption=bytes(16)).session().__enter__()


@pytest.mark.requirement("A9")
def test_disconnect_survives_a_kill_of_the_process_and_reconnect_ends_it(
    served: tuple[BenchServe, Twins], meter: Meter
) -> None:
    serve, _ = served
    with meter.manager().session() as session:
        call(session, 70, SWITCH, 1)
        assert read(session, 70, SWITCH) is False
        register = read(session, 3, names.IMPORT_WH)
    serve.kill_shard()
    with meter.manager().session() as session:
        assert read(session, 70, SWITCH) is False and read(session, 70, SWITCH, 3) == 0
        assert read(session, 3, names.IMPORT_WH) == register
        call(session, 70, SWITCH, 2)
        assert read(session, 70, SWITCH, 3) == 1


@pytest.mark.requirement("X2")
def test_a_replay_from_before_the_kill_is_refused(served: tuple[BenchServe, Twins], meter: Meter) -> None:
    serve, _ = served
    with meter.manager(1).session() as session:
        read(session, 1, names.SERIAL)
    serve.kill_shard()
    with pytest.raises(DlmsClientException, match="INVOCATION_COUNTER"):
        meter.manager(1).session().__enter__()


@pytest.mark.requirement("A14")
def test_an_image_is_resumed_after_a_kill_and_the_new_version_is_reported(
    served: tuple[BenchServe, Twins], meter: Meter
) -> None:
    serve, _ = served
    image = image_of("3.1.4", os.urandom(700))
    with meter.manager().session() as session:
        size = read(session, 18, IMAGE_TRANSFER)
        parts = [image[at : at + size] for at in range(0, len(image), size)]
        call(session, 18, IMAGE_TRANSFER, 1, structure(octets(b"3.1.4"), uint32(len(image))))
        for number in range(5):
            call(session, 18, IMAGE_TRANSFER, 2, structure(uint32(number), octets(parts[number])))
    serve.kill_shard()
    with meter.manager().session() as session:
        bits = read(session, 18, IMAGE_TRANSFER, 3)
        assert bits == "1" * 5 + "0" * (len(parts) - 5)
        for number in (at for at, bit in enumerate(bits) if bit == "0"):
            call(session, 18, IMAGE_TRANSFER, 2, structure(uint32(number), octets(parts[number])))
        call(session, 18, IMAGE_TRANSFER, 3)
        assert read(session, 18, IMAGE_TRANSFER, 6) == 3
        with pytest.raises(dlms_client.ActionError, match="TEMPORARY"):
            call(session, 18, IMAGE_TRANSFER, 4)

    def runs_it() -> bool:
        try:
            with meter.manager().session() as session:
                return read(session, 1, names.FIRMWARE) == b"3.1.4" and read(session, 18, IMAGE_TRANSFER, 6) == 6
        except (OSError, CommunicationError, DlmsClientException):
            return False  # the association is lost while the meter starts

    until(runs_it)
    assert factory().image.restart_s < PATIENCE


@pytest.mark.requirement("A10")
def test_a_limit_is_booked_carried_out_logged_and_pushed(served: tuple[BenchServe, Twins], meter: Meter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, meter.manager().session() as session:
        listener.settimeout(PATIENCE)
        here = f"127.0.0.1:{listener.getsockname()[1]}".encode()
        session.set(attribute(40, names.PUSH_SETUP, 3), encode(structure(enum(0), octets(here), enum(0))))
        shown = DateTime.from_bytes(read(session, 8, names.CLOCK)).unix()
        when = jst(shown + 4)
        at = bytes([when.hour, when.minute, when.second, 0])
        day = when.year.to_bytes(2, "big") + bytes([when.month, when.day, 0xFF])
        session.set(attribute(22, names.LIMIT_BOOKING, 2), encode(structure(octets(LIMIT_SCRIPTS), uint16(35))))
        session.set(attribute(22, names.LIMIT_BOOKING, 4), encode(array(structure(octets(at), octets(day)))))
        peer, _ = listener.accept()
        with peer:
            (frame,) = WrapperReader().feed(peer.recv(4096))
        assert read(session, 71, LIMITER, 4) == 35
        log = [row.value[1].value for row in read(session, 7, names.EVENT_LOG)]
    keys = meter.keys["encryption"], meter.keys["authentication"]
    _, _, plain = unprotect_general(frame.apdu, lambda title: keys if title == meter.title else None)
    told = DataNotification.from_bytes(plain).body.value
    assert told[2].value == event_codes()["booking_done"]
    assert event_codes()["booking_done"] in log


@pytest.mark.requirement("X1")
def test_a_transferred_key_holds_after_a_kill(served: tuple[BenchServe, Twins], meter: Meter) -> None:
    serve, _ = served
    new = os.urandom(16)
    wrapped = array(structure(enum(0), octets(wrap_key(meter.keys["wrapping"], new))))
    with meter.manager().session() as session:
        call(session, 64, SECURITY_SETUP, 2, wrapped)
        session.encryption_key = meter.keys["encryption"]
    serve.kill_shard()
    with meter.manager(encryption=new).session() as session:
        assert read(session, 1, names.SERIAL)
    with pytest.raises(DlmsClientException):
        meter.manager().session().__enter__()


def test_nonsense_costs_its_connection_and_nobody_elses(meter: Meter) -> None:
    with meter.reader().session() as session:
        for nonsense in (b"\0" * 5000, b"\x00\x02" + bytes(6), os.urandom(300)):
            with socket.create_connection((meter.address, PORT), PATIENCE) as stranger:
                stranger.sendall(nonsense)
        assert read(session, 1, names.SERIAL)


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    first = f"127.80.{os.getpid() % 256}.1"
    with BenchServe(village(tmp_path), "--count", "1", first=first, protocol="dlms") as serve:
        code, err = serve.stop(signal.SIGTERM)
    assert (code, err) == (0, "")
