"""The control link: paho-mqtt with JSON messages, for everything that is not a reading.

paho's thread receives; messages of a topic go to the handler given for it, in that thread, so handlers only hand over
(a queue, an event). A handler that finds a message to be none raises ProtocolError: that is logged, and the message
dropped. Subscriptions are renewed at every reconnection.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from protocols.errors import ProtocolError
from twins.bus.address import BusAddress, BusError

log = logging.getLogger(__name__)

Handler = Callable[[str, bytes], None]
_KEEP_ALIVE = 30


class ControlLink:
    """A paho-mqtt client for JSON control messages."""

    def __init__(self, address: BusAddress, client_id: str) -> None:
        self._address = address
        self._handlers: dict[str, Handler] = {}
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._refusal: str | None = None
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        context = address.tls_context()
        if context is not None:
            client.tls_set_context(context)
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    def handle(self, topic: str, handler: Handler) -> None:
        """Have ``handler(topic, payload)`` called for a topic or filter; call before :meth:`open`."""
        self._handlers[topic] = handler

    def leave_will(self, topic: str, message: Any) -> None:
        """What the broker sends in this client's name when the connection ends without a word; before :meth:`open`."""
        self._client.will_set(topic, msgspec.json.encode(message), qos=0)

    def open(self, timeout: float = 10.0) -> None:
        """Connect, subscribe and start paho's thread. Raises BusError when that takes longer than ``timeout`` s."""
        self._client.connect_async(self._address.host, self._address.port, _KEEP_ALIVE)
        self._client.loop_start()
        ready = self._connected.wait(timeout) and (not self._handlers or self._subscribed.wait(timeout))
        if not ready or self._refusal:
            self.close()
            raise BusError(f"no control connection to the bus at {self._address}: {self._refusal or 'no answer'}")

    def close(self) -> None:
        """Disconnect and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, message: Any) -> bool:
        """Send a message as JSON at QoS 0; False while the bus is away. Nothing is queued for later: senders repeat."""
        if not self._connected.is_set():
            return False
        self._client.publish(topic, msgspec.json.encode(message), qos=0)
        return True

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any = None
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            return
        self._refusal = None
        if self._handlers:
            client.subscribe([(topic, 0) for topic in self._handlers])
        self._connected.set()

    def _on_subscribe(
        self, client: paho.Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Any = None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"a subscription to {', '.join(self._handlers)} was refused"
        self._subscribed.set()

    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any = None
    ) -> None:
        self._connected.clear()

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        connection = client.socket()
        if isinstance(connection, socket.socket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        for topic, handler in self._handlers.items():
            if paho.topic_matches_sub(topic, message.topic):
                try:
                    handler(message.topic, bytes(message.payload))
                except ProtocolError as error:
                    log.warning("%s: %s", message.topic, error)


def _send_at_once(client: paho.Client, userdata: Any, connection: paho.SocketLike) -> None:
    # paho leaves Nagle's algorithm on: each tick of the virtual clock would wait 40 ms for a delayed acknowledgement.
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
