import pytest

from protocols.dlms.apdu import Attribute, Method
from protocols.dlms.disconnect import DISCONNECT_CONTROL, Command, Control, SwitchState, move, with_mode
from protocols.dlms.errors import AccessRefusedError, RefusalError
from protocols.dlms.values import enum
from tests.protocols.dlms.meter import NO_PARAMETER, Meter, associated, manager

OFF, ON, READY = Control.DISCONNECTED, Control.CONNECTED, Control.READY
REFUSED = None
# mode -> state after remote disconnect, remote reconnect, manual disconnect, manual reconnect, local disconnect,
# local reconnect, from connected / disconnected / ready
EXPECTED = {
    0: {ON: (REFUSED,) * 6, OFF: (REFUSED,) * 6, READY: (REFUSED,) * 6},
    1: {
        ON: (OFF, REFUSED, READY, ON, READY, REFUSED),
        OFF: (OFF, READY, REFUSED, REFUSED, REFUSED, REFUSED),
        READY: (OFF, READY, READY, ON, READY, REFUSED),
    },
    4: {
        ON: (OFF, ON, REFUSED, ON, READY, REFUSED),
        OFF: (OFF, ON, REFUSED, REFUSED, REFUSED, REFUSED),
        READY: (OFF, REFUSED, REFUSED, ON, READY, REFUSED),
    },
    6: {
        ON: (OFF, REFUSED, REFUSED, ON, READY, ON),
        OFF: (OFF, READY, REFUSED, REFUSED, REFUSED, REFUSED),
        READY: (OFF, READY, REFUSED, ON, READY, ON),
    },
}


@pytest.mark.parametrize("mode", EXPECTED)
@pytest.mark.parametrize("before", Control)
def test_each_mode_allows_its_own_moves(mode: int, before: Control) -> None:
    for command, after in zip(Command, EXPECTED[mode][before], strict=True):
        state = SwitchState(before, mode)
        if after is REFUSED:
            with pytest.raises(RefusalError):
                move(state, command)
        else:
            assert move(state, command) == SwitchState(after, mode), (command, state)


@pytest.mark.parametrize("mode", range(1, 7))
def test_only_a_connected_switch_lets_current_through_and_a_remote_disconnect_always_works(mode: int) -> None:
    for before in Control:
        assert not move(SwitchState(before, mode), Command.REMOTE_DISCONNECT).output
    assert [SwitchState(state).output for state in (OFF, ON, READY)] == [False, True, False]


def test_mode_0_closes_the_switch_and_unknown_modes_do_not_exist() -> None:
    assert with_mode(SwitchState(OFF, 4), 0) == SwitchState(ON, 0)
    assert with_mode(SwitchState(OFF, 4), 6) == SwitchState(OFF, 6)
    with pytest.raises(RefusalError):
        with_mode(SwitchState(), 7)


def test_a_client_disconnects_and_reconnects() -> None:
    meter = Meter()
    link = associated(manager(meter))
    disconnect, reconnect = (Method(70, DISCONNECT_CONTROL, number) for number in (1, 2))
    for _ in range(2):
        link.run(link.client.action(disconnect, NO_PARAMETER))
        assert link.run(link.client.get(Attribute(70, DISCONNECT_CONTROL, 3))) == enum(0)
    link.run(link.client.set(Attribute(70, DISCONNECT_CONTROL, 4), enum(6)))
    link.run(link.client.action(reconnect, NO_PARAMETER))
    assert meter.switch == SwitchState(READY, 6)
    with pytest.raises(AccessRefusedError, match="SCOPE"):
        link.run(link.client.set(Attribute(70, DISCONNECT_CONTROL, 4), enum(9)))
