"""Every relay driver against its front end over real sockets, with every fault that it can meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hil_drivers.errors import AddressError, AnswerError, EnvelopeError, IdentityError, InstrumentError, LinkError
from hil_drivers.registry import open_instrument
from hil_drivers.relays.modbus import ModbusRelay
from hil_drivers.relays.outlets import Outlets
from tests.hil_drivers.bench_wires import Wired, fails, wires
from twins.rack.faults import Fault, FrontEnd, RackError
from twins.rack.instruments.boxes import box
from twins.rack.instruments.contacts import Contacts
from twins.rack.instruments.outlet_strip import SHELLY, OutletStrip
from twins.rack.instruments.relay_board import RelayBoard
from twins.rack.world.radio import RadioWorld

WAIT_S = 0.8
LATE_S = 1.2
SETTLE_S = 0.5


@dataclass
class Kind:
    """A driver by its registered name, the settings of it and its front end, the identity setting and its value."""

    driver: str
    settings: dict[str, Any]
    identity: tuple[str, str]


MODBUS = Kind("relay-modbus", {}, ("product", "Relay Board 8"))
LOGGERS = Kind("outlets-http", {"user": "admin", "password": "secret"}, ("model", "outlet-strip"))
GEN2 = Kind("outlets-http", {"dialect": SHELLY}, ("model", "Pro4PM"))
KINDS = {"modbus": MODBUS, "digital loggers": LOGGERS, "shelly": GEN2}
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
ONLY_MODBUS = pytest.mark.parametrize("kind", [MODBUS], ids=["modbus"])
WEB = pytest.mark.parametrize("kind", [LOGGERS, GEN2], ids=["digital loggers", "shelly"])


class Rig:
    """A driver at its front end."""

    def __init__(self, kind: Kind, put: Callable[[FrontEnd], Wired]) -> None:
        self.kind = kind
        front_end: Any = box(kind.driver, "relays", RadioWorld(()), time.time(), {"channels": 4, **kind.settings})
        self.contacts: Contacts = front_end.contacts
        self.wired = put(front_end)
        self.driver: Any = self.open()

    def open(self, **settings: Any) -> Any:
        usual = {"timeout_s": WAIT_S, "settle_s": SETTLE_S, "channels": self.contacts.count}
        return open_instrument(self.kind.driver, self.wired.address, {**usual, **self.kind.settings, **settings})

    def closed(self) -> list[bool]:
        """Where the contacts really are."""
        return self.wired.call(lambda: [self.contacts.closed(n, time.time()) for n in range(self.contacts.count)])

    def works(self) -> None:
        """The next commands are right: no answer belongs to an earlier question."""
        for closed in (True, False, True):
            self.driver.set(2, closed)
            assert self.driver.get(2) is closed
            assert self.closed()[1] is closed


@pytest.fixture
def rig(kind: Kind) -> Iterator[Rig]:
    with wires() as put:
        rig = Rig(kind, put)
        yield rig
        rig.driver.close()


@EVERY
def test_relays_follow_and_are_read_back(rig: Rig) -> None:
    assert rig.closed() == [False] * 4
    rig.driver.set(1, True)
    rig.driver.set(4, True)
    assert rig.closed() == [True, False, False, True]
    assert [rig.driver.get(n) for n in range(1, 5)] == [True, False, False, True]
    rig.driver.set(1, False)
    assert rig.closed() == [False, False, False, True]


@EVERY
def test_safe_opens_all_and_may_be_called_again(rig: Rig) -> None:
    for channel in (1, 2, 4):
        rig.driver.set(channel, True)
    for _ in range(2):
        rig.driver.safe()
        assert rig.closed() == [False] * 4


@EVERY
def test_a_relay_says_who_it_is_and_what_it_can_do(rig: Rig) -> None:
    assert rig.kind.identity[1] in str(rig.driver.identity())
    assert rig.driver.channels == 4
    assert rig.driver.capabilities.settle_s == SETTLE_S


@EVERY
def test_channels_that_there_are_not_are_never_sent(rig: Rig) -> None:
    for channel in (0, 5):
        with pytest.raises(EnvelopeError):
            rig.driver.set(channel, True)
        with pytest.raises(EnvelopeError):
            rig.driver.get(channel)
    assert rig.closed() == [False] * 4


@EVERY
@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.HALF_ANSWER])
def test_a_missing_answer_is_a_lost_link(fault: Fault, rig: Rig) -> None:
    rig.wired.inject(fault)
    assert "answer within" in fails(LinkError, lambda: rig.driver.get(2))
    rig.works()


@EVERY
def test_an_answer_that_comes_too_late_is_nobody_s(rig: Rig) -> None:
    rig.driver.set(1, True)
    rig.wired.inject(Fault.LATE_ANSWER, seconds=LATE_S)
    fails(LinkError, lambda: rig.driver.get(1))
    rig.works()


@EVERY
def test_garbage_is_no_answer(rig: Rig) -> None:
    rig.wired.inject(Fault.GARBAGE)
    fails((LinkError, AnswerError), lambda: rig.driver.get(2))
    rig.works()


@EVERY
def test_a_lost_socket_is_a_lost_link_and_the_next_call_connects_anew(rig: Rig) -> None:
    rig.wired.inject(Fault.LOST_SOCKET)
    fails(LinkError, lambda: rig.driver.get(2))
    rig.works()


@EVERY
def test_nobody_at_the_address_is_a_lost_link(rig: Rig) -> None:
    address = rig.wired.address
    rig.wired.close()
    assert "no connection" in fails(
        LinkError, lambda: open_instrument(rig.kind.driver, address, {**rig.kind.settings, "timeout_s": WAIT_S})
    )


@EVERY
def test_a_stuck_relay_is_found_by_reading_back(rig: Rig) -> None:
    rig.driver.set(3, True)
    rig.wired.inject(Fault.STUCK_RELAY)
    assert "stuck" in fails(InstrumentError, lambda: rig.driver.set(3, False))
    assert "channels 3 " in fails(InstrumentError, rig.driver.safe)
    assert rig.closed() == [False, False, True, False]
    rig.wired.clear(Fault.STUCK_RELAY)
    rig.driver.safe()
    assert rig.closed() == [False] * 4
    rig.works()


@EVERY
def test_safe_opens_all_through_a_dead_connection(rig: Rig) -> None:
    for fault in (Fault.LOST_SOCKET, Fault.SILENCE, Fault.HALF_ANSWER):
        rig.driver.set(2, True)
        rig.wired.inject(fault)
        rig.driver.safe()
        assert rig.closed() == [False] * 4


@EVERY
def test_another_instrument_at_the_address_is_refused_also_after_a_lost_link(rig: Rig) -> None:
    setting, value = rig.kind.identity
    driver = rig.open(**{setting: value})
    driver.set(1, True)
    rig.wired.inject(Fault.WRONG_IDENTITY)
    fails(IdentityError, lambda: rig.open(**{setting: value}))
    rig.wired.inject(Fault.LOST_SOCKET)
    fails(LinkError, lambda: driver.set(1, False))
    assert value in fails(IdentityError, lambda: driver.set(1, False))
    assert rig.closed()[0]  # nothing was sent to the other one
    rig.wired.clear(Fault.WRONG_IDENTITY)
    driver.set(1, False)
    driver.close()


@ONLY_MODBUS
@pytest.mark.parametrize(("fault", "code"), [(Fault.DEVICE_FAILURE, 4), (Fault.DEVICE_BUSY, 6)])
def test_a_modbus_exception_is_the_device_s_own_error(fault: Fault, code: int, rig: Rig) -> None:
    rig.wired.inject(fault)
    for action in (lambda: rig.driver.get(1), lambda: rig.driver.set(1, True), rig.driver.safe):
        with pytest.raises(InstrumentError) as caught:
            action()
        assert caught.value.entries[0][0] == code
    rig.wired.clear(fault)
    assert rig.closed() == [False] * 4
    rig.works()


@ONLY_MODBUS
def test_coils_may_be_inverted_and_begin_elsewhere(rig: Rig) -> None:
    driver = rig.open(channels=2, first_coil=1, invert=True)
    assert [driver.get(1), driver.get(2)] == [True, True]
    driver.set(2, False)
    assert rig.closed() == [False, False, True, False]
    driver.safe()
    assert rig.closed() == [False, True, True, False]
    driver.close()


@ONLY_MODBUS
def test_coils_that_the_device_has_not_got_are_its_own_error(rig: Rig) -> None:
    assert "no such coil" in fails(InstrumentError, lambda: rig.open(channels=9))
    assert "no such unit" in fails(InstrumentError, lambda: rig.open(unit=7))


@WEB
def test_an_outlet_that_stays_pending_is_told_and_follows_later(rig: Rig) -> None:
    rig.wired.inject(Fault.PENDING_OUTLET)
    assert "pending or stuck" in fails(InstrumentError, lambda: rig.driver.set(1, True))
    rig.wired.clear(Fault.PENDING_OUTLET)
    rig.driver.set(1, True)
    rig.works()


@WEB
def test_an_error_text_under_status_200_is_no_answer(rig: Rig) -> None:
    rig.wired.inject(Fault.ERROR_TEXT)
    assert "no JSON" in fails(AnswerError, lambda: rig.driver.set(1, True))
    rig.wired.clear(Fault.ERROR_TEXT)
    rig.works()


@pytest.mark.parametrize("kind", [LOGGERS], ids=["digital loggers"])
def test_a_wrong_password_is_refused_and_not_shown(rig: Rig) -> None:
    message = fails(InstrumentError, lambda: rig.open(password="guessed"))
    assert "401" in message
    assert "guessed" not in message


def test_what_cannot_be_described_is_refused() -> None:
    with pytest.raises(AddressError):
        Outlets("127.0.0.1:1", dialect="telepathy")
    with pytest.raises(AddressError):
        ModbusRelay("127.0.0.1:one")
    with pytest.raises(RackError):
        OutletStrip("strip", Contacts(1), "telepathy")
    for front_end in (OutletStrip("strip", Contacts(1)), RelayBoard("board", Contacts(1))):
        with pytest.raises(RackError):
            front_end.afflict(Fault.TRIPPED_PROTECTION, True, 0.0)
