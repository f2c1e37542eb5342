"""Both sides of an HDLC link: long APDUs in pieces, lost and garbled frames, and what comes twice is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import Attribute
from protocols.dlms.axdr import octets
from protocols.dlms.client import Client, run
from protocols.dlms.clock import DateTime
from protocols.dlms.hdlc import COMMAND_LLC, Address, Control, HdlcFrame, HdlcReader, Kind
from protocols.dlms.hdlc_client import TRIES, ClientLink, LinkRefusedError, SilentLineError, Turn
from protocols.dlms.hdlc_parameters import Parameters
from protocols.dlms.hdlc_server import HdlcConnection, ServerLink
from protocols.dlms.roles import PUBLIC, READER
from protocols.errors import ProtocolError
from tests.protocols.dlms.meter import CLOCK, HALF_HOUR, NOON, PASSWORD, PROFILE, Meter

T = TypeVar("T")
SERVER = Address(1)
SMALL = Parameters(32, 32)

Line = Callable[[bytes], bytes]
"""What becomes of bytes on the way."""


def intact(data: bytes) -> bytes:
    return data


class Wire:
    """A client's link on a meter's line; ``there`` and ``back`` are what the line does to bytes."""

    def __init__(
        self, meter: HdlcConnection, client: int = PUBLIC, own: Parameters = SMALL, server: Address = SERVER
    ) -> None:
        self.meter, self.link, self.reader = meter, ClientLink(client, server, own), HdlcReader()
        self.there: Line = intact
        self.back: Line = intact
        self.sent: list[bytes] = []

    def run(self, turn: Turn[T]) -> T:
        waiting: list[HdlcFrame] = []
        try:
            data = next(turn)
            while True:
                if data:
                    self.sent.append(data)
                    heard = self.there(data)
                    waiting += self.reader.feed(self.back(self.meter.receive(heard) if heard else b""))
                if not waiting:
                    self.meter.reader.expire()
                    self.reader.expire()
                data = turn.send(waiting.pop(0) if waiting else None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def exchange(self, apdu: bytes) -> bytes:
        return self.run(self.link.exchange(apdu))


def wire(meter: Meter | None = None, **options: object) -> Wire:
    made = Wire(HdlcConnection((meter or Meter()).device), **options)  # type: ignore[arg-type]
    made.run(made.link.connect())
    return made


class Echo:
    """A link whose meter answers with what it was told, and counts how often it was told something."""

    def __init__(self, **options: bool) -> None:
        self.told: list[bytes] = []
        self.link = ServerLink(self._respond, SMALL, **options)

    def _respond(self, apdu: bytes) -> bytes:
        self.told.append(apdu)
        return apdu


@pytest.mark.parametrize("server", [Address(1), Address(1, 17), Address(1, 17, wide=True)])
def test_a_long_profile_comes_in_pieces_by_every_form_of_address(server: Address) -> None:
    line = wire(client=READER, server=server)
    client = Client(Mechanism.LLS, PASSWORD)
    run(client.associate(), line.exchange)
    rows = run(client.get_range(PROFILE, NOON - 10 * HALF_HOUR, NOON), line.exchange)
    assert len(rows) == 11
    assert max(map(len, line.sent)) <= 32 + 9 + len(server.to_bytes()) + 1


@pytest.mark.parametrize("server", [Address(2), Address(1, 18), Address(1, 127)])
def test_another_station_is_not_answered(server: Address) -> None:
    with pytest.raises(SilentLineError):
        wire(server=server)


def test_without_snrm_and_after_disc_there_is_no_link() -> None:
    meter = Meter()
    line = Wire(HdlcConnection(meter.device))
    with pytest.raises(LinkRefusedError, match="DM"):
        line.exchange(b"\xc0")
    line.run(line.link.connect())
    client = Client()
    run(client.associate(), line.exchange)
    line.run(line.link.disconnect())
    assert meter.associations == [(PUBLIC, True), (PUBLIC, False)]
    with pytest.raises(LinkRefusedError, match="DM"):
        line.exchange(b"\xc0")
    line.run(line.link.disconnect())  # DM says that it was forgotten already


def test_a_new_snrm_and_a_silent_line_end_the_association() -> None:
    meter = Meter()
    line = wire(meter)
    for end in (lambda: line.run(line.link.connect()), line.meter.lost):
        run(Client().associate(), line.exchange)
        end()
    assert meter.associations == [(PUBLIC, True), (PUBLIC, False)] * 2


def test_clients_on_one_line_have_links_of_their_own() -> None:
    meter = Meter()
    line = wire(meter)
    other = Wire(line.meter, READER)
    other.run(other.link.connect())
    public, reader = Client(), Client(Mechanism.LLS, PASSWORD)
    run(public.associate(), line.exchange)
    run(reader.associate(), other.exchange)
    now = octets(DateTime.from_unix(NOON).to_bytes())
    for client, link in ((public, line), (reader, other), (public, line)):
        assert run(client.get(Attribute(8, CLOCK, 2)), link.exchange) == now


class Losing:
    """Of all bytes that pass, loses or garbles those with these numbers."""

    def __init__(self, fates: list[int]) -> None:
        self._fates = iter(fates)

    def __call__(self, data: bytes) -> bytes:
        fate = next(self._fates, 0) if data else 0
        if fate == 1:
            return b""
        if fate == 2:
            return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 0x10]) + data[len(data) // 2 + 1 :]
        return data[:-3] if fate == 3 else data


fates = st.lists(st.integers(0, 3), max_size=12)


@given(fates, fates, st.binary(min_size=1, max_size=120))
def test_whatever_the_line_loses_each_request_is_carried_out_at_most_once(
    there: list[int], back: list[int], apdu: bytes
) -> None:
    echo = Echo()
    meter = HdlcConnection(Meter().device)
    line = Wire(meter)
    line.run(line.link.connect())
    agreed = meter._links[PUBLIC]
    meter._links[PUBLIC] = echo.link, agreed[1]
    line.there, line.back = Losing(there), Losing(back)
    for number in range(10):
        request = bytes([number]) + apdu
        try:
            assert line.exchange(request) == request
        except ProtocolError:
            break
    else:
        assert len(echo.told) == 10
    assert echo.told == sorted(set(echo.told))


def test_a_lost_answer_is_repeated_and_a_lost_request_sent_again() -> None:
    for lost in ("there", "back"):
        line = wire()
        setattr(line, lost, Losing([1]))
        answer = line.exchange(b"\x00")
        assert answer[:1] == b"\xd8"
        kinds = [HdlcReader().feed(raw)[0].control.kind for raw in line.sent[1:]]
        assert kinds == [Kind.I, Kind.RR, *([Kind.I] if lost == "there" else [])]


def test_a_dead_line_is_given_up() -> None:
    line = wire()
    line.back = lambda data: b""
    with pytest.raises(SilentLineError):
        line.exchange(b"\x00")
    assert len(line.sent) == 1 + TRIES


def test_the_same_i_frame_again_brings_the_same_answer_and_is_not_carried_out() -> None:
    for repeats, times in ((False, 1), (True, 2)):
        echo = Echo(repeats=repeats)
        frame = HdlcFrame(SERVER, Address(PUBLIC), Control(Kind.I, 0, 0), COMMAND_LLC + b"shift the clock")
        assert echo.link.receive(frame) == echo.link.receive(frame)
        assert len(echo.told) == times


def test_no_more_is_taken_than_was_agreed_on() -> None:
    line = wire()
    frame = HdlcFrame(SERVER, Address(PUBLIC), Control(Kind.I), COMMAND_LLC + bytes(1024))
    (answer,) = HdlcReader().feed(line.meter.receive(frame.to_bytes()))
    assert answer.control.kind is Kind.FRMR
    with pytest.raises(LinkRefusedError, match="DM"):
        line.exchange(b"\x00")


def test_a_frame_that_does_not_poll_is_taken_and_not_answered() -> None:
    line = wire()
    frame = HdlcFrame(SERVER, Address(PUBLIC), Control(Kind.I, poll=False), COMMAND_LLC + b"\x00")
    assert line.meter.receive(frame.to_bytes()) == b""
    poll = HdlcFrame(SERVER, Address(PUBLIC), Control(Kind.RR))
    (answer,) = HdlcReader().feed(line.meter.receive(poll.to_bytes()))
    assert answer.information[3:4] == b"\xd8"


def lies(data: bytes) -> Iterator[HdlcFrame | None]:
    """Frames that a liar sends, out of any bytes."""
    for at in range(0, len(data) - 3, 4):
        what, control, size, content = data[at : at + 4]
        try:
            told = Control.from_byte(control)
        except ProtocolError:
            yield None
            continue
        yield HdlcFrame(Address(PUBLIC), SERVER, told, bytes([content]) * size, bool(what & 1))


@given(st.binary(max_size=200))
def test_a_client_on_a_lying_meter_ends_with_an_answer_or_a_protocol_error(data: bytes) -> None:
    link = ClientLink(PUBLIC, SERVER)
    for make in (link.connect, lambda: link.exchange(bytes(600)), link.disconnect):
        turn: Turn[object] = make()
        try:
            next(turn)
            for frame in lies(data):
                turn.send(frame)
            for _ in range(10 * TRIES):
                turn.send(None)
        except (StopIteration, ProtocolError):
            continue
        raise AssertionError("it would wait for ever")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_leave_the_meter_ready_for_the_next_client(noise: bytes, size: int) -> None:
    meter = HdlcConnection(Meter().device)
    for at in range(0, len(noise), size):
        meter.receive(noise[at : at + size])
    meter.reader.expire()
    line = Wire(meter)
    line.run(line.link.connect())
    client = Client()
    run(client.associate(), line.exchange)
    assert run(client.get(Attribute(8, CLOCK, 2)), line.exchange) == octets(DateTime.from_unix(NOON).to_bytes())
