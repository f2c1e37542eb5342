"""An image transfer from beginning to end over any meter that carries one: send what is missing, verify, activate.

The order and the resume are those of IC18 (``meter-protocols`` §3.4). A meter may restart at the end of an activation:
the connection is lost then, and the question is put again over a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hil_drivers.errors import LinkError, RefusedError
from hil_drivers.meter import ImageState, ImageStatus, Meter

_RESUMABLE: Final = frozenset({ImageState.INITIATED, ImageState.VERIFYING, ImageState.VERIFIED, ImageState.ACTIVATING})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a meter may verify and activate: seconds between questions, and how many of them."""

    pause_s: float = 1.0
    questions: int = 120


def transfer(
    meter: Meter,
    identifier: bytes,
    content: bytes,
    *,
    resume: bool,
    sleep: Callable[[float], None],
    progress: Callable[[int, int], None] = lambda done, blocks: None,
    patience: Patience | None = None,
) -> ImageStatus:
    """Bring an image into a meter and start it; where it stands afterwards (activated).

    With ``resume`` a transfer under way is carried on: only missing blocks are sent, and one that is verified already
    is only activated; where nothing is under way, or without ``resume``, it begins anew. ``progress`` is told blocks
    done and blocks in all. Raises :class:`~hil_drivers.errors.RefusedError` for a meter that says no at any step.
    """
    patience = patience or Patience()
    status = meter.image()
    if not (resume and status.state in _RESUMABLE):
        meter.image_initiate(identifier, len(content))
        status = meter.image()
    if status.blocks != -(-len(content) // status.block_size):
        raise RefusedError(
            f"the meter waits for an image of {status.blocks} blocks of {status.block_size} bytes, "
            f"not one of {len(content)} bytes: begin anew without resume"
        )
    if status.state is ImageState.INITIATED:
        _send(meter, status, content, progress)
    if status.state in (ImageState.INITIATED, ImageState.VERIFYING):
        _until_over(meter.image_verify, "verification", sleep, patience)
    _until_over(lambda: _activate(meter), "activation", sleep, patience)
    return meter.image()


def _send(meter: Meter, status: ImageStatus, content: bytes, progress: Callable[[int, int], None]) -> None:
    done = status.blocks - len(status.missing)
    progress(done, status.blocks)
    for sent, number in enumerate(status.missing, start=1):
        at = number * status.block_size
        meter.image_block(number, content[at : at + status.block_size])
        progress(done + sent, status.blocks)


def _activate(meter: Meter) -> bool:
    """Whether the activation is over; a meter that restarts meanwhile is asked again."""
    try:
        state = meter.image().state
        if state is ImageState.ACTIVATED:
            return True
        if state is ImageState.ACTIVATION_FAILED:
            raise RefusedError("the meter could not start the image")
        return meter.image_activate()
    except LinkError:
        return False


def _until_over(ask: Callable[[], bool], what: str, sleep: Callable[[float], None], patience: Patience) -> None:
    for _ in range(patience.questions):
        if ask():
            return
        sleep(patience.pause_s)
    raise LinkError(f"no end of the {what} after {patience.questions * patience.pause_s:.0f} s")
