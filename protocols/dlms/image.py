"""Image transfer (IC18): a firmware image block by block, with resume, verification and activation.

The rules are :data:`ALLOWED`; the state is :class:`ImageState`, small enough to journal with every block. What an image
is worth is the provider's business: it stores blocks, checks an image and starts it, and may take its time for both:
until it is through, the client is told *temporary-failure* and asks again. Facts: ``meter-protocols`` §3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.errors import RefusalError
from protocols.dlms.objects import Attr, Call, CosemObject
from protocols.dlms.roles import MANAGERS
from protocols.dlms.values import boolean, enum, take_integer, take_octets, take_structure, uint32

IMAGE_TRANSFER: Final = bytes([0, 0, 44, 0, 0, 255])

_LONGEST_IDENTIFIER = 64


class Status(IntEnum):
    """Attribute 6."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFICATION_INITIATED = 2
    VERIFICATION_SUCCESSFUL = 3
    VERIFICATION_FAILED = 4
    ACTIVATION_INITIATED = 5
    ACTIVATION_SUCCESSFUL = 6
    ACTIVATION_FAILED = 7


class Step(IntEnum):
    """The methods, by number."""

    INITIATE = 1
    BLOCK = 2
    VERIFY = 3
    ACTIVATE = 4


ALLOWED: Final[Mapping[Step, frozenset[Status]]] = {
    # Not in the middle of an activation: the meter is about to leave the old image.
    Step.INITIATE: frozenset(Status) - {Status.VERIFICATION_INITIATED, Status.ACTIVATION_INITIATED},
    Step.BLOCK: frozenset({Status.INITIATED}),
    Step.VERIFY: frozenset({Status.INITIATED, Status.VERIFICATION_INITIATED, Status.VERIFICATION_SUCCESSFUL}),
    Step.ACTIVATE: frozenset({Status.VERIFICATION_SUCCESSFUL, Status.ACTIVATION_INITIATED}),
}
"""In which status each step is taken; verify and activate may be repeated to ask how far they are."""


