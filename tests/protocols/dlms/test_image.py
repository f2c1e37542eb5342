import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.apdu import Attribute, DataAccessResult, Method
from protocols.dlms.axdr import Data, DataType, octets, structure
from protocols.dlms.errors import AccessRefusedError, RefusalError
from protocols.dlms.image import IMAGE_TRANSFER, ImageState, ImageTransfer, Status
from protocols.dlms.values import uint32
from tests.protocols.dlms.meter import NO_PARAMETER, Link, Meter, Store, associated, manager

BLOCK = 64
IMAGE = bytes(random.Random(7).randbytes(10 * BLOCK + 5))
INITIATE = structure(octets(b"FW-1.2.3"), uint32(len(IMAGE)))


def transfer(*, keeps_same: bool = False) -> tuple[ImageTransfer, Store]:
    store = Store()
    return ImageTransfer(ImageState(BLOCK), store, max_size=1000, keeps_same=keeps_same), store


def block(number: int, content: bytes | None = None) -> Data:
    return structure(uint32(number), octets(IMAGE[number * BLOCK :][:BLOCK] if content is None else content))


def complete(image: ImageTransfer) -> None:
    image.initiate(INITIATE)
    for number in range(image.state.blocks):
        image.block(block(number))


def refusal_of(call: object, *args: object) -> DataAccessResult:
    with pytest.raises(RefusalError) as refused:
        call(*args)  # type: ignore[operator]
    return DataAccessResult(refused.value.result)


def test_the_bitmap_has_the_first_block_leftmost() -> None:
    image, _ = transfer()
    image.initiate(INITIATE)
    assert image.state.bits() == "0" * 11
    image.block(block(0))
    image.block(block(9))
    assert image.state.received == bytearray([0x80, 0x40])
    assert image.state.bits() == "10000000010"
    assert image.state.first_missing() == 1


@given(st.sets(st.integers(0, 10)))
def test_the_first_missing_block_is_the_first_zero_or_the_number_of_blocks(numbers: set[int]) -> None:
    image, _ = transfer()
    image.initiate(INITIATE)
    for number in numbers:
        image.block(block(number))
    assert image.state.first_missing() == min(set(range(11)) - numbers, default=11)


def test_a_whole_transfer_goes_through_all_its_states() -> None:
    image, store = transfer()
    assert image.state.status is Status.NOT_INITIATED
    complete(image)
    assert image.state.status is Status.INITIATED
    image.verify(NO_PARAMETER)
    assert image.state.status is Status.VERIFICATION_SUCCESSFUL
    image.verify(NO_PARAMETER)
    image.activate(NO_PARAMETER)
    assert image.state.status is Status.ACTIVATION_SUCCESSFUL
    assert bytes(store.content) == IMAGE


def test_a_repeated_block_is_accepted_and_written_once() -> None:
    image, store = transfer()
    image.initiate(INITIATE)
    for _ in range(3):
        image.block(block(2))
    assert store.writes == [2 * BLOCK]


def test_an_incomplete_image_is_not_verified() -> None:
    image, _ = transfer()
    image.initiate(INITIATE)
    assert refusal_of(image.verify, NO_PARAMETER) is DataAccessResult.OTHER_REASON
    assert image.state.status is Status.INITIATED


def test_a_slow_verification_is_a_temporary_failure_until_it_is_through() -> None:
    image, store = transfer()
    complete(image)
    store.good = None
    for _ in range(2):
        assert refusal_of(image.verify, NO_PARAMETER) is DataAccessResult.TEMPORARY_FAILURE
        assert image.state.status is Status.VERIFICATION_INITIATED
    assert refusal_of(image.block, block(0)) is DataAccessResult.OTHER_REASON
    store.good = True
    image.verify(NO_PARAMETER)
    assert image.state.status is Status.VERIFICATION_SUCCESSFUL


def test_a_bad_image_fails_and_takes_no_further_block() -> None:
    image, store = transfer()
    complete(image)
    store.good = False
    assert refusal_of(image.verify, NO_PARAMETER) is DataAccessResult.OTHER_REASON
    assert image.state.status is Status.VERIFICATION_FAILED
    for step, parameter in ((image.block, block(0)), (image.verify, NO_PARAMETER), (image.activate, NO_PARAMETER)):
        assert refusal_of(step, parameter) is DataAccessResult.OTHER_REASON
    image.initiate(INITIATE)
    assert image.state.first_missing() == 0


