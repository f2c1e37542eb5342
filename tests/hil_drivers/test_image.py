"""A whole image transfer against a meter on a socket: resume, refusals, meters that take their time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hil_drivers.errors import LinkError, RefusedError
from hil_drivers.image import Patience, transfer
from hil_drivers.meter import ImageState, ImageStatus
from hil_drivers.meters.dlms import DlmsMeter
from protocols.dlms.image import Status
from tests.hil_drivers.meters.servers import TcpServer
from tests.hil_drivers.meters.twins import dlms_device, management, serving
from tests.protocols.dlms.meter import Meter as Device

CONTENT = bytes(range(256)) * 2 + b"tail"  # 64-byte blocks: 9, the last of 4 bytes
NAME = b"FW-2"


@pytest.fixture
def device() -> Device:
    return dlms_device()


@pytest.fixture
def server(device: Device) -> Iterator[TcpServer]:
    with serving(device) as server:
        yield server


@pytest.fixture
def meter(server: TcpServer) -> Iterator[DlmsMeter]:
    with management(server) as meter:
        yield meter


def carried(meter: DlmsMeter, *, resume: bool = False, questions: int = 5, **hooks: object) -> ImageStatus:
    patience = Patience(0.0, questions)
    return transfer(meter, NAME, CONTENT, resume=resume, sleep=lambda _: None, patience=patience, **hooks)  # type: ignore[arg-type]


def test_an_image_arrives_whole_and_runs(meter: DlmsMeter, device: Device) -> None:
    told: list[tuple[int, int]] = []
    status = carried(meter, progress=lambda done, blocks: told.append((done, blocks)))
    assert (status.state, status.blocks, status.missing) == (ImageState.ACTIVATED, 9, ())
    assert bytes(device.store.content) == CONTENT
    assert told == [(done, 9) for done in range(10)]
    assert meter.identity().firmware == NAME.decode()


def test_a_resumed_transfer_sends_only_what_is_missing(meter: DlmsMeter, device: Device) -> None:
    meter.image_initiate(NAME, len(CONTENT))
    for number in (0, 1, 5):
        meter.image_block(number, CONTENT[64 * number : 64 * number + 64])
    device.store.writes.clear()
    carried(meter, resume=True)
    assert device.store.writes == [64 * number for number in (2, 3, 4, 6, 7, 8)]
    assert bytes(device.store.content) == CONTENT


def test_without_resume_a_transfer_begins_anew(meter: DlmsMeter, device: Device) -> None:
    meter.image_initiate(NAME, len(CONTENT))
    meter.image_block(0, CONTENT[:64])
    device.store.writes.clear()
    carried(meter)
    assert len(device.store.writes) == 9


def test_a_verified_image_is_only_started_when_resumed(meter: DlmsMeter, device: Device) -> None:
    device.store.started = False
    with pytest.raises(RefusedError):
        carried(meter)
    assert meter.image().state is ImageState.ACTIVATION_FAILED
    device.store.started = True
    meter.image_initiate(NAME, len(CONTENT))
    device.store.writes.clear()
    for number in range(9):
        meter.image_block(number, CONTENT[64 * number : 64 * number + 64])
    assert meter.image_verify()
    device.store.writes.clear()
    assert carried(meter, resume=True).state is ImageState.ACTIVATED
    assert device.store.writes == []


def test_another_image_than_the_one_under_way_is_not_mixed_into_it(meter: DlmsMeter) -> None:
    meter.image_initiate(b"OLD", 640)
    with pytest.raises(RefusedError, match="10 blocks of 64 bytes, not one of 516 bytes"):
        carried(meter, resume=True)


def test_a_bad_image_is_the_meters_no(meter: DlmsMeter, device: Device) -> None:
    device.store.good = False
    with pytest.raises(RefusedError):
        carried(meter)
    assert meter.image().state is ImageState.VERIFICATION_FAILED


def test_a_meter_that_takes_its_time_is_asked_again_and_not_for_ever(meter: DlmsMeter, device: Device) -> None:
    device.store.good = None
    with pytest.raises(LinkError, match="no end of the verification"):
        carried(meter, questions=3)
    device.store.good = True
    assert carried(meter, resume=True).state is ImageState.ACTIVATED


def test_a_meter_that_restarts_while_it_activates_is_asked_over_a_new_connection(
    meter: DlmsMeter, device: Device, server: TcpServer
) -> None:
    device.store.started = None

    def restarted(_: float) -> None:
        server.drop = device.image.state.status is Status.ACTIVATION_INITIATED
        device.image.activated(True)

    status = transfer(meter, NAME, CONTENT, resume=False, sleep=restarted, patience=Patience(0.0, 5))
    assert status.state is ImageState.ACTIVATED
