"""A hand terminal that hears the first answer to one of its requests badly, and sends that request once more."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from bench.pytest_plugin.specimen import Specimen
from hil_drivers.meters.dlms_session import DlmsSession
from hil_drivers.meters.optical import OpticalAddress, OpticalCarrier
from protocols.dlms.hdlc_client import Turn

T = TypeVar("T")


class LossyTerminal(OpticalAddress):
    """A meter under a head whose carrier loses the next answer once it was told to."""

    loses: bool

    def lose(self, *, once: bool = True) -> None:
        """Lose the next answer, or no more."""
        object.__setattr__(self, "loses", once)  # frozen, like all addresses

    def carrier(self) -> OpticalCarrier:
        """The head, not open yet."""
        return _Head(self)


class _Head(OpticalCarrier):
    def __init__(self, address: LossyTerminal) -> None:
        super().__init__(address)
        self._terminal = address

    def _run(self, turn: Turn[T]) -> T:
        return super()._run(self._losing(turn))

    def _losing(self, turn: Turn[T]) -> Turn[T]:
        """The same operation; where an answer is to be lost, what was sent goes out again as it was."""
        try:
            sent = next(turn)
            while True:
                answer = yield sent
                if sent and answer is not None and self._terminal.loses:
                    self._terminal.lose(once=False)
                    answer = yield sent
                sent = turn.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def lossy_terminal(meter: Specimen) -> tuple[LossyTerminal, DlmsSession]:
    """A hand terminal at the meter's optical port, and its session; to be closed."""
    known = meter.another("optical").address  # type: ignore[attr-defined]
    address = LossyTerminal(**{each.name: getattr(known, each.name) for each in fields(known)})
    address.lose(once=False)
    return address, DlmsSession(address)