@dataclass(slots=True)
class ImageState:
    """Where a transfer stands; ``received`` is the bitmap, block 0 the most significant bit of its first byte."""

    block_size: int
    enabled: bool = True
    status: Status = Status.NOT_INITIATED
    identifier: bytes = b""
    size: int = 0
    received: bytearray = field(default_factory=bytearray)
    signature: bytes = b""

    @property
    def blocks(self) -> int:
        """Blocks of the image."""
        return -(-self.size // self.block_size)

    def has(self, number: int) -> bool:
        """Whether a block has come."""
        return bool(self.received[number >> 3] >> (7 - (number & 7)) & 1)

    def mark(self, number: int) -> None:
        """Note that a block has come."""
        self.received[number >> 3] |= 0x80 >> (number & 7)

    def first_missing(self) -> int:
        """Attribute 4: the first block that has not come, or the number of blocks."""
        for at, byte in enumerate(self.received):
            if byte != 0xFF:
                return min(8 * at + 8 - (byte ^ 0xFF).bit_length(), self.blocks)
        return self.blocks

    def bits(self) -> str:
        """Attribute 3, first block first."""
        return "".join(f"{byte:08b}" for byte in self.received)[: self.blocks]


class ImageStore(Protocol):
    """What the provider does with an image."""

    def begin(self, identifier: bytes, size: int) -> None:
        """A new transfer begins; refuses with :class:`RefusalError` an image that cannot be for this device."""

    def write(self, offset: int, content: bytes) -> None:
        """Keep a block; it is marked as received only afterwards."""

    def verify(self) -> bool | None:
        """Whether the image is good; None while that is not known yet (called again on every ask)."""

    def activate(self) -> bool | None:
        """Start the image: True when it runs, False when it failed, None while a restart is under way."""


class ImageTransfer:
    """The state machine of one device.

    ``keeps_same`` says whether an initiate with the identifier and size of a transfer under way keeps its bitmap:
    makers differ. ``changed`` is called after every change of the state, to journal it.
    """

    def __init__(
        self,
        state: ImageState,
        store: ImageStore,
        *,
        max_size: int,
        keeps_same: bool = False,
        changed: Callable[[ImageState], None] = lambda state: None,
    ) -> None:
        self.state = state
        self._store = store
        self._max_size = max_size
        self._keeps_same = keeps_same
        self._changed = changed

    def initiate(self, parameters: Data | None) -> None:
        """Method 1, ``{identifier, size}``."""
        state = self._step(Step.INITIATE)
        first, second = take_structure(parameters, 2)
        identifier, size = take_octets(first), take_integer(second, DataType.UINT32)
        if not 1 <= len(identifier) <= _LONGEST_IDENTIFIER or not 1 <= size <= self._max_size:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"an image of {size} bytes")
        same = state.status is Status.INITIATED and (identifier, size) == (state.identifier, state.size)
        if not (same and self._keeps_same):
            self._store.begin(identifier, size)
            state.identifier, state.size = identifier, size
            state.received = bytearray(-(-state.blocks // 8))
        self._go(Status.INITIATED)

    def block(self, parameters: Data | None) -> None:
        """Method 2, ``{number, content}``; a block that has come before is accepted and not written again."""
        state = self._step(Step.BLOCK)
        first, second = take_structure(parameters, 2)
        number, content = take_integer(first, DataType.UINT32), take_octets(second)
        if number >= state.blocks:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"block {number} of {state.blocks}")
        offset = number * state.block_size
        if len(content) != min(state.block_size, state.size - offset):
            raise RefusalError(DataAccessResult.TYPE_UNMATCHED, f"block {number} with {len(content)} bytes")
        if not state.has(number):
            self._store.write(offset, content)
            state.mark(number)
            self._changed(state)

    def verify(self, parameters: Data | None) -> None:
        """Method 3: *temporary-failure* until the provider knows; *other-reason* when the image is bad."""
        state = self._step(Step.VERIFY)
        if state.status is Status.VERIFICATION_SUCCESSFUL:
            return
        if state.first_missing() < state.blocks:
            raise RefusalError(DataAccessResult.OTHER_REASON, f"block {state.first_missing()} is missing")
        self._go(Status.VERIFICATION_INITIATED)
        self._conclude(self._store.verify(), Status.VERIFICATION_SUCCESSFUL, Status.VERIFICATION_FAILED)

    def activate(self, parameters: Data | None) -> None:
        """Method 4, answered like :meth:`verify`."""
        self._step(Step.ACTIVATE)
        self._go(Status.ACTIVATION_INITIATED)
        self._conclude(self._store.activate(), Status.ACTIVATION_SUCCESSFUL, Status.ACTIVATION_FAILED)

    def enable(self, enabled: bool) -> None:
        """Attribute 5: whether any step is taken at all."""
        self.state.enabled = enabled
        self._changed(self.state)

    def activated(self, good: bool) -> None:
        """The provider reports, after its restart, what became of an activation under way."""
        if self.state.status is Status.ACTIVATION_INITIATED:
            self._go(Status.ACTIVATION_SUCCESSFUL if good else Status.ACTIVATION_FAILED)

    def _step(self, step: Step) -> ImageState:
        state = self.state
        if not state.enabled:
            raise RefusalError(DataAccessResult.READ_WRITE_DENIED, "image transfer is switched off")
        if state.status not in ALLOWED[step]:
            raise RefusalError(DataAccessResult.OTHER_REASON, f"{step.name} in status {state.status.name}")
        return state

    def _conclude(self, good: bool | None, success: Status, failure: Status) -> None:
        if good is None:
            raise RefusalError(DataAccessResult.TEMPORARY_FAILURE, "still at it")
        self._go(success if good else failure)
        if not good:
            raise RefusalError(DataAccessResult.OTHER_REASON, failure.name)

    def _go(self, status: Status) -> None:
        if status is Status.INITIATED or status is not self.state.status:
            self.state.status = status
            self._changed(self.state)


def image_transfer_object(image: ImageTransfer) -> CosemObject:
    """The object 0.0.44.0.0.255, for the management client."""

    def set_enabled(value: Data) -> None:
        image.enable(bool(value.value))

    def to_activate() -> Data:
        state = image.state
        if state.status < Status.VERIFICATION_SUCCESSFUL or state.status is Status.VERIFICATION_FAILED:
            return array()
        return array(structure(uint32(state.size), octets(state.identifier), octets(state.signature)))

    attributes = {
        "image_block_size": Attr(uint32(image.state.block_size), read=MANAGERS),
        "image_transferred_blocks_status": Attr(lambda: Data(DataType.BIT_STRING, image.state.bits()), read=MANAGERS),
        "image_first_not_transferred_block_number": Attr(lambda: uint32(image.state.first_missing()), read=MANAGERS),
        "image_transfer_enabled": Attr(lambda: boolean(image.state.enabled), set_enabled, read=MANAGERS),
        "image_transfer_status": Attr(lambda: enum(image.state.status), read=MANAGERS),
        "image_to_activate_info": Attr(to_activate, read=MANAGERS),
    }
    methods = {
        "image_transfer_initiate": Call(image.initiate),
        "image_block_transfer": Call(image.block),
        "image_verify": Call(image.verify),
        "image_activate": Call(image.activate),
    }
    return CosemObject(18, IMAGE_TRANSFER, attributes, methods)
