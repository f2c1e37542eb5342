"""Real sockets and a real pseudo-terminal in front of meters in memory; a thread serves each until it is closed."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

from protocols.errors import ProtocolError
from protocols.wisun.j11.module import Module as BinaryModule
from protocols.wisun.radio import Credentials, Stick
from protocols.wisun.skstack.dialect import DIALECTS
from protocols.wisun.skstack.module import Module as TextModule
from tests.protocols.wisun.air import Air
from tests.protocols.wisun.vectors import STICK_MAC

Node = Callable[[bytes], list[bytes]]
"""An ECHONET Lite node: what it answers to a datagram."""

Answers = Callable[[bytes], bytes]
"""What a connection answers to bytes."""


class Server:
    """Serves in a thread of its own; ``mute`` makes its meter say nothing."""

    def __init__(self) -> None:
        self.mute = False
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waker.close()
        self._thread.join()
        self._selector.close()
        self._wake.close()
        self.end()

    def ready(self, key: selectors.SelectorKey) -> None:
        """Something can be read."""
        raise NotImplementedError

    def end(self) -> None:
        """Close what is open."""

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake:
                    return
                self.ready(key)


class TcpServer(Server):
    """``connect`` makes a connection's answering side; ``drop`` hangs up instead of the next answer."""

    def __init__(self, connect: Callable[[], Answers]) -> None:
        super().__init__()
        self.drop = False
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: dict[socket.socket, Answers] = {}
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]

    def ready(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._listener:
            link, _ = self._listener.accept()
            self._links[link] = self._connect()
            self._selector.register(link, selectors.EVENT_READ)
            return
        link = key.fileobj
        assert isinstance(link, socket.socket)
        try:
            chunk = link.recv(65_536)
            if chunk and not self.drop:
                if not self.mute:
                    link.sendall(self._links[link](chunk))
                return
        except (OSError, ProtocolError):
            pass
        self.drop = False
        self._hang_up(link)

    def end(self) -> None:
        for link in list(self._links):
            link.close()
        self._listener.close()

    def _hang_up(self, link: socket.socket) -> None:
        del self._links[link]
        self._selector.unregister(link)
        link.close()


class UdpServer(Server):
    """A node at a loopback address, at a port that only this test has."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.host = f"127.81.{os.getpid() % 256}.1"
        self._node = node
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.host, 0))
        self._selector.register(self._socket, selectors.EVENT_READ)
        self.port: int = self._socket.getsockname()[1]

    def ready(self, key: selectors.SelectorKey) -> None:
        data, (host, _) = self._socket.recvfrom(2000)
        if not self.mute:
            for answer in self._node(data):
                self._socket.sendto(answer, (host, self.port))

    def end(self) -> None:
        self._socket.close()


class LineServer(Server):
    """A meter on a serial line, at a pseudo-terminal."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers
        self._main, self._terminal = os.openpty()
        tty.setraw(self._terminal)
        self._selector.register(self._main, selectors.EVENT_READ)
        self.path = os.ttyname(self._terminal)

    def ready(self, key: selectors.SelectorKey) -> None:
        heard = os.read(self._main, 4096)
        if not self.mute:
            os.write(self._main, self._answers(heard))

    def end(self) -> None:
        os.close(self._main)
        os.close(self._terminal)


class StickServer(Server):
    """A stick on a pseudo-terminal, and the meter on its air."""

    def __init__(self, node: Node, dialect: str, meter: Credentials, *, in_range: bool = True) -> None:
        super().__init__()
        self.dialect = dialect
        self.stick: Stick
        if dialect == "J11":
            self.stick = BinaryModule(STICK_MAC)
        else:
            self.stick = TextModule(DIALECTS[dialect], STICK_MAC)
        self.air = Air(self.stick, meter, in_range=in_range)
        self._node = node
        self._main, self._terminal = os.openpty()
        tty.setraw(self._terminal)
        self._selector.register(self._main, selectors.EVENT_READ)
        self.path = os.ttyname(self._terminal)

    def ready(self, key: selectors.SelectorKey) -> None:
        with contextlib.suppress(OSError):
            self.stick.receive(os.read(self._main, 4096))
            self._settle()

    def say(self, event: Callable[[Stick], None]) -> None:
        """Something happens on the stick's side; only while the host is silent."""
        event(self.stick)
        os.write(self._main, self.stick.output())

    def end(self) -> None:
        os.close(self._main)
        os.close(self._terminal)

    def _settle(self) -> None:
        self.air.settle()
        while self.air.sent:
            payload = self.air.sent.pop(0).payload
            for answer in [] if self.mute else self._node(payload):
                self.stick.udp_received(self.air.datagram(answer))
            self.air.settle()
        os.write(self._main, self.stick.output())
