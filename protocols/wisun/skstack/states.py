"""The states of a stick and what moves it from one to another, as a table."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """What the stick is doing."""

    IDLE = auto()
    SCANNING = auto()
    JOINING = auto()
    JOINED = auto()
    SCANNING_JOINED = auto()
    TERMINATING = auto()


class Trigger(Enum):
    """What moves it on: commands of the host, then answers of the radio."""

    SCAN = auto()
    JOIN = auto()
    REJOIN = auto()
    TERMINATE = auto()
    SCANNED = auto()
    ESTABLISHED = auto()
    FAILED = auto()
    EXPIRED = auto()
    ENDED = auto()


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.IDLE, Trigger.SCAN): State.SCANNING,
    (State.IDLE, Trigger.JOIN): State.JOINING,
    (State.SCANNING, Trigger.SCANNED): State.IDLE,
    (State.JOINING, Trigger.ESTABLISHED): State.JOINED,
    (State.JOINING, Trigger.FAILED): State.IDLE,
    (State.JOINING, Trigger.ENDED): State.IDLE,
    (State.JOINED, Trigger.SCAN): State.SCANNING_JOINED,
    (State.JOINED, Trigger.JOIN): State.JOINING,
    (State.JOINED, Trigger.REJOIN): State.JOINING,
    (State.JOINED, Trigger.TERMINATE): State.TERMINATING,
    (State.JOINED, Trigger.EXPIRED): State.JOINING,
    (State.JOINED, Trigger.ENDED): State.IDLE,
    (State.SCANNING_JOINED, Trigger.SCANNED): State.JOINED,
    (State.SCANNING_JOINED, Trigger.ENDED): State.SCANNING,
    (State.TERMINATING, Trigger.ENDED): State.IDLE,
}

SESSION = frozenset({State.JOINED, State.SCANNING_JOINED})
"""States with a PANA session that can encrypt."""
