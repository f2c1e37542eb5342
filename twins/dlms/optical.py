"""The optical port of twins (requirement A12): the same logical device as over TCP, in HDLC frames.

A meter that is off, or starting into another firmware, is silent and forgets who was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from protocols.dlms.hdlc_server import PHYSICAL
from protocols.dlms.roles import HAND_TERMINAL
from twins.clock import Clock
from twins.dlms.logical_device import TwinDevice
from twins.dlms.service import ids_of, keys_of
from twins.serving.endpoint import Endpoint
from twins.serving.lines import LineService, lines

PROTOCOL = "optical"
_MOST_PUSHES = 16  # that wait for a network which may not be served: the oldest are dropped, as a full queue drops


class OpticalPort:
    """The port of one twin: a :class:`~twins.serving.lines.Talker`."""

    def __init__(self, twin: TwinDevice, clock: Clock) -> None:
        self._twin, self._clock = twin, clock
        self._line = twin.optical()
        twin.device.started.append(self.left)

    def answers(self, data: bytes) -> Iterator[bytes]:
        """Answers frame by frame; all that changed with one is written down before it goes out."""
        twin = self._twin
        made = self._line.answers(data)
        while twin.device.answers(self._clock.now()):
            with twin.device.memory.together():
                answer = next(made, None)
            del twin.pusher.outbox[:-_MOST_PUSHES]
            if answer is None:
                return
            if answer:
                yield answer
        self._line.lost()

    def paused(self) -> None:
        """A frame broke off."""
        self._line.reader.expire()

    def left(self) -> None:
        """The terminal was taken away."""
        self._line.lost()


def optical_service(twins: Sequence[TwinDevice], paths: Sequence[Path], clock: Clock) -> LineService:
    """The ports of some twins at these paths."""
    line = lines().optical
    return LineService(
        [OpticalPort(twin, clock) for twin in twins],
        paths,
        [_endpoint(twin, path, line.baud) for twin, path in zip(twins, paths, strict=True)],
        line,
        clock.monotonic,
    )


def _endpoint(twin: TwinDevice, path: Path, baud: int) -> Endpoint:
    return Endpoint(
        meter=twin.device.view.identity.meter,
        protocol=PROTOCOL,
        path=str(path),
        ids={
            **ids_of(twin),
            "client_terminal": str(HAND_TERMINAL),
            "terminal_password": twin.terminal_password.decode(),
        },
        keys=keys_of(twin),
        about={"transport": "hdlc", "physical_device": str(PHYSICAL), "baud": str(baud), "security_suite": "0"},
    )
