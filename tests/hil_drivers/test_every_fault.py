"""Every instrument driver against its front end with every named fault (issue 4, bar 3).

Each fault is reported as what it is within the driver's time-out, and after it the next commands are right. A fault
that an instrument cannot have is refused by its front end, so the product of drivers and faults has no hole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hil_drivers.errors import AnswerError, IdentityError, InstrumentError, LinkError
from hil_drivers.registry import DRIVERS, Kind, open_instrument
from hil_drivers.source import PhaseSetting, Setting
from protocols.errors import MeterBenchError
from tests.hil_drivers.bench_wires import Wired, wires
from tests.hil_drivers.bridges.quick import quick_bridge
from tests.twins.echonet.twin import twin_of, view_of
from twins.rack.faults import WIRE_FAULTS, Fault, FrontEnd, RackError
from twins.rack.instruments.boxes import box
from twins.rack.instruments.catalogue import front_end
from twins.rack.wires.tcp import TcpWire
from twins.rack.wires.udp import UdpWire
from twins.rack.world.output import Point
from twins.rack.world.radio import RadioWorld
from twins.rack.world.world import World, WorldSpec

TIMEOUT_S = 0.8
LATE_S = 1.0
SLACK_S = 3.0  # of a machine that has other things to do
PACE = 0.01

Act = Callable[[Any], object]
Errors = tuple[type[MeterBenchError], ...]


@dataclass(frozen=True)
class Case:
    """A driver: its settings and its box's, what asks it something, what proves that it is right, its own faults."""

    ask: Act
    right: Act
    faults: Mapping[Fault, tuple[Act, Errors]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    box: Mapping[str, Any] = field(default_factory=dict)
    garbage: Errors = (AnswerError,)
    half: Errors = (LinkError,)


def fifty(volts: float, hertz: float = 50.0) -> Setting:
    return Setting((PhaseSetting(volts),), hertz)


def source_is_right(source: Any) -> None:
    source.safe()
    source.clear_protection()
    for hertz in (50.0, 60.0):
        source.configure(fifty(101.0, hertz))
        source.output(True)
        reading = source.reading()
        assert (reading.volts[0], reading.hertz) == (pytest.approx(101.0, rel=2e-3), pytest.approx(hertz))
        assert source.is_on()


def analyser_is_right(analyser: Any) -> None:
    for _ in range(2):
        reading = analyser.reading()
        assert reading.volts[0] == pytest.approx(100.0, rel=2e-3) and reading.hertz == pytest.approx(50.0)
        assert analyser.integral().wh == 0


def load_is_right(load: Any) -> None:
    load.clear_protection()
    for amps in (3.0, 4.0):
        load.configure(amps)
        load.input(True)
        assert load.is_on() and load.reading().amps == pytest.approx(amps)


def attenuator_is_right(attenuator: Any) -> None:
    for db in (7.0, 23.0):
        assert attenuator.set(1, db) == db
        assert attenuator.get(1) == db


def relay_is_right(relay: Any) -> None:
    for closed in (True, False, True):
        relay.set(2, closed)
        assert relay.get(2) is closed


def bridge_is_right(bridge: Any) -> None:
    for _ in range(2):
        assert bridge.identity().maker == MAKER
        assert bridge.link(2).answered == 2


IDENTITY: tuple[Act, Errors] = (lambda any_: any_.identity(), (IdentityError,))
REFUSED = (InstrumentError,)
SOURCE = Case(
    ask=lambda source: source.is_on(),
    right=source_is_right,
    faults={
        Fault.STUCK_RELAY: (lambda source: source.output(False), REFUSED),
        Fault.TRIPPED_PROTECTION: (lambda source: source.reading(), REFUSED),
        Fault.PANEL_TOOK_LOCAL: (lambda source: source.configure(fifty(90.0)), REFUSED),
        Fault.WRONG_IDENTITY: IDENTITY,
    },
)
ANALYSER = Case(
    ask=lambda analyser: analyser.reading(),
    right=analyser_is_right,
    faults={
        Fault.PANEL_TOOK_LOCAL: (lambda analyser: analyser.begin_integration(), REFUSED),
        Fault.WRONG_IDENTITY: IDENTITY,
    },
)
LOAD = Case(
    ask=lambda load: load.is_on(),
    right=load_is_right,
    faults={
        Fault.STUCK_RELAY: (lambda load: load.input(False), REFUSED),
        Fault.TRIPPED_PROTECTION: (lambda load: load.reading(), REFUSED),
        Fault.PANEL_TOOK_LOCAL: (lambda load: load.configure(2.0), REFUSED),
        Fault.WRONG_IDENTITY: IDENTITY,
    },
)
SET_DB: Act = lambda attenuator: attenuator.set(1, 40.0)  # noqa: E731 - one line of a table
CLOSE: Act = lambda relay: relay.set(1, True)  # noqa: E731
ATTENUATOR: dict[Fault, tuple[Act, Errors]] = {
    Fault.STUCK_RELAY: (SET_DB, REFUSED),
    Fault.WRONG_IDENTITY: IDENTITY,
    Fault.REFUSES_SETTING: (SET_DB, REFUSED),
    Fault.UNKNOWN_COMMAND: (SET_DB, REFUSED),
}
MINI_CIRCUITS = ATTENUATOR | {Fault.CLAMPS_SETTING: (SET_DB, REFUSED)}
RELAY: dict[Fault, tuple[Act, Errors]] = {Fault.STUCK_RELAY: (CLOSE, REFUSED), Fault.WRONG_IDENTITY: IDENTITY}
ERROR_TEXT: dict[Fault, tuple[Act, Errors]] = {Fault.ERROR_TEXT: (lambda any_: any_.get(1), (AnswerError,))}
NODE = twin_of(view_of("current", False))
MAKER = NODE.view.identity.maker.hex().upper()
RC4DAT = {"model": "RC4DAT-6G-95"}
WEB_GARBAGE = (LinkError, AnswerError)


def get_first(any_: Any) -> object:
    return any_.get(1)


CASES: dict[str, Case] = {
    **{name: SOURCE for name, driver in DRIVERS.items() if driver.kind is Kind.SOURCE},
    "yokogawa-wt": ANALYSER,
    "chroma-638xx": LOAD,
    "mini-circuits-telnet": Case(
        get_first,
        attenuator_is_right,
        # Options of telnet are no fault for a driver that knows them: nothing is raised.
        MINI_CIRCUITS | {Fault.TELNET_NEGOTIATION: (get_first, ())},
        RC4DAT,
        RC4DAT,
    ),
    "mini-circuits-http": Case(
        get_first, attenuator_is_right, MINI_CIRCUITS | ERROR_TEXT, RC4DAT, RC4DAT, garbage=WEB_GARBAGE
    ),
    "jfw": Case(get_first, attenuator_is_right, ATTENUATOR, {"model": "50PA-1001"}, {"model": "50PA-1001"}),
    "relay-modbus": Case(
        get_first,
        relay_is_right,
        RELAY | {Fault.DEVICE_FAILURE: (CLOSE, REFUSED), Fault.DEVICE_BUSY: (CLOSE, REFUSED)},
        {"product": "Relay Board 8", "channels": 4, "settle_s": 0.2},
        {"channels": 4},
        garbage=WEB_GARBAGE,
    ),
    "outlets-http": Case(
        get_first,
        relay_is_right,
        RELAY | ERROR_TEXT | {Fault.PENDING_OUTLET: (CLOSE, REFUSED)},
        {"model": "outlet-strip", "channels": 4, "settle_s": 0.2},
        {"channels": 4},
        garbage=WEB_GARBAGE,
    ),
    # A datagram comes whole or not at all, so half of one is no frame, and not one that goes on.
    "plc-transparent": Case(
        lambda bridge: bridge.identity(),
        bridge_is_right,
        {Fault.WRONG_IDENTITY: IDENTITY},
        {"maker": MAKER},
        half=(AnswerError,),
    ),
}


@dataclass
class Pair:
    """A driver at its front end."""

    case: Case
    wired: Wired
    driver: Any


def fed_world() -> World:
    """100 V at 50 Hz, for what is no source itself; for some time, so that it has been measured."""
    now = time.time() - 5.0
    world = World(WorldSpec(), now)
    world.set_output(Point((100.0,), (0.0,), 50.0), now)
    world.switch_output(True, now)
    return world


def made(name: str) -> FrontEnd:
    kind, now = DRIVERS[name].kind, time.time()
    if kind is Kind.BRIDGE:
        return quick_bridge(NODE)
    if kind in (Kind.ATTENUATOR, Kind.RELAY):
        return box(name, "box", RadioWorld(()), now, CASES[name].box)
    return front_end(name, World(WorldSpec(), now) if kind is Kind.SOURCE else fed_world(), PACE)


@pytest.fixture
def pair(name: str) -> Iterator[Pair]:
    case = CASES[name]
    with wires(UdpWire if DRIVERS[name].kind is Kind.BRIDGE else TcpWire) as put:
        wired = put(made(name))
        scpi = DRIVERS[name].kind in (Kind.SOURCE, Kind.ANALYSER, Kind.LOAD)
        port = wired.address.rpartition(":")[2]
        address = f"TCPIP::127.0.0.1::{port}::SOCKET" if scpi else wired.address
        driver: Any = open_instrument(name, address, {"timeout_s": TIMEOUT_S, **case.settings})
        case.right(driver)
        try:
            yield Pair(case, wired, driver)
        finally:
            driver.close()


def test_no_driver_is_forgotten() -> None:
    assert set(CASES) == set(DRIVERS)


@pytest.mark.parametrize("fault", sorted(WIRE_FAULTS))
@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_the_wire_is_told_in_time_and_leaves_nothing_behind(pair: Pair, fault: Fault) -> None:
    pair.case.ask(pair.driver)  # what has to be set up for it is: the fault meets the question itself
    pair.wired.inject(fault, times=1, seconds=LATE_S)
    began = time.monotonic()
    told = {Fault.GARBAGE: pair.case.garbage, Fault.HALF_ANSWER: pair.case.half}
    with pytest.raises(told.get(fault, (LinkError,))):
        pair.case.ask(pair.driver)
    assert time.monotonic() - began < TIMEOUT_S + SLACK_S
    pair.case.right(pair.driver)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in WIRE_FAULTS])
@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_the_instrument_is_told_as_what_it_is_and_leaves_nothing_behind(pair: Pair, fault: Fault) -> None:
    if fault not in pair.case.faults:
        with pytest.raises(RackError):
            pair.wired.inject(fault)
        pair.case.right(pair.driver)
        return
    act, errors = pair.case.faults[fault]
    pair.wired.inject(fault)
    if fault is Fault.WRONG_IDENTITY:  # who swaps instruments pulls the plug
        pair.wired.inject(Fault.LOST_SOCKET)
        with pytest.raises(LinkError):
            pair.case.ask(pair.driver)
    if errors:
        with pytest.raises(errors):
            act(pair.driver)
    else:
        act(pair.driver)
    pair.wired.clear(fault)
    pair.case.right(pair.driver)
