"""The bulk link: one MQTT connection that writes and reads readings by the hundred thousand.

Single-threaded on purpose: while a large write waits for the broker, whatever the broker sends is read, so that two
peers that both write can never block each other. A lost connection raises :class:`BusError` from whatever was being
done; what was in flight is gone, and the head-end will ask for it (design decision 10).
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import TypeVar

from protocols import mqtt
from protocols.errors import ProtocolError
from twins.bus.address import BusAddress, BusError

KEEP_ALIVE = 30  # s; rumqttd drops clients that announce 0
_CHUNK = 1 << 20
_CONNECT_TIMEOUT = 5.0
_RETRY_FIRST, _RETRY_MOST = 0.05, 1.0
_Answer = TypeVar("_Answer", mqtt.Connack, mqtt.Suback)


class BulkLink:
    """An MQTT connection for the reading path. ``filters`` are subscribed at every (re)connection."""

    def __init__(self, address: BusAddress, client_id: str, *filters: str) -> None:
        self._address = address
        self._client_id = client_id
        self._filters = filters
        self._socket: socket.socket | None = None
        self._reader = mqtt.Reader()
        self._inbox: list[mqtt.PublishRun] = []
        self._last_write = 0.0
        self.connections = 0

    def open(self, give_up: Callable[[], bool] = lambda: True) -> None:
        """Connect and subscribe; when that fails, try again until ``give_up()``, then raise BusError."""
        wait = _RETRY_FIRST
        while True:
            try:
                self._connect()
            except (OSError, BusError, ProtocolError) as error:
                self.close()
                if give_up():
                    raise BusError(f"no connection to the bus at {self._address}: {error}") from error
                time.sleep(wait)
                wait = min(2 * wait, _RETRY_MOST)
            else:
                self.connections += 1
                return

    def _connect(self) -> None:
        address = self._address
        context = address.tls_context()
        raw = socket.create_connection((address.host, address.port), timeout=_CONNECT_TIMEOUT)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket = context.wrap_socket(raw, server_hostname=address.host) if context else raw
        self._reader, self._inbox = mqtt.Reader(), []
        self._socket.sendall(mqtt.connect(self._client_id, KEEP_ALIVE, address.user, address.password))
        connack = self._expect(mqtt.Connack)
        if connack.code:
            raise BusError(f"the broker refused the connection (code {connack.code})")
        if self._filters:
            self._socket.sendall(mqtt.subscribe(1, *self._filters))
            if any(code & 0x80 for code in self._expect(mqtt.Suback).codes):
                raise BusError(f"the broker refused a subscription to {', '.join(self._filters)}")
        self._socket.setblocking(False)
        self._last_write = time.monotonic()

    def _expect(self, kind: type[_Answer]) -> _Answer:
        assert self._socket is not None
        while True:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise BusError("the broker closed the connection")
            events = list(self._reader.feed(data))  # all of it: on a busy bus, readings follow in the same bytes
            self._inbox += [event for event in events if isinstance(event, mqtt.PublishRun)]
            for event in events:
                if isinstance(event, kind):
                    return event

    def close(self) -> None:
        """Leave politely; safe at any time."""
        if self._socket is not None:
            try:
                self._socket.setblocking(False)
                self._socket.send(mqtt.DISCONNECT)
            except OSError:
                pass
            self._socket.close()
            self._socket = None

    def send(self, packets: bytes | memoryview) -> None:
        """Write packets; returns when the kernel has them all. Raises BusError when the connection is lost."""
        connection = self._connected()
        view = memoryview(packets).cast("B")
        while view:
            try:
                view = view[connection.send(view[:_CHUNK]) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                readable, writable, _ = select.select([connection], [connection], [], KEEP_ALIVE)
                if readable:
                    self._read_once(connection)
                elif not writable:
                    raise self._lost(TimeoutError(f"the broker took nothing for {KEEP_ALIVE} s")) from None
            except OSError as error:
                raise self._lost(error) from error
        self._last_write = time.monotonic()

    def receive(self, timeout: float) -> list[mqtt.PublishRun]:
        """What has arrived; waits at most ``timeout`` s for something. Raises BusError when the bus is lost."""
        connection = self._connected()
        if not self._inbox:
            pending = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
            if pending or select.select([connection], [], [], timeout)[0]:
                self._read_once(connection)
        if time.monotonic() - self._last_write > KEEP_ALIVE / 2:
            self.send(mqtt.PINGREQ)
        runs, self._inbox = self._inbox, []
        return runs

    def _read_once(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_CHUNK)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise self._lost(None)
        try:
            self._inbox.extend(event for event in self._reader.feed(data) if isinstance(event, mqtt.PublishRun))
        except ProtocolError as error:
            raise self._lost(error) from error

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise BusError(f"not connected to the bus at {self._address}")
        return self._socket

    def _lost(self, error: Exception | None) -> BusError:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        return BusError(f"lost the bus at {self._address}: {error or 'closed by the broker'}")
