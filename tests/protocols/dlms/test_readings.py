from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlms.apdu import DataNotification
from protocols.dlms.axdr import Data, DataType, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.gcm import open_many, seal_many
from protocols.dlms.keys import KeyRing
from protocols.dlms.readings import READING_BYTES, Reason, claimed_titles, decode_readings, encode_readings
from protocols.dlms.security import protect_general, unprotect_general
from protocols.slots import JST
from tests.protocols.dlms.vectors import AUTH_KEY, COUNTER, KEY, SERVER_TITLE

RING = KeyRing(bytes(range(16)))
END = int(datetime(2026, 1, 15, 18, 0, tzinfo=JST).timestamp())

EXAMPLE = (
    "DB084D4D4D0000BC614E333001234567"
    "8E1231BAFC5A4553612B3C8FBD119AEA0F634FF993262E74155B693D40BCD8CECA0F"
    "0B3E1388E2185FAD28262FC6"
)
DOCUMENT = Path(__file__).parents[3] / "docs" / "a-route-message.md"


def plaintext(counter: int, end: int, status: int, import_wh: int, export_wh: int) -> bytes:
    row = structure(
        octets(DateTime.from_unix(end).to_bytes()),
        Data(DataType.UINT8, status),
        Data(DataType.UINT32, import_wh % 10**8),
        Data(DataType.UINT32, export_wh % 10**8),
    )
    return DataNotification(counter & 0xFFFFFF, b"", row).to_bytes()


class Sent:
    """A batch of readings, with everything that was said in it."""

    def __init__(self, count: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.titles = np.uint64(0x54574E << 40) + np.arange(count, dtype=np.uint64)
        self.keys, self.auth_keys = RING.derive(self.titles, 0)
        self.counters = rng.integers(0, 2**32, count, dtype=np.uint32)
        self.end = END + 1800 * rng.integers(-50, 50, count)
        self.status = rng.integers(0, 256, count).astype(np.uint8)
        self.import_wh = rng.integers(0, 2**50, count)
        self.export_wh = rng.integers(0, 10**8, count).astype(np.uint32)
        columns = (self.counters, self.end, self.status, self.import_wh, self.export_wh)
        self.apdus = encode_readings(self.keys, self.auth_keys, self.titles, *columns)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_what_was_sent_is_received(count: int) -> None:
    sent = Sent(count)
    assert sent.apdus.shape == (count, READING_BYTES)
    got = decode_readings(sent.apdus, sent.keys, sent.auth_keys)
    assert got.ok.all()
    for column, expected in [
        (got.titles, sent.titles),
        (got.counters, sent.counters),
        (got.end_unix, sent.end),
        (got.status, sent.status),
        (got.import_wh, sent.import_wh % 10**8),
        (got.export_wh, sent.export_wh),
        (claimed_titles(sent.apdus), sent.titles),
    ]:
        assert column.tolist() == expected.tolist()


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**34),
    st.integers(0, 255),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_batch_and_scalar_codec_agree_byte_for_byte(
    title: int, counter: int, end: int, status: int, import_wh: int, export_wh: int
) -> None:
    titles = np.array([title], dtype=np.uint64)
    keys, auth_keys = RING.derive(titles, 1)
    counters = np.array([counter], dtype=np.uint32)
    registers = np.array([import_wh]), np.array([export_wh], dtype=np.uint32)
    batch = encode_readings(keys, auth_keys, titles, counters, end, status, *registers)
    plain, name, pair = plaintext(counter, end, status, import_wh, export_wh), title.to_bytes(8, "big"), RING.for_title
    scalar = protect_general(plain, name, counter, *pair(name, 1))
    assert batch.tobytes() == scalar
    assert unprotect_general(batch.tobytes(), lambda claimed: pair(claimed, 1)) == (name, counter, plain)
    got = decode_readings(np.frombuffer(scalar, np.uint8).reshape(1, -1), keys, auth_keys)
    assert got.ok.all()
    assert (got.import_wh[0], got.export_wh[0]) == (import_wh % 10**8, export_wh % 10**8)


