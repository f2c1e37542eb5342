"""The half-hour reading as it leaves the meter, thousands at a time.

One message is a data-notification with one row of the 30-minute profile, in general-glo-ciphering with
authentication and encryption (SC 30). Every one has the same :data:`READING_BYTES`, byte by byte in
``docs/a-route-message.md``; the scalar codecs (:mod:`~protocols.dlms.apdu`, :mod:`~protocols.dlms.security`) read and
write the same bytes. Replay is not judged here but in :mod:`protocols.dlms.replay`, after the tag: only then is a
counter worth believing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.dlms.gcm import TAG_BYTES, open_many, seal_many
from protocols.dlms.profile import ROW_WIRE, check_rows, fill_rows
from protocols.dlms.security import AUTHENTICATED_ENCRYPTED, GENERAL_GLO, KEY_BYTES, TITLE_BYTES

_HEAD: Final = np.dtype(
    [("tag", "u1"), ("title_length", "u1"), ("title", ">u8"), ("length", "u1"), ("control", "u1"), ("counter", ">u4")]
)
_PLAIN: Final = np.dtype([("tag", "u1"), ("invoke_id", ">u4"), ("date_time", "u1"), ("row", ROW_WIRE)])
_SEALED_BYTES: Final = _PLAIN.itemsize + TAG_BYTES

READING_BYTES: Final = _HEAD.itemsize + _SEALED_BYTES
"""Bytes of one reading's APDU: 16 of header, 34 of ciphertext, 12 of tag."""

_HEAD_CONSTANTS: Final = {
    "tag": GENERAL_GLO,
    "title_length": TITLE_BYTES,
    "length": 5 + _SEALED_BYTES,
    "control": AUTHENTICATED_ENCRYPTED,
}
_PLAIN_CONSTANTS: Final = {"tag": 0x0F, "date_time": 0}
_INVOKE_ID_MASK: Final = np.uint32(0x00FFFFFF)  # the upper byte holds priority and service class: normal, unconfirmed


class Reason(IntEnum):
    """What is wrong with a message; 0 is nothing."""

    OK = 0
    MALFORMED = 1
    """Not of this layout: wrong header, or authentic and yet no profile row."""
    ALTERED = 2
    """The tag does not hold: a byte was changed on the way, or another key was used."""


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """N decoded messages as columns (N,).

    ``titles`` (u64) and ``counters`` (u32) are what the message claims, true or not. The others are 0 wherever
    ``reason`` (u8, a :class:`Reason`) is not OK: ``end_unix`` (i64, s), ``status`` (u8), ``import_wh`` and
    ``export_wh`` (u32, Wh, below 10**8).
    """

    reason: NDArray[np.uint8]
    titles: NDArray[np.uint64]
    counters: NDArray[np.uint32]
    end_unix: NDArray[np.int64]
    status: NDArray[np.uint8]
    import_wh: NDArray[np.uint32]
    export_wh: NDArray[np.uint32]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which messages are genuine and well-formed."""
        return np.asarray(self.reason == Reason.OK, dtype=np.bool_)


def encode_readings(
    keys: NDArray[np.uint8],
    auth_keys: NDArray[np.uint8],
    titles: NDArray[np.uint64],
    counters: NDArray[np.uint32],
    end_unix: NDArray[np.int64] | int,
    status: NDArray[np.uint8] | int,
    import_wh: NDArray[Any],
    export_wh: NDArray[Any],
) -> NDArray[np.uint8]:
    """APDUs (N, READING_BYTES) of N meters.

    ``keys`` and ``auth_keys`` are (N, 16); the rest are (N,), the end of the half-hour (Unix seconds) and the
    status may be one number for all. Registers are any integers in Wh and travel modulo 10**8. The caller never
    uses a counter twice under one key: that would give the key stream away.
    """
    count = len(titles)
    head = np.empty(count, dtype=_HEAD)
    plain = np.empty(count, dtype=_PLAIN)
    for wire, constants in ((head, _HEAD_CONSTANTS), (plain, _PLAIN_CONSTANTS)):
        for name, value in constants.items():
            wire[name] = value
    head["title"] = titles
    head["counter"] = counters
    plain["invoke_id"] = counters & _INVOKE_ID_MASK
    fill_rows(plain["row"], np.broadcast_to(end_unix, count), np.broadcast_to(status, count), import_wh, export_wh)
    apdus = np.empty((count, READING_BYTES), dtype=np.uint8)
    apdus[:, : _HEAD.itemsize] = _octets(head)
    apdus[:, _HEAD.itemsize :] = seal_many(keys, _ivs(apdus), _octets(plain), _associated(auth_keys))
    return apdus


def claimed_titles(apdus: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """System titles (N,) that messages (N, READING_BYTES) claim to come from: to look up their keys."""
    return _head_of(apdus)["title"].astype(np.uint64)


def decode_readings(apdus: NDArray[np.uint8], keys: NDArray[np.uint8], auth_keys: NDArray[np.uint8]) -> ReadingBatch:
    """Verify and decode messages (N, READING_BYTES), each with the keys (N, 16) of the meter it claims to be.

    Never raises for what a message holds; see :class:`Reason`.
    """
    count = len(apdus)
    head = _head_of(apdus)
    framed = _has(head, _HEAD_CONSTANTS)
    opened, good = open_many(keys, _ivs(apdus), apdus[:, _HEAD.itemsize :], _associated(auth_keys))
    plain = opened.view(_PLAIN).reshape(count)
    end_unix, valid = check_rows(plain["row"])
    valid &= framed & _has(plain, _PLAIN_CONSTANTS)
    reason = np.full(count, Reason.MALFORMED, dtype=np.uint8)
    reason[framed & ~good] = Reason.ALTERED
    reason[valid & good] = Reason.OK
    ok = reason == Reason.OK
    row = plain["row"]
    return ReadingBatch(
        reason=reason,
        titles=head["title"].astype(np.uint64),
        counters=head["counter"].astype(np.uint32),
        end_unix=np.where(ok, end_unix, 0),
        status=np.where(ok, row["status"], 0).astype(np.uint8),
        import_wh=np.where(ok, row["import_wh"], 0).astype(np.uint32),
        export_wh=np.where(ok, row["export_wh"], 0).astype(np.uint32),
    )


def _has(wire: NDArray[Any], constants: dict[str, int]) -> NDArray[np.bool_]:
    matches = np.ones(len(wire), dtype=np.bool_)
    for name, value in constants.items():
        matches &= wire[name] == value
    return matches


def _head_of(apdus: NDArray[np.uint8]) -> NDArray[Any]:
    return np.ascontiguousarray(apdus[:, : _HEAD.itemsize]).view(_HEAD).reshape(len(apdus))


def _octets(wire: NDArray[Any]) -> NDArray[np.uint8]:
    return wire.view(np.uint8).reshape(len(wire), wire.dtype.itemsize)


def _ivs(apdus: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """System title and invocation counter, side by side."""
    return np.concatenate([apdus[:, 2:10], apdus[:, 12:16]], axis=1)


def _associated(auth_keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """SC | AK, which the tag covers."""
    associated = np.empty((len(auth_keys), 1 + KEY_BYTES), dtype=np.uint8)
    associated[:, 0] = AUTHENTICATED_ENCRYPTED
    associated[:, 1:] = auth_keys
    return associated
