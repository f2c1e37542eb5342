"""A relay board on Modbus TCP: coil n is relay n, functions 1, 5 and 15; reading a coil tells where the relay is.

That the coils start at 0, and that they show the relay instead of the last command, is a choice: boards differ, and one
that shows the command cannot tell of a stuck relay (``rack-instruments`` §4). A board says who it is by function 43/14.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.modbus.errors import ExceptionCode, IllegalAddressError, RequestRefusedError
from protocols.modbus.server import Connection
from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.instruments.contacts import Contacts
from twins.rack.instruments.texts import Spoken

FAULTS = frozenset({Fault.STUCK_RELAY, Fault.WRONG_IDENTITY, Fault.DEVICE_FAILURE, Fault.DEVICE_BUSY})
"""What it can have."""

_MAKER, _PRODUCT, _OTHER_PRODUCT, _VERSION = "Meter Bench", "Relay Board 8", "Input Board 8", "1.0"


class RelayBoard:
    """Serves ``contacts`` as unit ``unit``. ``stuck-relay`` holds all relays where they are."""

    def __init__(self, name: str, contacts: Contacts, unit: int = 1) -> None:
        self.contacts = contacts
        self.faults: set[Fault] = set()
        self._name, self._unit = name, unit

    def connect(self, now: float) -> Conversation:
        """A client has connected."""
        return _Board(self, self._unit)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault; raises :class:`RackError` for one it cannot have."""
        if fault not in FAULTS:
            raise RackError(f"{self._name}: a relay board cannot have the fault {fault}")
        (self.faults.add if present else self.faults.discard)(fault)
        if fault is Fault.STUCK_RELAY:
            set_stuck(self.contacts, present, now)


def set_stuck(contacts: Contacts, stuck: bool, now: float) -> None:
    """Hold all contacts where they are, or let them go."""
    for number in range(contacts.count):
        if stuck:
            contacts.stuck.add(number)
        else:
            contacts.free(number, now)


class _Board(Spoken):
    """One client's conversation, and the unit that its requests are for, at the time of the request."""

    functions: frozenset[int] = frozenset()

    def __init__(self, board: RelayBoard, unit: int) -> None:
        super().__init__()
        self._board = board
        self._connection = Connection({unit: self})
        self._now = 0.0

    def answer(self, data: bytes, now: float) -> bytes:
        self._now = now
        return self._connection.receive(data)

    @property
    def identification(self) -> Sequence[str]:
        return _MAKER, _OTHER_PRODUCT if Fault.WRONG_IDENTITY in self._board.faults else _PRODUCT, _VERSION

    def read(self, start: int, count: int) -> list[int]:
        raise IllegalAddressError("no registers")

    @property
    def coil_count(self) -> int:
        return self._board.contacts.count

    def read_coils(self, start: int, count: int) -> list[bool]:
        self._refuse()
        return [self._board.contacts.closed(number, self._now) for number in range(start, start + count)]

    def write_coils(self, start: int, states: Sequence[bool]) -> None:
        self._refuse()
        for number, state in enumerate(states, start):
            self._board.contacts.ask(number, state, self._now)

    def _refuse(self) -> None:
        if Fault.DEVICE_FAILURE in self._board.faults:
            raise RequestRefusedError(ExceptionCode.SERVER_DEVICE_FAILURE)
        if Fault.DEVICE_BUSY in self._board.faults:
            raise RequestRefusedError(ExceptionCode.SERVER_DEVICE_BUSY)
