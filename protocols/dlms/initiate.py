"""The xDLMS context that an association is opened with: initiate-request, initiate-response, and the error instead.

They travel as the user-information of the association's APDUs (:mod:`protocols.dlms.acse`), plain (01, 08, 0E) or
glo-ciphered (21, 28). Vectors: ``meter-protocols`` §3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from protocols.dlms import conformance as bits
from protocols.dlms.apdu import choice, code, uint
from protocols.dlms.axdr import Reader, encode_length
from protocols.dlms.conformance import Conformance
from protocols.errors import ProtocolError

INITIATE_REQUEST = b"\x01"
INITIATE_RESPONSE = b"\x08"
CONFIRMED_SERVICE_ERROR = b"\x0e"

DLMS_VERSION = 6
_LONGEST_DEDICATED_KEY = 32
_CONFORMANCE_TAG = b"\x5f\x1f\x04\x00"  # BER [APPLICATION 31], 4 bytes, of which the first counts 0 unused bits
_VAA_NAME = b"\x00\x07"  # of logical name referencing, always


class InitiateError(IntEnum):
    """Why no xDLMS context was opened."""

    OTHER = 0
    DLMS_VERSION_TOO_LOW = 1
    INCOMPATIBLE_CONFORMANCE = 2
    PDU_SIZE_TOO_SHORT = 3
    REFUSED_BY_HANDLER = 4


@dataclass(frozen=True, slots=True)
class InitiateRequest:
    """The client's offer.

    ``max_pdu`` is the longest APDU in bytes that the client can receive, 0 for no limit; ``quality`` an i8 or None.
    """

    conformance: frozenset[Conformance]
    max_pdu: int
    dedicated_key: bytes = b""
    response_allowed: bool = True
    quality: int | None = None
    version: int = DLMS_VERSION

    def to_bytes(self) -> bytes:
        """The APDU."""
        key = self.dedicated_key and b"\x01" + encode_length(len(self.dedicated_key)) + self.dedicated_key
        return b"".join(
            [
                INITIATE_REQUEST,
                key or b"\x00",
                b"\x00" if self.response_allowed else b"\x01\x00",
                _quality_to_bytes(self.quality),
                uint(self.version, 1),
                _CONFORMANCE_TAG,
                bits.to_bytes(self.conformance),
                uint(self.max_pdu, 2),
            ]
        )

    @classmethod
    def from_bytes(cls, apdu: bytes) -> InitiateRequest:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(INITIATE_REQUEST, "initiate-request")
        key = reader.take(reader.length()) if choice(reader, "dedicated key") else b""
        if len(key) > _LONGEST_DEDICATED_KEY:
            raise ProtocolError(f"a dedicated key of {len(key)} bytes")
        response_allowed = reader.integer(1) != 0 if choice(reader, "response allowed") else True
        quality = _read_quality(reader)
        version = reader.integer(1)
        reader.expect(_CONFORMANCE_TAG, "conformance")
        conformance, max_pdu = bits.from_bytes(reader.take(3)), reader.integer(2)
        reader.end()
        return cls(conformance, max_pdu, key, response_allowed, quality, version)


@dataclass(frozen=True, slots=True)
class InitiateResponse:
    """What the server grants; ``max_pdu`` is the longest APDU in bytes that the *server* can receive."""

    conformance: frozenset[Conformance]
    max_pdu: int
    quality: int | None = None
    version: int = DLMS_VERSION

    def to_bytes(self) -> bytes:
        """The APDU."""
        head = INITIATE_RESPONSE + _quality_to_bytes(self.quality) + uint(self.version, 1) + _CONFORMANCE_TAG
        return head + bits.to_bytes(self.conformance) + uint(self.max_pdu, 2) + _VAA_NAME

    @classmethod
    def from_bytes(cls, apdu: bytes) -> InitiateResponse:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(INITIATE_RESPONSE, "initiate-response")
        quality, version = _read_quality(reader), reader.integer(1)
        reader.expect(_CONFORMANCE_TAG, "conformance")
        conformance, max_pdu = bits.from_bytes(reader.take(3)), reader.integer(2)
        reader.expect(_VAA_NAME, "vaa-name")
        reader.end()
        return cls(conformance, max_pdu, quality, version)


@dataclass(frozen=True, slots=True)
class ConfirmedServiceError:
    """A confirmed service that failed.

    ``service`` says which (1 initiate), ``kind`` which family of errors (6 initiate) and ``error`` which of them (an
    :class:`InitiateError` in that family).
    """

    service: int
    kind: int
    error: int

    @classmethod
    def initiate(cls, error: InitiateError) -> ConfirmedServiceError:
        """The one error that a server with logical names sends."""
        return cls(1, 6, error)

    @property
    def initiate_error(self) -> InitiateError:
        """Why the initiate failed; raises :class:`~protocols.errors.ProtocolError` for any other error."""
        if (self.service, self.kind) != (1, 6):
            raise ProtocolError(f"error {self.kind} of service {self.service} is no initiate error")
        return code(InitiateError, self.error)

    def to_bytes(self) -> bytes:
        """The APDU."""
        return CONFIRMED_SERVICE_ERROR + uint(self.service, 1) + uint(self.kind, 1) + uint(self.error, 1)

    @classmethod
    def from_bytes(cls, apdu: bytes) -> ConfirmedServiceError:
        """Read the APDU."""
        reader = Reader(apdu)
        reader.expect(CONFIRMED_SERVICE_ERROR, "confirmed-service-error")
        error = cls(reader.integer(1), reader.integer(1), reader.integer(1))
        reader.end()
        return error


def _quality_to_bytes(quality: int | None) -> bytes:
    return b"\x00" if quality is None else b"\x01" + uint(quality & 0xFF, 1)


def _read_quality(reader: Reader) -> int | None:
    return reader.integer(1, signed=True) if choice(reader, "quality of service") else None
