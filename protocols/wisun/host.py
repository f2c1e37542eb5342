"""What a stick's host is, whatever the dialect: one session with one meter, sans-I/O.

Times are seconds on any monotonic clock of the caller's. The caller writes :meth:`HostSession.output` to the port,
feeds what it reads to :meth:`HostSession.receive`, and calls :meth:`HostSession.poll` no later than
:attr:`HostSession.deadline`. Waiting times come from ``reference/meter-protocols`` §1.7 and §2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, TypeAlias

from protocols.wisun.radio import Beacon, Datagram, SendResult


@dataclass(frozen=True, slots=True)
class Timing:
    """Deadlines in seconds and numbers of attempts.

    Scans of duration 6, 7 and 8 take 17.5, 34.7 and 69 s: about two minutes over all retries (§2.2). PANA takes up to
    one minute (§2.2). How long a stick may take for a plain command, and a meter to confirm the end of a session, is
    our own choice: the next session resets the stick, so nothing hangs on a farewell.
    """

    command: float = 5.0
    send: float = 30.0
    scan_durations: tuple[int, ...] = (6, 7, 8)
    scan_margin: float = 5.0
    join: float = 60.0
    join_attempts: int = 3
    close: float = 5.0


class Cause(Enum):
    """Why a session did not come about or did not last (requirement B9); the reaction is in the comment."""

    STICK_SILENT = auto()  # reset or replace the stick
    STICK_ERROR = auto()  # the stick refused a command of the procedure: read the text
    NO_BEACON = auto()  # no meter with this id answers: place, antenna, id
    REFUSED = auto()  # the meter (or its silence) failed PANA: id or password; trying on may lock the account
    NO_ANSWER = auto()  # the meter answered the scan but not PANA: radio
    ENDED_BY_METER = auto()  # join again


class Phase(Enum):
    """Where a session stands."""

    IDLE = auto()
    SETTING_UP = auto()
    SCANNING = auto()
    ADDRESSING = auto()
    JOINING = auto()
    JOINED = auto()
    REAUTHENTICATING = auto()
    CLOSING = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """A survey has found the meter; the procedure has stopped, no session stands."""

    beacon: Beacon


@dataclass(frozen=True, slots=True)
class Joined:
    """The session stands; ``again`` after a re-authentication."""

    beacon: Beacon
    again: bool = False


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """The session did not come about; the procedure has stopped."""

    cause: Cause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """A standing session is gone; ``open`` starts a new one."""

    cause: Cause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session ended because ``close`` was called; ``clean`` if the meter agreed."""

    clean: bool


@dataclass(frozen=True, slots=True)
class SendBlocked:
    """No datagram may be sent until :class:`SendReleased`: re-authentication or used-up air time; no error (§8, 21)."""

    by_air_time: bool


@dataclass(frozen=True, slots=True)
class SendReleased:
    """Datagrams may be sent again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the last datagram given to ``send``."""

    result: SendResult


@dataclass(frozen=True, slots=True)
class Received:
    """An ECHONET datagram from the meter we are joined to, or sent by it to all."""

    datagram: Datagram


SessionEvent: TypeAlias = (
    Found | Joined | JoinFailed | SessionLost | Closed | SendBlocked | SendReleased | Sent | Received
)


class HostSession(Protocol):
    """The driver's view of a stick: open, send, receive, close."""

    phase: Phase

    @property
    def deadline(self) -> float | None:
        """When :meth:`poll` must be called at the latest, or None."""

    @property
    def can_send(self) -> bool:
        """Whether :meth:`send` is allowed now."""

    def open(self, now: float) -> None:
        """Start the procedure: reset, credentials, scan, join. Ends with Joined or JoinFailed."""

    def survey(self, now: float) -> None:
        """Start the procedure up to the scan. Ends with Found or JoinFailed; a session that stood is given up."""

    def close(self, now: float) -> None:
        """End the session. Ends with Closed."""

    def send(self, payload: bytes, now: float) -> None:
        """Send an ECHONET datagram to the meter; raises NotReadyError when that is not allowed now."""

    def receive(self, data: bytes, now: float) -> list[SessionEvent]:
        """Bytes from the stick, in any chunks; raises nothing."""

    def poll(self, now: float) -> list[SessionEvent]:
        """What has come due."""

    def output(self) -> bytes:
        """Take the bytes for the stick."""
