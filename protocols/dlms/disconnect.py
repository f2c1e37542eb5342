"""Disconnect control (IC70): the switch of a meter, and who may move it in each control mode.

Names of the transitions follow the Blue Book: a remote reconnect, b and c remote disconnect, d remote reconnect to
*ready*, e manual reconnect, f manual disconnect, g local disconnect, h local reconnect. Which of them a mode allows is
background knowledge of IEC 62056-6-2, not confirmed in an open source. *Remote* is a head-end, *manual* a button at
the meter, *local* the meter itself (a limiter).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType
from protocols.dlms.errors import RefusalError
from protocols.dlms.objects import Attr, Call, CosemObject
from protocols.dlms.roles import CONTROLLERS, IDENTIFIED, NOBODY
from protocols.dlms.values import boolean, enum, take_integer

DISCONNECT_CONTROL: Final = bytes([0, 0, 96, 3, 10, 255])


class Control(IntEnum):
    """Attribute 3."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


class Command(Enum):
    """Who wants what."""

    REMOTE_DISCONNECT = "remote disconnect"
    REMOTE_RECONNECT = "remote reconnect"
    MANUAL_DISCONNECT = "manual disconnect"
    MANUAL_RECONNECT = "manual reconnect"
    LOCAL_DISCONNECT = "local disconnect"
    LOCAL_RECONNECT = "local reconnect"


TRANSITIONS: Final[Mapping[str, tuple[Command, Control, Control]]] = {
    "a": (Command.REMOTE_RECONNECT, Control.DISCONNECTED, Control.CONNECTED),
    "b": (Command.REMOTE_DISCONNECT, Control.CONNECTED, Control.DISCONNECTED),
    "c": (Command.REMOTE_DISCONNECT, Control.READY, Control.DISCONNECTED),
    "d": (Command.REMOTE_RECONNECT, Control.DISCONNECTED, Control.READY),
    "e": (Command.MANUAL_RECONNECT, Control.READY, Control.CONNECTED),
    "f": (Command.MANUAL_DISCONNECT, Control.CONNECTED, Control.READY),
    "g": (Command.LOCAL_DISCONNECT, Control.CONNECTED, Control.READY),
    "h": (Command.LOCAL_RECONNECT, Control.READY, Control.CONNECTED),
}
"""Transition to command, state before, state after."""

MODES: Final[Mapping[int, str]] = {0: "", 1: "bcdefg", 2: "abcefg", 3: "bcdeg", 4: "abceg", 5: "bcdefgh", 6: "bcdegh"}
"""Control mode to its transitions; mode 0 never disconnects."""


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Position of the switch and its mode."""

    control: Control = Control.CONNECTED
    mode: int = 4

    @property
    def output(self) -> bool:
        """Attribute 2: whether the supply is on."""
        return self.control is Control.CONNECTED


def move(state: SwitchState, command: Command) -> SwitchState:
    """The state after a command; a command for where the switch is already changes nothing.

    Raises :class:`~protocols.dlms.errors.RefusalError` when the mode does not allow it from here.
    """
    moves = [TRANSITIONS[letter] for letter in MODES[state.mode]]
    mine = [(before, after) for which, before, after in moves if which is command]
    for before, after in mine:
        if before is state.control:
            return replace(state, control=after)
    if any(after is state.control for _, after in mine):
        return state
    raise RefusalError(
        DataAccessResult.READ_WRITE_DENIED, f"{command.value} from {state.control.name} in mode {state.mode}"
    )


def with_mode(state: SwitchState, mode: int) -> SwitchState:
    """Another control mode; mode 0 closes the switch for good."""
    if mode not in MODES:
        raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"control mode {mode}")
    return SwitchState(Control.CONNECTED if mode == 0 else state.control, mode)


def disconnect_object(state: Callable[[], SwitchState], change: Callable[[SwitchState], None]) -> CosemObject:
    """The object 0.0.96.3.10.255 on a provider's state; ``change`` takes the new one, after its journal."""

    def call(command: Command) -> Callable[[Data | None], None]:
        def run(parameters: Data | None) -> None:
            change(move(state(), command))

        return run

    def set_mode(value: Data) -> None:
        change(with_mode(state(), take_integer(value, DataType.ENUM)))

    return CosemObject(
        70,
        DISCONNECT_CONTROL,
        {
            "output_state": Attr(lambda: boolean(state().output), read=IDENTIFIED, write=NOBODY),
            "control_state": Attr(lambda: enum(state().control), read=IDENTIFIED, write=NOBODY),
            "control_mode": Attr(lambda: enum(state().mode), set_mode, read=IDENTIFIED),
        },
        {
            "remote_disconnect": Call(call(Command.REMOTE_DISCONNECT), CONTROLLERS),
            "remote_reconnect": Call(call(Command.REMOTE_RECONNECT), CONTROLLERS),
        },
    )
