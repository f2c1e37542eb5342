"""MQTT 3.1.1 framing for the reading path: many PUBLISH packets at once, sans-I/O.

Only what a bulk sender and a bulk receiver need: CONNECT, SUBSCRIBE, PING and QoS 0 PUBLISH. Everything else on the bus
(control, tools, tests) uses paho-mqtt. Building writes whole batches into one 2-D ``uint8`` array; reading hands out
*runs*: consecutive PUBLISH packets of one shape, as one 2-D view into the received bytes, so that a batch of readings
is never touched message by message. Source: OASIS MQTT 3.1.1, sections 2.2 (fixed header) and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_PUBLISH_QOS0 = 0x30
_MAX_PACKET = 1 << 20  # a broker that sends more than 1 MiB in one packet is not talking about meters
_FIRST_LOOK = 16  # packets that are compared in one step, before the steps grow

Bytes2D = NDArray[np.uint8]


class MqttError(ProtocolError):
    """The peer sent something that is not MQTT 3.1.1, or refused us."""


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker's answer to CONNECT; ``code`` 0 is accepted."""

    code: int


@dataclass(frozen=True, slots=True)
class Suback:
    """The broker's answer to SUBSCRIBE; a code of 0x80 refuses that filter."""

    packet_id: int
    codes: bytes


@dataclass(frozen=True, slots=True)
class PublishRun:
    """Consecutive PUBLISH packets of one shape: ``topics`` (n, T), ``payloads`` (n, P), views into received bytes."""

    topics: Bytes2D
    payloads: Bytes2D

    def __len__(self) -> int:
        return len(self.topics)

    def __getitem__(self, rows: slice) -> PublishRun:
        return PublishRun(self.topics[rows], self.payloads[rows])


Event = Connack | Suback | PublishRun


def _length(remaining: int) -> bytes:
    out = bytearray()
    while True:
        remaining, digit = remaining >> 7, remaining & 0x7F
        out.append(digit | (0x80 if remaining else 0))
        if not remaining:
            return bytes(out)


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def connect(client_id: str, keep_alive: int, user: str | None = None, password: str | None = None) -> bytes:
    """A CONNECT with a clean session. ``keep_alive`` in seconds; 0 is refused, as rumqttd drops such clients."""
    if not 0 < keep_alive < 65536:
        raise ValueError("keep_alive must be 1 … 65535 s")
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes([4, flags]) + keep_alive.to_bytes(2, "big") + _text(client_id)
    for credential in (user, password):
        if credential is not None:
            body += _text(credential)
    return b"\x10" + _length(len(body)) + body


def subscribe(packet_id: int, *filters: str) -> bytes:
    """A SUBSCRIBE for QoS 0 to each filter."""
    body = packet_id.to_bytes(2, "big") + b"".join(_text(f) + b"\x00" for f in filters)
    return b"\x82" + _length(len(body)) + body


def publish(topic: str | bytes, payload: bytes) -> bytes:
    """One PUBLISH at QoS 0."""
    body = _text(topic) + payload
    return bytes([_PUBLISH_QOS0]) + _length(len(body)) + body


def publish_batch(topics: Bytes2D, payloads: Bytes2D) -> Bytes2D:
    """PUBLISH packets, QoS 0, one a row: topics (n, T) and payloads (n, P) to packets (n, F)."""
    n, topic_size = topics.shape
    remaining = 2 + topic_size + payloads.shape[1]
    head = bytes([_PUBLISH_QOS0]) + _length(remaining) + topic_size.to_bytes(2, "big")
    packets = np.empty((n, len(head) - 2 + remaining), dtype=np.uint8)
    packets[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    packets[:, len(head) : len(head) + topic_size] = topics
    packets[:, len(head) + topic_size :] = payloads
    return packets


class Reader:
    """Turns received bytes into events. Feed it whatever the socket gives; a partial packet waits for the rest."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = 0  # bytes of the packet that the rest begins, as far as that is known

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events of all packets complete by now, in order. Raises MqttError; the stream is then beyond repair."""
        buffer = data
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:  # or a long packet in small pieces would be copied at each of them
                return
            buffer = bytes(self._rest)
        at = self._needed = 0
        while (header := self._header(buffer, at)) is not None:
            body, end = header
            if end > len(buffer):
                self._needed = end - at
                break
            if buffer[at] & 0xF0 == _PUBLISH_QOS0:
                run, at = self._publish_run(buffer, at, body, end)
                yield run
            else:
                yield from self._single(buffer[at], buffer[body:end])
                at = end
        self._rest = bytearray(buffer[at:])

    @staticmethod
    def _header(buffer: bytes, at: int) -> tuple[int, int] | None:
        """Where the body of the packet at ``at`` begins and ends, or None while its length is not known yet."""
        remaining = 0
        for i in range(4):
            if at + 1 + i >= len(buffer):
                return None
            digit = buffer[at + 1 + i]
            remaining |= (digit & 0x7F) << (7 * i)
            if not digit & 0x80:
                if remaining > _MAX_PACKET:
                    raise MqttError(f"a packet of {remaining} bytes; {_MAX_PACKET} is the most we take")
                body = at + 2 + i
                return body, body + remaining
        raise MqttError("remaining length longer than four bytes")

    @staticmethod
    def _publish_run(buffer: bytes, at: int, body: int, end: int) -> tuple[PublishRun, int]:
        if buffer[at] & 0x06:
            raise MqttError("PUBLISH with QoS above 0 on a QoS 0 subscription")
        topic_at = body + 2
        topic_size = int.from_bytes(buffer[body:topic_at], "big")
        if topic_at + topic_size > end:
            raise MqttError("PUBLISH whose topic is longer than the packet")
        size, head = end - at, topic_at - at
        count = (len(buffer) - at) // size
        packets = np.frombuffer(buffer, dtype=np.uint8, count=count * size, offset=at).reshape(count, size)
        packets = packets[: _alike(packets[:, :head])]  # same type, length and topic length: the same shape
        cut = head + topic_size
        return PublishRun(packets[:, head:cut], packets[:, cut:]), at + packets.size

    @staticmethod
    def _single(first: int, body: bytes) -> Iterator[Event]:
        kind = first & 0xF0
        if kind == 0x20 and len(body) == 2:
            yield Connack(body[1])
        elif kind == 0x90 and len(body) >= 3:
            yield Suback(int.from_bytes(body[:2], "big"), body[2:])
        elif kind != 0xD0 or body:  # PINGRESP carries nothing to tell
            raise MqttError(f"unexpected packet 0x{first:02X} with {len(body)} bytes")


def _alike(heads: Bytes2D) -> int:
    """How many rows from the first on equal it.

    Looks no further ahead than twice the run: where every packet differs from the one before, looking at all that
    follow would take time by the square of the received bytes.
    """
    at, ahead = 1, _FIRST_LOOK
    while at < len(heads):
        same = (heads[at : at + ahead] == heads[0]).all(axis=1)
        if not same.all():
            return at + int(same.argmin())
        at, ahead = at + ahead, 2 * ahead
    return len(heads)