def test_every_change_of_every_single_byte_is_rejected() -> None:
    sent = Sent(1)
    changes = READING_BYTES * 255
    flipped = np.repeat(sent.apdus, changes, axis=0)
    position, change = np.divmod(np.arange(changes), 255)
    flipped[np.arange(changes), position] ^= (change + 1).astype(np.uint8)
    got = decode_readings(flipped, np.repeat(sent.keys, changes, axis=0), np.repeat(sent.auth_keys, changes, axis=0))
    constant = np.isin(position, (0, 1, 10, 11))  # DB, title length, length, security control
    assert (got.reason[constant] == Reason.MALFORMED).all()
    assert (got.reason[~constant] == Reason.ALTERED).all()


@given(st.sets(st.integers(0, 199)), st.integers(0, READING_BYTES - 1), st.integers(1, 255))
@settings(max_examples=30)
def test_a_few_bad_messages_are_exactly_the_bad_ones(bad: set[int], at: int, change: int) -> None:
    sent = Sent(200)
    apdus = sent.apdus.copy()
    apdus[sorted(bad), at] ^= change
    got = decode_readings(apdus, sent.keys, sent.auth_keys)
    assert set(np.flatnonzero(~got.ok)) == bad
    assert (got.import_wh[got.ok] == (sent.import_wh % 10**8)[got.ok]).all()
    for column in (got.end_unix, got.status, got.import_wh, got.export_wh):
        assert not column[~got.ok].any()


def test_a_message_under_another_meters_key_is_altered() -> None:
    sent = Sent(2)
    got = decode_readings(sent.apdus, sent.keys[::-1], sent.auth_keys)
    assert got.reason.tolist() == [Reason.ALTERED] * 2
    got = decode_readings(sent.apdus, sent.keys, sent.auth_keys[::-1])
    assert got.reason.tolist() == [Reason.ALTERED] * 2


def genuine(plain: bytes) -> np.ndarray:
    title = b"TWN\x00\x00\x00\x00\x00"
    return np.frombuffer(protect_general(plain, title, 1, *RING.for_title(title, 0)), np.uint8).reshape(1, -1)


@pytest.mark.parametrize("at", [0, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 29, 30])
def test_an_authentic_message_that_is_no_profile_row_is_malformed(at: int) -> None:
    sent = Sent(1)
    plain = plaintext(1, END, 0, 5, 6)
    assert decode_readings(genuine(plain), sent.keys, sent.auth_keys).ok.all()
    broken = plain[:at] + b"\xf7" + plain[at + 1 :]
    assert decode_readings(genuine(broken), sent.keys, sent.auth_keys).reason.tolist() == [Reason.MALFORMED]


@given(st.lists(st.binary(min_size=READING_BYTES, max_size=READING_BYTES), max_size=10))
def test_garbage_of_the_right_length_is_rejected(rows: list[bytes]) -> None:
    sent = Sent(10)
    apdus = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, READING_BYTES)
    got = decode_readings(apdus, sent.keys[: len(rows)], sent.auth_keys[: len(rows)])
    assert not got.ok.any()


def test_the_documented_example_is_what_is_sent() -> None:
    keys, auth_keys = (np.frombuffer(key, np.uint8).reshape(1, 16) for key in (KEY, AUTH_KEY))
    titles = np.array([int.from_bytes(SERVER_TITLE, "big")], dtype=np.uint64)
    counters = np.array([COUNTER], dtype=np.uint32)
    apdu = encode_readings(keys, auth_keys, titles, counters, END, 0, np.array([12_345_678]), np.array([9]))
    assert apdu.tobytes().hex().upper() == EXAMPLE
    assert EXAMPLE in "".join(DOCUMENT.read_text("utf-8").split())


def test_many_messages_seal_and_open_across_the_chunks_of_the_loop() -> None:
    rng = np.random.default_rng(2)
    count = 4100
    keys, ivs, plain, associated = (rng.integers(0, 256, (count, w), dtype=np.uint8) for w in (16, 12, 21, 17))
    plain[:, -3:] = 0  # zero bytes at an end must survive the way through bytes objects
    sealed = seal_many(keys, ivs, plain, associated)
    sealed[4099, 0] ^= 1
    opened, good = open_many(keys, ivs, sealed, associated)
    assert np.flatnonzero(~good).tolist() == [4099]
    assert (opened[:4099] == plain[:4099]).all()
    assert not opened[4099].any()
