"""What drivers over telnet, HTTP and Modbus share: one user at a time, identity before anything else, clean failures.

A failure of the link leaves nothing behind that a later question could take for its answer: the connection is dropped,
and the next call connects anew and asks for the identity again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hil_drivers.errors import AnswerError, IdentityError, LinkError
from protocols.errors import MeterBenchError


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who an instrument says it is; empty where it does not say."""

    maker: str
    model: str
    serial: str = ""
    firmware: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.maker, self.model, self.serial, self.firmware)))


class Guard:
    """Turns of one instrument. ``check`` asks for its identity and raises if it is another; ``drop`` ends the link."""

    def __init__(self, check: Callable[[], object], drop: Callable[[], None]) -> None:
        self._check, self._drop = check, drop
        self._lock = threading.RLock()
        self._known = False

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """A turn at the instrument, alone; turns within a turn are parts of it."""
        with self._lock:
            try:
                if not self._known:
                    self._meet()
                yield
            except (LinkError, AnswerError, IdentityError):
                self._known = False
                self._drop()
                raise

    def meet(self) -> None:
        """Ask for the identity, if nobody has yet; whatever goes wrong, the link is dropped."""
        with self.turn():
            pass

    def _meet(self) -> None:
        self._known = True  # for what check asks is a turn within this one
        try:
            self._check()
        except BaseException:
            self._known = False
            self._drop()
            raise


def expect(place: str, found: DeviceIdentity, model: str | None, serial: str | None = None) -> DeviceIdentity:
    """The identity; raises :class:`IdentityError` where another was described. Models and serials match whole."""
    for name, wanted, shown in (("model", model, found.model), ("serial number", serial, found.serial)):
        if wanted is not None and shown != wanted:
            raise IdentityError(f"{place}: {name} {wanted} was described, {shown or 'nobody'} answers ({found})")
    return found


def all_of(steps: Sequence[Callable[[], object]]) -> None:
    """Do every step, those that fail again after all others; raises the first error that stays.

    A lost link ends the round, for all steps go over it: a dead instrument costs two time-outs, however many steps.
    """
    left, errors = list(steps), list[MeterBenchError]()
    for _ in range(2):
        failed, errors = list[Callable[[], object]](), []
        for number, step in enumerate(left):
            try:
                step()
            except LinkError as error:
                failed += left[number:]
                errors.append(error)
                break
            except MeterBenchError as error:
                failed.append(step)
                errors.append(error)
        left = failed
    if errors:
        raise errors[0]
