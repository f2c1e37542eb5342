"""A client of a rack's gateway, for commands and campaigns."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from bench.errors import BenchFault, InputError
from bench.rack import FOLDER
from bench.rack.errors import LeaseDeniedError
from bench.rack.messages import Acquire, Beat, Envelope, Gone, Release, Reply, Request, patience
from protocols.errors import MeterBenchError, ProtocolError
from protocols.topics import TopicTree
from twins.bus.address import BusAddress
from twins.bus.control import ControlLink

_LOOK_EVERY: Final = 1.0
"""Real seconds between looks whether the gateway that is waited for is still alive."""

_BUS_BACK: Final = 5.0
"""Real seconds that a broker may take to come back before a request; clients look for it every second."""

_NAP: Final = 0.05


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway tells of itself in ``gateway.json``: process ids, the rack's name, the bus."""

    pid: int
    dead_man: int
    rack: str
    topology: str
    bus: BusAddress


# Decoders are made here, by one thread: msgspec (0.22) crashes where two meet a struct for the first time.
_SERVED: Final = msgspec.json.Decoder(Served)
_REPLY: Final = msgspec.json.Decoder(Reply)


class GatewayError(MeterBenchError):
    """The gateway's refusal, in its words and with its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def owner() -> str:
    """In whose name this process asks: user and host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def find_gateway(folder: Path = FOLDER) -> Served:
    """The gateway that serves from this folder; raises InputError when none does."""
    file = folder / "gateway.json"
    try:
        served = _SERVED.decode(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; is `bench rack serve` running here?") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{file}: {error}; start `bench rack serve` again") from None
    if not _lives(served.pid):
        raise InputError(f"{file}: the gateway (process {served.pid}) has ended; start `bench rack serve` again")
    return served


def _lives(process: int) -> bool:
    """Whether it runs: one that was killed and not yet waited for, by who asks here perhaps, does not."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class RackClient:
    """Asks the gateway; may be used by several threads."""

    def __init__(self, served: Served, name: str | None = None) -> None:
        self._owner, self._gateway = name or owner(), served.pid
        self._client = f"{os.getpid()}-{secrets.token_hex(4)}"
        tree = TopicTree(served.bus.root)
        self._ask_topic = tree.rack_ask(served.rack)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, threading.Event] = {}
        self._replies: dict[int, Reply] = {}
        self._lost: dict[str, str] = {}  # why, by token
        self._link = ControlLink(served.bus, f"rack-client-{self._client}")
        self._link.handle(tree.rack_reply(served.rack, self._client), self._on_reply)
        self._link.leave_will(self._ask_topic, Envelope(0, self._client, self._owner, Gone()))

    def open(self) -> None:
        """Connect; raises BusError."""
        self._link.open()

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def __enter__(self) -> RackClient:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: Request, timeout: float | None = None) -> Any:
        """The result of a request. Raises LeaseDeniedError, GatewayError, or BenchFault when no reply comes.

        ``timeout`` in real seconds, else what the request may take; the end of the gateway ends the wait at once.
        """
        number, event = next(self._numbers), threading.Event()
        self._waiting[number] = event
        try:
            seconds = patience(request) if timeout is None else timeout
            self._send(Envelope(number, self._client, self._owner, request), min(seconds, _BUS_BACK))
            self._wait(event, seconds)
        finally:
            del self._waiting[number]
        reply = self._replies.pop(number)
        if reply.exit_code == LeaseDeniedError.exit_code:
            raise LeaseDeniedError(reply.error)
        if reply.exit_code:
            raise GatewayError(reply.error, reply.exit_code)
        return reply.result

    def _send(self, envelope: Envelope, seconds: float) -> None:
        """Send it as soon as the bus is there; what was not sent has done nothing."""
        deadline = time.monotonic() + seconds
        while not self._link.publish(self._ask_topic, envelope):
            if time.monotonic() >= deadline:
                raise BenchFault(f"the bus has been away for {seconds:g} s; nothing was asked. Is its broker alive?")
            time.sleep(_NAP)

    def _wait(self, event: threading.Event, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not event.wait(min(_LOOK_EVERY, max(0.0, deadline - time.monotonic()))):
            if not _lives(self._gateway):
                raise BenchFault(f"the gateway (process {self._gateway}) has ended meanwhile; what it did is unknown")
            if time.monotonic() >= deadline:
                raise BenchFault(f"the gateway does not answer within {seconds:g} s; is it alive, and is the bus?")

    def _on_reply(self, topic: str, payload: bytes) -> None:
        try:
            reply = _REPLY.decode(payload)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"no reply: {error}") from None
        if (event := self._waiting.get(reply.id)) is not None:
            self._replies[reply.id] = reply
            event.set()

    @contextlib.contextmanager
    def lease(self, wanted: Acquire, every: float | None = None) -> Iterator[dict[str, Any]]:
        """A lease for the block, kept by heartbeats and released at its end.

        When this process dies, the broker tells the gateway, and the lease ends at once; when it hangs, it expires.
        A lease that is lost meanwhile is noticed at the next command, which is refused, and by :meth:`check`.
        ``every``: seconds from beat to beat, a third of the lease's time if not given.
        """
        held = self.ask(wanted)
        done = threading.Event()
        pause = held["ttl"] / 3 if every is None else every

        def beat() -> None:
            while not done.wait(pause):
                if not _lives(self._gateway):  # the next one begins with everything off, be the lease valid there
                    self._lost[held["token"]] = f"the gateway (process {self._gateway}) has ended meanwhile"
                    return
                try:
                    self.ask(Beat(held["token"]), timeout=pause)
                except LeaseDeniedError as error:
                    self._lost[held["token"]] = str(error)
                    return
                except MeterBenchError:
                    continue  # the gateway may be back for the next one

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        spoiled: tuple[type[MeterBenchError], ...] = (LeaseDeniedError,)  # lost already
        try:
            self.ask(Beat(held["token"]))  # from here on the gateway knows that it hangs on this client
            yield held
        except BaseException:
            spoiled = (MeterBenchError,)  # what went wrong first is the reason of all else
            raise
        finally:
            done.set()
            thread.join()
            with contextlib.suppress(*spoiled):
                self.ask(Release(held["token"]))

    def check(self, token: str) -> None:
        """Raise LeaseDeniedError once a heartbeat of this lease was refused, or its gateway has ended; asks nobody."""
        if token in self._lost:
            raise LeaseDeniedError(self._lost[token])
