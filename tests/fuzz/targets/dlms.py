"""DLMS/COSEM: everything that reads bytes without keeping state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from protocols.dlms.acse import AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse
from protocols.dlms.apdu import DataAccessResult, DataNotification
from protocols.dlms.axdr import Data, DataType, array, decode, encode, octets, structure
from protocols.dlms.clock import TIME_BYTES, DateTime, decode_times
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.initiate import ConfirmedServiceError, InitiateRequest, InitiateResponse
from protocols.dlms.profile import (
    ROWS,
    parse_range_answer,
    parse_range_request,
    range_answer,
    range_refusal,
    range_request,
)
from protocols.dlms.readings import READING_BYTES, Reason, decode_readings, encode_readings
from protocols.dlms.security import protect_general, unprotect_general
from protocols.dlms.services import parse
from protocols.dlms.wrapper import Frame, WrapperReader
from protocols.errors import ProtocolError
from tests.fuzz.target import Target, in_chunks, refused
from tests.protocols.dlms.meter import NOON
from tests.protocols.dlms.test_acse import AARQS, GLO_INITIATE, GRANTED, OFFERED
from tests.protocols.dlms.test_services import ALL
from tests.protocols.dlms.vectors import AUTH_KEY, GET_CLOCK, INITIATE, KEY, NOTIFICATION, RANGE_READ, SERVER_TITLE


class _Message(Protocol):
    def to_bytes(self) -> bytes: ...


def _wrapper(data: bytes) -> None:
    """Frames do not depend on how the bytes were cut, and hold all of them but the rest."""
    found = [_read_stream(data[1:], size) for size in (len(data), 1 + (data[0] if data else 0))]
    assert found[0] == found[1]


def _read_stream(data: bytes, size: int) -> list[Frame] | None:
    """The frames of a stream, None when it broke; ``pending`` stays below what was announced."""
    reader, frames = WrapperReader(max_apdu=300), []
    try:
        for chunk in in_chunks(data, max(1, size)):
            frames += reader.feed(chunk)
            assert reader.pending < 300 + 8
    except ProtocolError:
        assert reader.pending == 0
        return None
    rest = data[len(data) - reader.pending :]
    assert b"".join(frame.to_bytes() for frame in frames) + rest == data
    return frames


def _axdr(data: bytes) -> None:
    value = refused(decode, data)
    if value is not None:
        canonical = encode(value)
        assert decode(canonical) == value
        assert len(canonical) <= len(data)


_ACSE: tuple[Callable[[bytes], _Message], ...] = (
    AssociationRequest.from_bytes,
    AssociationResponse.from_bytes,
    ReleaseRequest.from_bytes,
    ReleaseResponse.from_bytes,
    InitiateRequest.from_bytes,
    InitiateResponse.from_bytes,
    ConfirmedServiceError.from_bytes,
)


def _acse(data: bytes) -> None:
    for read in _ACSE:
        message = refused(read, data)
        assert message is None or read(message.to_bytes()) == message


def _apdu(data: bytes) -> None:
    message = refused(parse, data)
    assert message is None or parse(message.to_bytes()) == message


def _times(data: bytes) -> None:
    """Any 12 bytes are a date-time; where both readers know an instant it is the same."""
    raw = data[:TIME_BYTES].ljust(TIME_BYTES, b"\0")
    time = DateTime.from_bytes(raw)
    assert time.to_bytes() == raw
    unix = refused(lambda _: time.unix(), raw)
    many, valid = decode_times(np.frombuffer(raw, np.uint8)[np.newaxis])
    if valid[0]:
        assert unix == int(many[0])
        assert DateTime.from_unix(int(many[0])).to_bytes() == raw


def _profile(data: bytes) -> None:
    asked = refused(parse_range_request, data)
    if asked is not None:
        assert parse_range_request(data) == asked
    try:
        found = refused(parse_range_answer, data)
    except AccessRefusedError:
        return
    if found is not None:
        invoke_id, rows = found
        assert parse_range_answer(range_answer(invoke_id, rows))[1].tobytes() == rows.tobytes()


def _readings(data: bytes) -> None:
    """Messages of a batch, raw and rightly sealed; what the batch takes for genuine the single reader does too."""
    apdus = [data[:READING_BYTES].ljust(READING_BYTES, b"\0")]
    plain = (data[1:] if data[:1] == b"\xdb" else data)[: READING_BYTES - 28].ljust(READING_BYTES - 28, b"\0")
    apdus.append(protect_general(plain, SERVER_TITLE, 7, KEY, AUTH_KEY))
    keys = [np.tile(np.frombuffer(key, np.uint8), (len(apdus), 1)) for key in (KEY, AUTH_KEY)]
    columns = np.frombuffer(b"".join(apdus), np.uint8).reshape(len(apdus), READING_BYTES)
    batch = decode_readings(columns, *keys)
    for apdu, reason in zip(apdus, batch.reason.tolist(), strict=True):
        opened = refused(lambda raw: unprotect_general(raw, lambda title: (KEY, AUTH_KEY)), apdu)
        if reason == Reason.OK:
            assert opened is not None
            body = DataNotification.from_bytes(opened[2]).body
            assert body.type is DataType.STRUCTURE
        assert (reason == Reason.ALTERED) <= (opened is None)


def _wrapped_seeds() -> Iterator[bytes]:
    apdus = [bytes.fromhex(wire) for wire in ALL][:12]
    yield b"\3" + b"".join(Frame(1, 16, apdu).to_bytes() for apdu in apdus[:4])
    yield from (b"\1" + Frame(16, 1, apdu).to_bytes() for apdu in apdus)


def _value_seeds() -> Iterator[bytes]:
    one = Data(DataType.UINT8, 1)
    yield from (encode(structure(*[one] * n)) for n in range(4))
    for type_, value in (
        (DataType.NULL, None),
        (DataType.BOOLEAN, True),
        (DataType.BIT_STRING, "1011001110"),
        (DataType.VISIBLE_STRING, "meter"),
        (DataType.INT8, -1),
        (DataType.INT16, -1),
        (DataType.INT32, -1),
        (DataType.INT64, -1),
        (DataType.UINT16, 1),
        (DataType.UINT64, 1),
        (DataType.ENUM, 1),
        (DataType.DATE_TIME, bytes(12)),
        (DataType.DATE, bytes(5)),
        (DataType.TIME, bytes(4)),
    ):
        yield encode(structure(Data(type_, value), one))
    yield encode(array(octets(bytes(200)), octets(b"")))
    yield b"\x02\x01" * 15 + b"\x00"
    yield RANGE_READ[13:]


def _acse_seeds() -> Iterator[bytes]:
    yield from map(bytes.fromhex, AARQS)
    yield from (INITIATE, GRANTED, OFFERED, GLO_INITIATE, bytes.fromhex("0E010603"))
    yield bytes.fromhex("6203800100")
    yield bytes.fromhex("6303800100")
    yield bytes.fromhex("6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000501F01F40007")


def _profile_seeds() -> Iterator[bytes]:
    rows = np.zeros(3, dtype=ROWS)
    rows["time"] = [NOON, NOON + 1800, NOON + 3600]
    yield from (RANGE_READ, range_request(3, NOON, NOON + 1800), range_answer(3, rows), range_answer(3, rows[:0]))
    yield range_refusal(3, DataAccessResult.READ_WRITE_DENIED)


def _reading_seeds() -> Iterator[bytes]:
    keys = [np.frombuffer(key, np.uint8)[np.newaxis] for key in (KEY, AUTH_KEY)]
    title = np.array([int.from_bytes(SERVER_TITLE, "big")], np.uint64)
    apdu = encode_readings(*keys, title, np.array([7], np.uint32), NOON, 0, np.array([5]), np.array([6])).tobytes()
    yield from (apdu, unprotect_general(apdu, lambda title: (KEY, AUTH_KEY))[2], NOTIFICATION)


def _time_seeds() -> Iterator[bytes]:
    yield from (DateTime.from_unix(NOON).to_bytes(), DateTime().to_bytes(), DateTime.from_unix(0, 0).to_bytes())
    yield bytes.fromhex("0001010101000000FF800000")
    yield bytes.fromhex("270F0C1F05173B3B00FDE400")


TARGETS = (
    Target("dlms-wrapper", _wrapper, _wrapped_seeds, 60, 300),
    Target("dlms-axdr", _axdr, _value_seeds, 120, 300),
    Target("dlms-acse", _acse, _acse_seeds, 60, 200),
    Target("dlms-apdu", _apdu, lambda: [*map(bytes.fromhex, ALL), GET_CLOCK, RANGE_READ, NOTIFICATION], 100, 200),
    Target("dlms-clock", _times, _time_seeds, 30, 12),
    Target("dlms-profile", _profile, _profile_seeds, 50, 200),
    Target("dlms-readings", _readings, _reading_seeds, 20, READING_BYTES),
)
