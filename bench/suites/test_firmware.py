"""Firmware from afar, at the meter's side: blocks that are not lost, images that are refused, versions that are told.

Only where nothing real is: an image for a real meter is its maker's business.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hil_drivers.errors import RefusedError
from hil_drivers.image import Patience, transfer
from hil_drivers.meter import ImageState, Meter
from twins.device.image import test_image as image_of

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


_VERSION = "9.9.1"
_QUICK = Patience(pause_s=0.2, questions=300)


@pytest.mark.requirement("A14")
@pytest.mark.needs("dlms", "emulated")
def test_blocks_survive_a_loss_of_supply_and_only_the_others_are_sent_again(meter: Specimen) -> None:
    """Half of an image, then the supply fails: the meter still knows which blocks it has."""
    content = image_of(_VERSION, bytes(range(256)))
    reader = meter.via("dlms")
    reader.image_initiate(b"resume", len(content))
    size = reader.image().block_size
    for number in (0, 2):
        reader.image_block(number, content[number * size : (number + 1) * size])
    before = reader.image()
    meter.power_cycle()
    after = meter.via("dlms").image()
    assert after.state is ImageState.INITIATED, f"the transfer is {after.state.name.lower()}"
    assert after.missing == before.missing, f"missing before {before.missing}, after {after.missing}"


@pytest.mark.requirement("A14")
@pytest.mark.needs("dlms", "emulated")
def test_a_damaged_image_is_refused_and_the_old_firmware_stays(meter: Specimen) -> None:
    """All blocks arrive, one byte is wrong: no verification passes, no version changes."""
    reader = meter.via("dlms")
    before = reader.identity().firmware
    content = bytearray(image_of(_VERSION, bytes(200)))
    content[-1] ^= 1
    with pytest.raises(RefusedError):
        transfer(reader, b"damaged", bytes(content), resume=False, sleep=time.sleep, patience=_QUICK)
    state = reader.image().state
    assert state in (ImageState.VERIFICATION_FAILED, ImageState.INITIATED), f"the image is {state.name.lower()}"
    assert reader.identity().firmware == before


@pytest.mark.requirement("A14", "A13")
@pytest.mark.needs("dlms", "emulated")
def test_an_image_is_started_and_the_version_proves_it(meter: Specimen) -> None:
    """Another version runs after the activation; then the old one is brought back the same way."""
    before = meter.via("dlms").identity().firmware
    assert before is not None
    try:
        _install(meter.via("dlms"), _VERSION)
        assert meter.via("dlms").identity().firmware == _VERSION
    finally:
        _install(meter.via("dlms"), before)
    assert meter.via("dlms").identity().firmware == before


def _install(reader: Meter, version: str) -> None:
    status = transfer(
        reader, version.encode(), image_of(version, b"firmware"), resume=False, sleep=time.sleep, patience=_QUICK
    )
    assert status.state is ImageState.ACTIVATED
