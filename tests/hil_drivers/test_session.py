from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hil_drivers.errors import AddressError, AnswerError, IdentityError, InstrumentError, LinkError
from hil_drivers.session import Session
from protocols.scpi.values import reading
from tests.hil_drivers.virtual_rack import VirtualRack


@contextmanager
def session(rack: VirtualRack, timeout_s: float = 1.0) -> Iterator[Session]:
    own = Session(rack.address("kikusui-pcr"), family="KIKUSUI", timeout_s=timeout_s)
    try:
        yield own
    finally:
        own.close()


def test_threads_that_share_a_session_get_their_own_answers() -> None:
    with VirtualRack("kikusui-pcr") as rack, session(rack) as own:
        own.write("VOLT 77", "FREQ 55", "CURR 3")
        wrong: list[float] = []

        def ask(query: str, right: float) -> None:
            wrong.extend(value for _ in range(100) if (value := own.query(query, reading)) != right)

        questions = [("VOLT?", 77.0), ("FREQ?", 55.0), ("CURR?", 3.0)]
        threads = [threading.Thread(target=ask, args=question) for question in questions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_job_is_not_interrupted_by_other_threads() -> None:
    with VirtualRack("kikusui-pcr") as rack, session(rack) as own:
        begun = threading.Event()

        def interrupt() -> None:
            begun.wait()
            own.write("VOLT 2")

        other = threading.Thread(target=interrupt)

        def job() -> float:
            own.write("VOLT 1")
            begun.set()
            return own.query("VOLT?", reading)

        other.start()
        assert own.run(job) == 1
        other.join()
        assert own.query("VOLT?", reading) == 2


def test_the_error_queue_is_read_to_its_end_after_a_write() -> None:
    with VirtualRack("kikusui-pcr") as rack, session(rack) as own:
        with pytest.raises(InstrumentError) as raised:
            own.write("NONSENSE", "FREQ 99999", "VOLT 1A")
        assert [code for code, _ in raised.value.entries] == [-113, -222, -131]
        own.write("VOLT 1")


def test_an_answer_that_means_something_else_ends_the_connection() -> None:
    with VirtualRack("kikusui-pcr") as rack, session(rack) as own:
        first = own.connect()
        with pytest.raises(AnswerError, match="KIKUSUI"):
            own.query("*IDN?", reading)
        assert own.query("FREQ?", reading) == 50
        assert own.connect() == first + 1


def test_a_closed_session_says_so() -> None:
    with VirtualRack("kikusui-pcr") as rack, session(rack) as own:
        own.close()
        with pytest.raises(LinkError, match="closed"):
            own.identity()
        own.close()


def test_no_address_is_told_from_no_instrument() -> None:
    with pytest.raises(AddressError):
        Session("the one on the left", family="KIKUSUI")


class _Stale(socketserver.StreamRequestHandler):
    """A firmware that gives every new connection what the last one had not waited for."""

    def handle(self) -> None:
        self.wfile.write(b"+1.23400E+02\n")
        for line in self.rfile:
            answers = {b"*IDN?\n": b"KIKUSUI,PCR\n", b"FREQ?\n": b"+5.00000E+01\n"}
            self.wfile.write(answers.get(line, b""))


class _Leaver(socketserver.StreamRequestHandler):
    """Closes the connection in good order instead of an answer."""

    def handle(self) -> None:
        for line in self.rfile:
            if line == b"FREQ?\n":
                return
            self.wfile.write(b"KIKUSUI,PCR\n" if line == b"*IDN?\n" else b"")


@contextmanager
def served(handler: type[socketserver.StreamRequestHandler]) -> Iterator[Session]:
    """A session with a server of one's own."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        own = Session(f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET", family="KIKUSUI", timeout_s=10.0)
        try:
            yield own
        finally:
            own.close()
            server.shutdown()
            thread.join()


def test_a_peer_that_closed_is_noticed_before_the_time_out() -> None:
    with served(_Leaver) as own:
        started = time.monotonic()
        with pytest.raises(LinkError, match="connection lost"):
            own.query("FREQ?", reading)
        assert time.monotonic() - started < 9.0
        assert own.identity().text == "KIKUSUI,PCR"


def test_a_stale_answer_given_to_a_new_connection_is_thrown_away() -> None:
    with served(_Stale) as own:
        assert own.query("FREQ?", reading) == 50


def test_the_wrong_family_is_refused() -> None:
    with VirtualRack("kikusui-pcr") as rack, pytest.raises(IdentityError, match="KIKUSUI"):
        Session(rack.address("kikusui-pcr"), family="YOKOGAWA")