@pytest.mark.parametrize(("good", "status"), [(True, Status.ACTIVATION_SUCCESSFUL), (False, Status.ACTIVATION_FAILED)])
def test_an_activation_ends_after_the_restart(good: bool, status: Status) -> None:
    image, store = transfer()
    complete(image)
    assert refusal_of(image.activate, NO_PARAMETER) is DataAccessResult.OTHER_REASON
    image.verify(NO_PARAMETER)
    store.started = None
    assert refusal_of(image.activate, NO_PARAMETER) is DataAccessResult.TEMPORARY_FAILURE
    assert refusal_of(image.initiate, INITIATE) is DataAccessResult.OTHER_REASON
    reborn = ImageTransfer(copy.deepcopy(image.state), store, max_size=1000)
    reborn.activated(good)
    assert reborn.state.status is status
    reborn.activated(not good)
    assert reborn.state.status is status


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        (None, DataAccessResult.TYPE_UNMATCHED),
        (structure(octets(b"x")), DataAccessResult.TYPE_UNMATCHED),
        (structure(octets(b"x"), Data(DataType.UINT16, 5)), DataAccessResult.TYPE_UNMATCHED),
        (structure(octets(b"x"), uint32(1001)), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (structure(octets(b"x"), uint32(0)), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (structure(octets(b""), uint32(5)), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (structure(octets(b"OTHER-1"), uint32(5)), DataAccessResult.OTHER_REASON),
    ],
)
def test_an_image_that_cannot_be_is_not_begun(parameters: Data | None, result: DataAccessResult) -> None:
    image, _ = transfer()
    assert refusal_of(image.initiate, parameters) is result
    assert image.state == ImageState(BLOCK)


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        (block(11, b"12345"), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (block(0, bytes(BLOCK - 1)), DataAccessResult.TYPE_UNMATCHED),
        (block(10, bytes(BLOCK)), DataAccessResult.TYPE_UNMATCHED),
        (octets(b"0"), DataAccessResult.TYPE_UNMATCHED),
    ],
)
def test_a_block_that_does_not_belong_is_refused(parameters: Data, result: DataAccessResult) -> None:
    image, store = transfer()
    assert refusal_of(image.block, block(0)) is DataAccessResult.OTHER_REASON
    image.initiate(INITIATE)
    assert refusal_of(image.block, parameters) is result
    assert store.writes == []


@pytest.mark.parametrize(("keeps_same", "kept"), [(True, "10000000000"), (False, "00000000000")])
def test_makers_differ_on_an_initiate_with_the_same_identifier(keeps_same: bool, kept: str) -> None:
    image, _ = transfer(keeps_same=keeps_same)
    image.initiate(INITIATE)
    image.block(block(0))
    image.initiate(INITIATE)
    assert image.state.bits() == kept
    image.initiate(structure(octets(b"FW-1.2.4"), uint32(len(IMAGE))))
    assert "1" not in image.state.bits()


def test_a_switched_off_transfer_takes_no_step() -> None:
    image, _ = transfer()
    image.enable(False)
    for step, parameter in ((image.initiate, INITIATE), (image.block, block(0)), (image.verify, None)):
        assert refusal_of(step, parameter) is DataAccessResult.READ_WRITE_DENIED


def test_every_change_is_journalled() -> None:
    journal: list[tuple[Status, str]] = []
    image = ImageTransfer(
        ImageState(BLOCK), Store(), max_size=1000, changed=lambda state: journal.append((state.status, state.bits()))
    )
    complete(image)
    image.verify(None)
    assert len(journal) == 1 + 11 + 2
    assert journal[1] == (Status.INITIATED, "1" + "0" * 10)
    assert journal[-1][0] is Status.VERIFICATION_SUCCESSFUL


# By a client


def attribute(link: Link, number: int) -> object:
    return link.run(link.client.get(Attribute(18, IMAGE_TRANSFER, number))).value


def call(link: Link, number: int, parameters: Data) -> None:
    link.run(link.client.action(Method(18, IMAGE_TRANSFER, number), parameters))


def test_a_client_resumes_after_loss_and_power_cut_with_the_missing_blocks_only() -> None:
    meter = Meter()
    link = associated(manager(meter))
    call(link, 1, INITIATE)
    for number in (0, 1, 2, 4, 5, 7, 10):  # the others were lost on the way
        call(link, 2, block(number))
    link.session.lost()
    image = meter.image
    image.state = copy.deepcopy(image.state)  # all that a power cut leaves
    link = associated(manager(meter, counter=100))
    status = attribute(link, 3)
    assert isinstance(status, str)
    missing = [number for number, bit in enumerate(status) if bit == "0"]
    assert (missing, attribute(link, 4)) == ([3, 6, 8, 9], 3)
    for number in missing:
        call(link, 2, block(number))
    assert attribute(link, 4) == 11
    call(link, 3, NO_PARAMETER)
    assert attribute(link, 6) == Status.VERIFICATION_SUCCESSFUL
    ((size, identifier, _),) = (entry.value for entry in attribute(link, 7))  # type: ignore[attr-defined]
    assert (size.value, identifier.value) == (len(IMAGE), b"FW-1.2.3")
    call(link, 4, NO_PARAMETER)
    assert attribute(link, 6) == Status.ACTIVATION_SUCCESSFUL
    assert bytes(meter.store.content) == IMAGE
    assert len(meter.store.writes) == 11


def test_a_client_polls_a_slow_verification() -> None:
    meter = Meter()
    link = associated(manager(meter))
    call(link, 1, INITIATE)
    for number in range(11):
        call(link, 2, block(number))
    meter.store.good = None
    with pytest.raises(AccessRefusedError, match="TEMPORARY_FAILURE"):
        call(link, 3, NO_PARAMETER)
    assert attribute(link, 6) == Status.VERIFICATION_INITIATED
    meter.store.good = True
    call(link, 3, NO_PARAMETER)
    assert attribute(link, 6) == Status.VERIFICATION_SUCCESSFUL
    assert attribute(link, 5) is True
