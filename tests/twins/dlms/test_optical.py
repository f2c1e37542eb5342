"""A hand terminal at a twin's optical port, over a real pseudo-terminal (requirement A12)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import serial
from dlms_cosem import enumerations
from dlms_cosem.clients import dlms_client
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor

from hil_drivers.errors import AnswerError, RefusedError, UnsupportedError
from hil_drivers.meter import Action, Booking, Can, ImageState
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_session import ON_SITE, Keys
from hil_drivers.meters.dlms_tcp import TcpAddress
from hil_drivers.meters.optical import OpticalAddress, OpticalMeter
from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import Attribute, DataAccessResult, Method
from protocols.dlms.axdr import Data, DataType, array, decode, encode, octets
from protocols.dlms.client import Client, run
from protocols.dlms.clock import DateTime
from protocols.dlms.errors import AccessRefusedError, AssociationRefusedError
from protocols.dlms.hdlc import COMMAND_LLC, Address, Control, HdlcFrame, HdlcReader, Kind
from protocols.dlms.hdlc_client import ClientLink
from protocols.dlms.image import IMAGE_TRANSFER
from protocols.dlms.roles import HAND_TERMINAL, MANAGEMENT, PUBLIC, SECURITY_SETUP
from protocols.dlms.values import uint32
from protocols.slots import SLOT_SECONDS
from tests.protocols.dlms.test_hdlc_link import Wire
from tests.protocols.dlms.test_peer import attribute
from tests.twins.dlms.rig import Rig
from tests.twins.serving.rig import ADDRESS, ServedMeter
from twins.device.factory import factory
from twins.device.image import test_image as image_of
from twins.dlms import names

pytestmark = pytest.mark.requirement("A12")
PATIENCE = 10
NO_PARAMETER = Data(DataType.INT8, 0)


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[ServedMeter]:
    with ServedMeter(tmp_path) as running:
        yield running


def keys_of(meter: ServedMeter) -> Keys:
    return Keys(*meter.twin.security.keys(), meter.device.memory.secrets.wrapping)


def test_the_terminal_reads_what_the_network_reads(meter: ServedMeter) -> None:
    now = meter.twin.device.time
    with (
        meter.terminal() as terminal,
        DlmsMeter(TcpAddress(ADDRESS, meter.dlms, keys=keys_of(meter), answer_wait_s=20.0)) as network,
    ):
        rows = terminal.profile(SLOT_SECONDS, now - 86_400, now)
        assert len(rows) >= 47
        assert rows == network.profile(SLOT_SECONDS, now - 86_400, now)
        assert terminal.identity() == network.identity()
        assert terminal.registers() == network.registers()
        assert terminal.instant() == network.instant()
        assert terminal.events(0, now) == network.events(0, now)


def test_the_terminal_sets_and_controls(meter: ServedMeter) -> None:
    with meter.terminal() as terminal:
        terminal.open_switch()
        assert not terminal.switch().closed
        terminal.close_switch()
        assert terminal.switch().closed
        terminal.set_limit(20)
        assert terminal.limit().normal_a == 20
        at = terminal.clock().time // 60 * 60 + 3600
        terminal.book(Booking(Action.LIMIT, at, 30))
        assert terminal.bookings() == [Booking(Action.LIMIT, at, 30)]
        terminal.set_clock(at - 1800)
        assert abs(terminal.clock().time - (at - 1800)) <= 1


def test_firmware_keys_and_push_stay_with_who_has_the_keys(meter: ServedMeter) -> None:
    with meter.terminal() as terminal:
        assert ON_SITE["terminal"] == HAND_TERMINAL
        with pytest.raises(UnsupportedError, match="the terminal client of DLMS has no image transfer; it takes keys"):
            terminal.image()
        for exchange in (
            lambda client: client.get(Attribute(18, IMAGE_TRANSFER, 2)),
            lambda client: client.action(Method(64, SECURITY_SETUP, 2), array()),
            lambda client: client.set(Attribute(40, names.PUSH_SETUP, 6), uint32(1)),
            lambda client: client.set(Attribute(70, bytes([0, 0, 96, 3, 10, 255]), 4), Data(DataType.ENUM, 0)),
        ):
            with pytest.raises(RefusedError, match="READ_WRITE_DENIED"):
                terminal._session.run(exchange)


def test_with_the_keys_an_image_and_a_new_key_go_over_the_optical_port_too(meter: ServedMeter) -> None:
    address = OpticalAddress(str(meter.optical), keys=keys_of(meter), physical=17, answer_wait_s=20.0)
    with OpticalMeter(address) as manager:
        size = factory().image.block_bytes
        image = image_of("2.5.0", bytes(10 * size))
        manager.image_initiate(b"2.5.0", len(image))
        for number in range(-(-len(image) // size)):
            manager.image_block(number, image[number * size : (number + 1) * size])
        assert manager.image_verify()
        assert manager.image().state is ImageState.VERIFIED
        manager.transfer_key(bytes(range(16)))
        assert meter.twin.security.keys()[0] == bytes(range(16))
        assert manager.identity().serial == meter.twin.device.view.identity.serial


def test_who_is_nobody_reads_who_the_meter_is_and_no_more(meter: ServedMeter) -> None:
    with OpticalMeter(OpticalAddress(str(meter.optical), answer_wait_s=20.0)) as nobody:
        assert nobody.identity().device_name is not None
        assert nobody.can == {Can.IDENTITY, Can.CLOCK}


def test_a_wrong_password_is_refused(meter: ServedMeter) -> None:
    address = OpticalAddress(str(meter.optical), password=b"00000000", answer_wait_s=20.0)
    with OpticalMeter(address) as terminal, pytest.raises(RefusedError, match="association refused"):
        terminal.clock()


def test_the_network_knows_no_hand_terminal(meter: ServedMeter) -> None:
    address = TcpAddress(
        ADDRESS, meter.dlms, password=meter.twin.terminal_password, by_password="terminal", clients=ON_SITE
    )
    with DlmsMeter(address) as terminal, pytest.raises(RefusedError, match="association refused"):
        terminal.clock()


# What others wrote, and what the line may bring


def peer_of(meter: ServedMeter, client: int, physical: int | None, **options: object) -> dlms_client.DlmsClient:
    return dlms_client.DlmsClient.with_serial_hdlc_transport(
        str(meter.optical),
        client_logical_address=client,
        server_logical_address=1,
        server_physical_address=physical,
        timeout=PATIENCE,
        **options,
    )


@pytest.mark.parametrize("physical", [None, 17])
def test_dlms_cosem_reads_sets_and_controls_by_the_terminals_password(meter: ServedMeter, physical: int | None) -> None:
    password, now = enumerations.AuthenticationMechanism.LLS, meter.twin.device.time
    by_clock = CaptureObject(attribute(8, names.CLOCK, 2), 0)
    window = RangeDescriptor(by_clock, *(datetime.fromtimestamp(time, UTC) for time in (now - 86_400, now)))
    client = peer_of(
        meter, HAND_TERMINAL, physical, authentication_method=password, password=meter.twin.terminal_password
    )
    with client.session() as session:
        serial_number = decode(session.get(attribute(1, names.SERIAL, 2)))
        assert serial_number == octets(meter.twin.device.view.identity.serial.encode())
        rows = decode(session.get(attribute(7, names.PROFILES[SLOT_SECONDS], 2), window))
        assert isinstance(rows.value, tuple) and len(rows.value) == 48
        at = DateTime.from_unix(meter.twin.device.time + 600)
        session.set(attribute(8, names.CLOCK, 2), encode(octets(at.to_bytes())))
    assert abs(meter.twin.device.time - at.unix()) <= 1
    client.io_interface._serial.close()


def test_dlms_cosem_comes_as_management_by_hls_gmac(meter: ServedMeter) -> None:
    encryption, authentication = meter.twin.security.keys()
    client = peer_of(
        meter,
        MANAGEMENT,
        17,
        authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
        encryption_key=encryption,
        authentication_key=authentication,
        client_system_title=b"PEER0003",
        client_initial_invocation_counter=meter.twin.security.highest_counter() + 1,
    )
    with client.session() as session:
        assert decode(session.get(attribute(1, names.SERIAL, 2))).value
    client.io_interface._serial.close()


def test_noise_and_half_frames_do_not_keep_the_next_terminal_out(meter: ServedMeter) -> None:
    with serial.Serial(str(meter.optical), exclusive=True) as head:
        head.write(os.urandom(3000) + b"\x7e" * 50)
        head.write(HdlcFrame(Address(1), Address(PUBLIC), Control(Kind.SNRM)).to_bytes()[:-4])
        head.flush()
    with meter.terminal() as terminal:
        assert terminal.identity().serial == meter.twin.device.view.identity.serial


def test_a_meter_that_started_again_has_forgotten_who_was_there(meter: ServedMeter) -> None:
    with meter.terminal(1.0) as terminal:
        terminal.clock()
        meter.call(meter.device.lose_line)
        meter.call(meter.device.line_returns)
        with pytest.raises(AnswerError, match="DM: there is no link"):
            terminal.clock()
        terminal.clock()


# Planted defects


def without_password(rig: Rig) -> Client:
    """A hand terminal that has associated without one, and opens the switch."""
    wire = Wire(rig.twin.optical(), HAND_TERMINAL)
    wire.run(wire.link.connect())
    client = Client()
    run(client.associate(), wire.exchange)
    run(client.action(Method(70, bytes([0, 0, 96, 3, 10, 255]), 1), NO_PARAMETER), wire.exchange)
    return client


def test_a_healthy_port_wants_a_password_and_an_open_one_lets_anybody_control(tmp_path: Path) -> None:
    healthy, defective = Rig(tmp_path / "healthy"), Rig(tmp_path / "defective", defects=["optical-open"])
    with pytest.raises(AssociationRefusedError):
        without_password(healthy)
    without_password(defective)
    assert healthy.device.memory.switch.output and not defective.device.memory.switch.output


def clock_after_a_repetition(rig: Rig) -> int:
    """How far the clock moved when a request to shift it by a minute came twice, its answer being lost."""
    connection, before = rig.twin.optical(), rig.device.time
    wire = Wire(connection, HAND_TERMINAL)
    wire.run(wire.link.connect())
    client = Client(Mechanism.LLS, rig.twin.terminal_password)
    run(client.associate(), wire.exchange)
    turn = wire.link.exchange(b"")
    turn.close()
    shift = client.action(Method(8, names.CLOCK, 6), Data(DataType.INT16, 60))
    frame = next(ClientLink.exchange(wire.link, next(shift)))
    first, second = connection.receive(frame), connection.receive(frame)
    for answer in (first, second):
        (told,) = HdlcReader().feed(answer)
        assert told.control.kind is Kind.I and told.information[3:4] == b"\xc7" and COMMAND_LLC not in answer
    return rig.device.time - before


def test_a_healthy_port_does_what_comes_twice_once_and_a_forgetful_one_twice(tmp_path: Path) -> None:
    assert clock_after_a_repetition(Rig(tmp_path / "healthy")) == 60
    assert clock_after_a_repetition(Rig(tmp_path / "defective", defects=["repeats-on-site"])) == 120


def test_defects_of_the_optical_port_do_not_show_over_tcp(tmp_path: Path) -> None:
    rig = Rig(tmp_path, defects=["optical-open", "repeats-on-site"])
    assert HAND_TERMINAL not in rig.twin.logical.roles
    with pytest.raises(AccessRefusedError) as refused:
        wire = Wire(rig.twin.optical(), PUBLIC)
        wire.run(wire.link.connect())
        client = Client()
        run(client.associate(), wire.exchange)
        run(client.get(Attribute(1, names.SERIAL, 2)), wire.exchange)
    assert refused.value.result is DataAccessResult.READ_WRITE_DENIED
