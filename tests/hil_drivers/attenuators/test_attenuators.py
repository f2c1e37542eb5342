"""Every attenuator driver against its front end over real sockets, with every fault that it can meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hil_drivers.attenuators import mini_circuits
from hil_drivers.attenuators.jfw import Jfw as JfwDriver
from hil_drivers.errors import AddressError, AnswerError, EnvelopeError, IdentityError, InstrumentError, LinkError
from hil_drivers.registry import open_instrument
from tests.hil_drivers.bench_wires import Wired, fails, wires
from twins.rack.faults import Fault, FrontEnd
from twins.rack.instruments.boxes import box
from twins.rack.world.radio import Port, RadioWorld

NAME = "attenuator"
WAIT_S = 0.8
LATE_S = 1.2


@dataclass
class Kind:
    """A driver by its registered name, the settings of the box, and what both say they can do."""

    driver: str
    box: dict[str, Any]
    channels: int
    max_db: float
    step_db: float

    @property
    def settings(self) -> dict[str, Any]:
        """Those without which the driver does not know what it has before it."""
        return self.box if self.box.get("matrix") else {}

    @property
    def model(self) -> str:
        return str(self.box["model"])


FOUR = {"model": "RC4DAT-6G-95"}
MATRIX = {"model": "ZTDAT-8", "channels": 8, "max_db": 110.0, "matrix": True}
KINDS = {
    "RCDAT telnet": Kind("mini-circuits-telnet", {"model": "RCDAT-6000-90"}, 1, 90.0, 0.25),
    "RC4DAT telnet": Kind("mini-circuits-telnet", FOUR, 4, 95.0, 0.25),
    "RC4DAT HTTP": Kind("mini-circuits-http", FOUR, 4, 95.0, 0.25),
    "matrix telnet": Kind("mini-circuits-telnet", MATRIX, 8, 110.0, 0.25),
    "matrix HTTP": Kind("mini-circuits-http", MATRIX, 8, 110.0, 0.25),
    "JFW": Kind("jfw", {"model": "50PA-1001"}, 8, 127.0, 1.0),
}
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
LINES = pytest.mark.parametrize("kind", [k for n, k in KINDS.items() if "HTTP" not in n], ids=lambda k: k.model)
WEB = pytest.mark.parametrize("kind", [k for n, k in KINDS.items() if "HTTP" in n], ids=lambda k: k.model)
MINI_CIRCUITS = pytest.mark.parametrize(
    "kind", [k for n, k in KINDS.items() if n != "JFW"], ids=[n for n in KINDS if n != "JFW"]
)


class Rig:
    """A driver at its front end."""

    def __init__(self, kind: Kind, put: Callable[[FrontEnd], Wired]) -> None:
        self.kind = kind
        self.world = RadioWorld(())
        self.wired = put(box(kind.driver, NAME, self.world, time.time(), kind.box))
        self.driver: Any = self.open()

    def open(self, **settings: Any) -> Any:
        return open_instrument(
            self.kind.driver, self.wired.address, {"timeout_s": WAIT_S, **self.kind.settings, **settings}
        )

    def true_db(self, channel: int) -> float:
        """What the world takes away, its error included."""
        later = time.time() + 1.0
        return self.wired.call(lambda: self.world.attenuation(Port(NAME, channel), later))

    def works(self) -> None:
        """The next commands are right: no answer belongs to an earlier question."""
        for db in (7.0, 23.0):
            assert self.driver.set(1, db) == db
            assert self.driver.get(1) == db
            assert abs(self.true_db(1) - db) <= 0.3


@pytest.fixture
def rig(kind: Kind) -> Iterator[Rig]:
    with wires() as put:
        rig = Rig(kind, put)
        yield rig
        rig.driver.close()


@EVERY
def test_an_attenuator_says_who_it_is_and_what_it_can_do(rig: Rig) -> None:
    assert rig.driver.identity().model == rig.kind.model
    assert rig.kind.model in str(rig.driver.identity())
    assert (rig.driver.channels, rig.driver.max_db, rig.driver.step_db) == (
        rig.kind.channels,
        rig.kind.max_db,
        rig.kind.step_db,
    )


@EVERY
def test_what_is_set_is_read_back_and_stands_in_the_world(rig: Rig) -> None:
    for channel in (1, rig.kind.channels):
        for db in (0.0, 10.0, rig.kind.max_db):
            assert rig.driver.set(channel, db) == db
            assert abs(rig.true_db(channel) - db) <= 0.3
    assert rig.driver.set(1, 20.1) == 20.0  # the nearest step


@EVERY
def test_a_box_starts_and_ends_at_its_maximum(rig: Rig) -> None:
    assert rig.driver.get(rig.kind.channels) == rig.kind.max_db
    rig.driver.set(1, 3.0)
    for _ in range(2):
        rig.driver.safe()
        assert [rig.driver.get(n) for n in range(1, rig.kind.channels + 1)] == [rig.kind.max_db] * rig.kind.channels


@EVERY
def test_what_the_attenuator_has_not_got_is_never_sent(rig: Rig) -> None:
    rig.driver.set(1, 5.0)
    for channel, db in ((1, rig.kind.max_db + 1), (1, -1.0), (1, float("nan")), (0, 5.0), (rig.kind.channels + 1, 5.0)):
        with pytest.raises(EnvelopeError):
            rig.driver.set(channel, db)
    with pytest.raises(EnvelopeError):
        rig.driver.get(0)
    assert rig.driver.get(1) == 5.0


@EVERY
@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.HALF_ANSWER])
def test_a_missing_answer_is_a_lost_link_within_the_time_out(fault: Fault, rig: Rig) -> None:
    rig.wired.inject(fault)
    message = fails(LinkError, lambda: rig.driver.set(1, 40.0))
    assert "answer within" in message
    rig.works()


@EVERY
def test_an_answer_that_comes_too_late_is_nobody_s(rig: Rig) -> None:
    rig.wired.inject(Fault.LATE_ANSWER, seconds=LATE_S)
    fails(LinkError, lambda: rig.driver.get(1))
    rig.works()


@LINES
def test_garbage_is_called_by_its_name(rig: Rig) -> None:
    rig.wired.inject(Fault.GARBAGE)
    assert r"\x15" in fails(AnswerError, lambda: rig.driver.get(1))
    rig.works()


@WEB
def test_garbage_instead_of_http_is_no_answer(rig: Rig) -> None:
    rig.wired.inject(Fault.GARBAGE)
    fails((LinkError, AnswerError), lambda: rig.driver.get(1))
    rig.works()


@EVERY
def test_a_lost_socket_is_a_lost_link_and_the_next_call_connects_anew(rig: Rig) -> None:
    rig.wired.inject(Fault.LOST_SOCKET)
    assert "lost" in fails(LinkError, lambda: rig.driver.get(1))
    rig.works()


@EVERY
def test_nobody_at_the_address_is_a_lost_link(rig: Rig) -> None:
    address = rig.wired.address
    rig.wired.close()
    fails(LinkError, lambda: open_instrument(rig.kind.driver, address, {**rig.kind.settings, "timeout_s": WAIT_S}))


@EVERY
def test_a_stuck_channel_is_found_by_reading_back(rig: Rig) -> None:
    rig.driver.set(1, 30.0)
    rig.wired.inject(Fault.STUCK_RELAY)
    assert "stuck" in fails(InstrumentError, lambda: rig.driver.set(1, 50.0))
    assert "stuck" in fails(InstrumentError, rig.driver.safe)
    rig.wired.clear(Fault.STUCK_RELAY)
    rig.driver.safe()
    rig.works()


@EVERY
def test_another_instrument_at_the_address_is_refused_also_after_a_lost_link(rig: Rig) -> None:
    driver = rig.open(model=rig.kind.model)
    driver.set(1, 11.0)
    rig.wired.inject(Fault.WRONG_IDENTITY)
    fails(IdentityError, lambda: rig.open(model=rig.kind.model))
    rig.wired.inject(Fault.LOST_SOCKET)
    fails(LinkError, lambda: driver.set(1, 60.0))
    assert rig.kind.model in fails(IdentityError, lambda: driver.set(1, 60.0))
    rig.wired.clear(Fault.WRONG_IDENTITY)
    assert driver.get(1) == 11.0  # nothing was sent to the other one
    driver.close()
    rig.works()


@EVERY
def test_safe_reaches_the_maximum_through_a_dead_connection(rig: Rig) -> None:
    rig.driver.set(1, 5.0)
    for fault in (Fault.LOST_SOCKET, Fault.SILENCE, Fault.HALF_ANSWER):
        rig.wired.inject(fault)
        rig.driver.safe()
        assert abs(rig.true_db(1) - rig.kind.max_db) <= 0.3


@EVERY
def test_a_refused_setting_is_the_instrument_s_own_error(rig: Rig) -> None:
    rig.wired.inject(Fault.REFUSES_SETTING)
    fails(InstrumentError, lambda: rig.driver.set(1, 30.0))
    rig.wired.clear(Fault.REFUSES_SETTING)
    rig.works()


@EVERY
def test_a_firmware_without_the_command_says_so(rig: Rig) -> None:
    rig.wired.inject(Fault.UNKNOWN_COMMAND)
    with pytest.raises(InstrumentError) as caught:
        rig.driver.set(1, 30.0)
    ((number, text),) = caught.value.entries
    assert number in (-99, 0)
    assert "nrecognized" in text or "Unknown" in text
    rig.wired.clear(Fault.UNKNOWN_COMMAND)
    rig.works()


@MINI_CIRCUITS
def test_a_clamped_setting_is_an_error_though_it_was_carried_out(rig: Rig) -> None:
    rig.wired.inject(Fault.CLAMPS_SETTING)
    assert "too large" in fails(InstrumentError, lambda: rig.driver.set(1, 30.0))
    assert rig.driver.get(1) == rig.kind.max_db
    rig.wired.clear(Fault.CLAMPS_SETTING)
    rig.works()


@pytest.mark.parametrize("kind", [KINDS["RCDAT telnet"], KINDS["matrix telnet"]], ids=["RCDAT", "matrix"])
def test_telnet_options_are_taken_out_of_answers(rig: Rig) -> None:
    rig.wired.inject(Fault.TELNET_NEGOTIATION)
    rig.works()
    driver = rig.open()
    assert driver.set(1, 12.0) == 12.0
    driver.close()


@WEB
def test_an_error_text_under_status_200_is_no_reply(rig: Rig) -> None:
    rig.wired.inject(Fault.ERROR_TEXT)
    assert "Error: request" in fails(AnswerError, lambda: rig.driver.set(1, 30.0))
    rig.wired.clear(Fault.ERROR_TEXT)
    rig.works()


@pytest.mark.parametrize("kind", [KINDS["JFW"]], ids=["JFW"])
def test_lines_that_nobody_asked_for_are_never_taken_for_an_answer(rig: Rig) -> None:
    rig.driver.fade(2, 20.0, 10.0, step_db=5.0, step_s=0.02)
    until = time.monotonic() + 5.0
    while "Fade Finished" not in rig.driver.events:
        assert time.monotonic() < until
        assert rig.driver.get(1) == 127.0
    assert rig.driver.get(2) == 10.0
    assert abs(rig.true_db(2) - 10.0) <= 0.3
    rig.works()


@pytest.mark.parametrize("address", ["", ":23", "host:", "host:port"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    for open_it in (mini_circuits.telnet, mini_circuits.http, JfwDriver):
        with pytest.raises(AddressError):
            open_it(address)


@pytest.mark.parametrize("described", [{"channels": 1}, {"channels": 8}, {"max_db": 110.0}])
def test_a_description_that_the_model_contradicts_is_refused(described: dict[str, Any]) -> None:
    """With one channel described, a setting would go to all four."""
    with wires() as put:
        wired = put(box("mini-circuits-telnet", NAME, RadioWorld(()), time.time(), FOUR))
        with pytest.raises(IdentityError, match="has 4 channels, 95 dB"):
            mini_circuits.telnet(wired.address, timeout_s=WAIT_S, **described)
        mini_circuits.telnet(wired.address, timeout_s=WAIT_S, channels=4, max_db=95.0).close()


def test_a_model_that_does_not_say_its_range_needs_the_settings() -> None:
    with wires() as put:
        wired = put(box("mini-circuits-telnet", NAME, RadioWorld(()), time.time(), MATRIX))
        with pytest.raises(AddressError):
            mini_circuits.telnet(wired.address, timeout_s=WAIT_S)
