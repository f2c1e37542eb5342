"""Attenuators, relays and outlets in memory: what they answer, and what they make of nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.instruments.boxes import BOXES, box
from twins.rack.instruments.contacts import Contacts
from twins.rack.instruments.jfw import Jfw
from twins.rack.instruments.mini_circuits import MiniCircuits
from twins.rack.instruments.texts import Http
from twins.rack.world.radio import Port, RadioWorld

NOW = 1_700_000_000.0
EVERY = pytest.mark.parametrize("driver", BOXES)


def said(conversation: Conversation, data: bytes, now: float = NOW) -> bytes:
    conversation.receive(data, now)
    return conversation.take(now)


def mini(**options: object) -> MiniCircuits:
    return MiniCircuits("a", RadioWorld(()), NOW, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (":MN?", "MN=RC4DAT-6G-95"),
        ("mn?", "MN=RC4DAT-6G-95"),
        ("SN?", "SN=12002150004"),
        (":ATT?", "95.00 95.00 95.00 95.00"),
        ("CHAN:1:ATT?", "95.00"),
        (":CHAN:1:SETATT:12.25", "1"),
        ("CHAN:4:SETATT=0", "1"),
        (":SETATT:3", "1"),
        (":SETATT:-1", "0"),
        (":SETATT:95.25", "2"),
        (":STARTUPATT:VALUE?", "95.00"),
        (":STARTUPATT:VALUE:40", "1"),
        (":CHAN:5:ATT?", "-99 Unrecognized Command. Model: RC4DAT-6G-95 SN=12002150004"),
        (":SETATT:" + "9" * 400, "-99 Unrecognized Command. Model: RC4DAT-6G-95 SN=12002150004"),
        (":SETATT:ten", "-99 Unrecognized Command. Model: RC4DAT-6G-95 SN=12002150004"),
        (":RUDAT:1:ATT?", "-99 Unrecognized Command. Model: RC4DAT-6G-95 SN=12002150004"),
    ],
)
def test_mini_circuits_commands(command: str, reply: str) -> None:
    assert mini().command(command, NOW) == reply


def test_mini_circuits_settings_are_rounded_and_clamped() -> None:
    attenuator = mini()
    attenuator.command(":CHAN:2:SETATT:12.3", NOW)
    attenuator.command(":CHAN:3:SETATT:200", NOW)
    assert attenuator.command(":ATT?", NOW) == "95.00 12.25 95.00 95.00"


def test_mini_circuits_matrix_addresses_its_modules() -> None:
    matrix = mini(model="ZTDAT-2", channels=2, max_db=110.0, matrix=True)
    assert matrix.command(":RUDAT:2:ATT:10", NOW) == "1"
    assert matrix.command(":RUDAT:2:ATT?", NOW) == "10.00"
    assert matrix.command(":SETATT:10", NOW).startswith("-99")
    for contradiction in ({"model": "ZTDAT-2"}, {"model": "RC4DAT-6G-95", "channels": 2}, {"channels": 12}):
        with pytest.raises(RackError):
            mini(**contradiction)
    assert [mini(channels=n).command("MN?", NOW) for n in (1, 8)] == ["MN=RCDAT-6000-110", "MN=RC8DAT-6G-95"]


def test_a_question_mark_at_the_end_of_a_path_belongs_to_the_command() -> None:
    conversation = box("mini-circuits-http", "a", RadioWorld(()), NOW).connect(NOW)
    answer = said(conversation, b"GET /:CHAN:1:ATT? HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n95.00")


def jfw() -> tuple[Jfw, RadioWorld]:
    world = RadioWorld(())
    return Jfw("j", world, NOW, channels=3), world


def test_jfw_commands() -> None:
    attenuator, _ = jfw()
    assert attenuator.command("SA 1 10, 2 20", NOW) == "Atten #1 = 10dB\r\nAtten #2 = 20dB\r\n"
    assert attenuator.command("RA 2", NOW) == "Atten #2 = 20dB\r\n"
    assert attenuator.command("SAA 5", NOW).count("= 5dB") == 3
    assert attenuator.command("SA -MTR 1,3", NOW) == "[07:13:20] Atten #1 = 127dB\r\n[07:13:20] Atten #3 = 127dB\r\n"
    assert attenuator.command("RAA", NOW).count("\r\n") == 3
    for nonsense in (
        "RA 4",
        "SA 1",
        "SA 1 128",
        "SA 1 x",
        "FA 1 0 9 0S STEP 1",
        f"FA 1 0 9 {'9' * 400}MS STEP 1",
        "XX",
        "SA -MTR 9",
    ):
        assert attenuator.command(nonsense, NOW).startswith(("Invalid", "Unknown"))


def test_a_jfw_fade_goes_on_by_itself_and_every_client_is_told_of_its_end() -> None:
    attenuator, world = jfw()
    one, other = attenuator.connect(NOW), attenuator.connect(NOW)
    assert said(one, b"FA 2 10 0 1S STEP 4\r\n") == b"Fade Started\r\n"
    assert one.due() == NOW + 1
    for after, db in ((0.5, 10), (1.5, 6), (2.5, 2)):
        assert one.take(NOW + after) == b""
        assert abs(world.attenuation(Port("j", 2), NOW + after) - db) <= 0.3
    assert one.take(NOW + 3.5) == b"Fade Finished\r\n"
    assert said(other, b"RA 2\r\n", NOW + 3.6) == b"Fade Finished\r\nAtten #2 = 0dB\r\n"
    assert one.due() is None


def test_the_end_of_a_fade_stands_before_an_answer_never_inside() -> None:
    attenuator, _ = jfw()
    conversation = attenuator.connect(NOW)
    said(conversation, b"FA 2 10 0 1S STEP 5\r\n")
    assert said(conversation, b"RA 2\r\n", NOW + 60) == b"Fade Finished\r\nAtten #2 = 0dB\r\n"


def test_a_setting_ends_a_fade() -> None:
    attenuator, _ = jfw()
    conversation = attenuator.connect(NOW)
    said(conversation, b"FA 2 10 0 1S STEP 1\r\n")
    said(conversation, b"SA 2 50\r\n", NOW + 1)
    assert said(conversation, b"RA 2\r\n", NOW + 60) == b"Atten #2 = 50dB\r\n"


def test_a_contact_follows_after_its_time_and_a_stuck_one_never() -> None:
    told: list[tuple[int, bool, float]] = []
    contacts = Contacts(2, 0.1, lambda *change: told.append(change))
    contacts.ask(0, True, NOW)
    assert (contacts.closed(0, NOW + 0.05), contacts.closed(0, NOW + 0.1)) == (False, True)
    contacts.ask(0, True, NOW + 1)  # asked for already: nothing begins anew
    assert contacts.closed(0, NOW + 1)
    contacts.stuck.add(0)
    contacts.ask(0, False, NOW + 2)
    assert (contacts.asked(0), contacts.closed(0, NOW + 99)) == (False, True)
    contacts.free(0, NOW + 100)
    assert contacts.closed(0, NOW + 101)
    contacts.ask(0, False, NOW + 102)
    assert not contacts.closed(0, NOW + 103)
    assert told == [(0, True, NOW + 0.1), (0, False, NOW + 102.1)]


def test_outlets_of_digital_loggers_want_the_header_against_forged_requests() -> None:
    conversation = box("outlets-http", "o", RadioWorld(()), NOW).connect(NOW)
    put = b"PUT /restapi/relay/outlets/0/state/ HTTP/1.1\r\nContent-Length: 10\r\n%b\r\nvalue=true"
    assert b" 403 " in said(conversation, put % b"")
    assert b" 204 " in said(conversation, put % b"X-CSRF: x\r\n")
    get = b"GET /restapi/relay/outlets/0/%b/ HTTP/1.1\r\n\r\n"
    assert said(conversation, get % b"state").endswith(b"true")
    assert said(conversation, get % b"physical_state").endswith(b"false")
    assert said(conversation, get % b"physical_state", NOW + 1).endswith(b"true")


@EVERY
def test_a_fault_that_an_instrument_cannot_have_is_refused(driver: str) -> None:
    with pytest.raises(RackError):
        box(driver, "b", RadioWorld(()), NOW).afflict(Fault.TRIPPED_PROTECTION, True, NOW)


@EVERY
@given(pieces=st.lists(st.binary(max_size=40), max_size=6))
def test_nonsense_from_a_client_ends_in_nothing_worse_than_an_answer(driver: str, pieces: list[bytes]) -> None:
    front_end = box(driver, "b", RadioWorld(()), NOW)
    conversation = front_end.connect(NOW)
    for piece in (*pieces, b"\r\n\r\n" * 2):
        said(conversation, piece)
    assert not conversation.lost


@given(cut=st.integers(0, 90))
def test_http_requests_may_come_in_any_pieces(cut: int) -> None:
    page = Http(lambda method, target, body, headers, now: (200, f"{method} {target} {body} {headers['a']}"))
    stream = b"PUT /x?y HTTP/1.1\r\nA: 1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\na: 2\r\n\r\n"
    answers = said(page, stream[:cut]) + said(page, stream[cut:])
    assert answers.count(b"HTTP/1.1 200") == 2
    assert b"PUT /x?y abc 1" in answers
    assert answers.endswith(b"GET /  2")


def test_there_is_no_box_for_an_unknown_driver() -> None:
    with pytest.raises(RackError):
        box("telepathy", "t", RadioWorld(()), NOW)
