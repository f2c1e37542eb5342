"""A session with one SCPI instrument: one owner thread, identity checked, errors asked for, nothing off by one.

Rules of this file:

* All exchanges of a session run in its own thread; a job of several exchanges (:meth:`Session.run`) is not interrupted
  by others. Callers of any thread wait.
* After a time-out, a lost peer or an answer that cannot be read the connection is given up. The next exchange connects
  anew and asks for the identity before anything else, so a late answer meets nobody; one that an instrument gives to
  the new connection is thrown away before.
* Nothing is sent a second time by itself.
* After every write the error queue is read until it is empty.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from hil_drivers.errors import AnswerError, IdentityError, InstrumentError, LinkError
from hil_drivers.visa import VisaLine
from protocols.errors import ProtocolError
from protocols.scpi.errors import parse_entry

T = TypeVar("T")

_ERRORS_MOST: Final = 32
_QUIET_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class InstrumentIdentity:
    """What ``*IDN?`` says; Chroma puts maker and model into one field, so the text counts and the rest is a service."""

    text: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields between commas, without blanks around them."""
        return tuple(field.strip() for field in self.text.split(","))

    def __str__(self) -> str:
        return self.text


class Session:
    """A session with the instrument at a VISA address whose ``*IDN?`` matches ``family`` and contains ``model``.

    Connects at once. Raises :class:`~hil_drivers.errors.LinkError`, :class:`~hil_drivers.errors.AddressError`,
    :class:`~hil_drivers.errors.IdentityError`. All methods raise LinkError, IdentityError (when they had to connect
    anew) and AnswerError besides.
    """

    def __init__(self, address: str, *, family: str, model: str | None = None, timeout_s: float = 2.0) -> None:
        self.address, self.timeout_s = address, timeout_s
        self._family = re.compile(family)
        self._model = None if model is None else str(model)  # YAML makes a number of 61504
        self._connections = 0
        self._line: VisaLine | None = None
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"owner of {address}")
        self._thread: threading.Thread | None = None
        try:
            self.run(self._connected)
        except BaseException:
            self.close()
            raise

    def run(self, job: Callable[[], T]) -> T:
        """Do a job in the session's thread, undisturbed by others, and wait for it."""
        if threading.current_thread() is self._thread:
            return job()
        try:
            answer = self._owner.submit(self._owned, job)
        except RuntimeError:  # the executor's word for having been shut down
            raise LinkError(f"{self.address}: the session is closed") from None
        return answer.result()

    def _owned(self, job: Callable[[], T]) -> T:
        self._thread = threading.current_thread()
        return job()

    def connect(self) -> int:
        """Connect, if there is no connection; which one it is, from 1. What an earlier one had set up may be gone."""
        self.run(self._connected)
        return self._connections

    def identity(self) -> InstrumentIdentity:
        """Ask the instrument who it is; raises :class:`~hil_drivers.errors.IdentityError` for another one."""
        return self.run(self._ask_identity)

    def query(self, text: str, parse: Callable[[str], T], timeout_s: float | None = None) -> T:
        """Ask, and read the answer; raises :class:`~hil_drivers.errors.AnswerError` when ``parse`` cannot."""
        return self.run(lambda: self._query(self._connected(), text, parse, timeout_s or self.timeout_s))

    def write(self, *lines: str) -> None:
        """Send lines, read the error queue; raises :class:`~hil_drivers.errors.InstrumentError` of what it holds."""
        self.run(lambda: self._write(lines))

    def send(self, *lines: str) -> None:
        """Send lines and do not ask what became of them."""

        def job() -> None:
            for line in lines:
                self._sent(self._connected(), line)

        self.run(job)

    def close(self) -> None:
        """Let go of the instrument and end the thread."""
        with contextlib.suppress(RuntimeError):  # closed before
            self._owner.submit(self._give_up)
        self._owner.shutdown()

    def _connected(self) -> VisaLine:
        """The line, connected and identified."""
        if self._line is None:
            self._line = VisaLine(self.address, self.timeout_s)
            try:
                self._ask_identity()
                self._sent(self._line, "*CLS")
                self._connections += 1
            except BaseException:
                self._give_up()
                raise
        return self._line

    def _ask_identity(self) -> InstrumentIdentity:
        line = self._connected()
        answer = self._query(line, "*IDN?", str, self.timeout_s)
        if not self._is_ours(answer):
            line.drain(_QUIET_S)
            answer = self._query(line, "*IDN?", str, self.timeout_s)
        if not self._is_ours(answer):
            self._give_up()
            wanted = self._model or self._family.pattern
            raise IdentityError(f"{self.address}: {answer!r} answers, not {wanted}")
        return InstrumentIdentity(answer)

    def _is_ours(self, answer: str) -> bool:
        return self._family.search(answer) is not None and (self._model is None or self._model in answer)

    def _query(self, line: VisaLine, text: str, parse: Callable[[str], T], timeout_s: float) -> T:
        self._sent(line, text)
        try:
            raw = line.receive(timeout_s)
        except LinkError:
            self._give_up()
            raise
        try:
            return parse(raw.decode("ascii").strip())
        except (ProtocolError, ValueError, LookupError) as error:
            self._give_up()
            raise AnswerError(f"{self.address}: {text} was answered with {raw!r}") from error

    def _sent(self, line: VisaLine, text: str) -> None:
        try:
            line.send(text)
        except LinkError:
            self._give_up()
            raise

    def _write(self, lines: tuple[str, ...]) -> None:
        line = self._connected()
        for text in lines:
            self._sent(line, text)
        entries = []
        for _ in range(_ERRORS_MOST):
            entry = self._query(line, "SYST:ERR?", parse_entry, self.timeout_s)
            if entry[0] == 0:
                break
            entries.append(entry)
        if entries:
            said = "; ".join(f"{code} {text}" for code, text in entries)
            raise InstrumentError(f"{self.address}: {'; '.join(lines)}: {said}", tuple(entries))

    def _give_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
