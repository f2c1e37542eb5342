"""HDLC frames of the serial side of DLMS (IEC 62056-46, frame format type 3), and the reader that finds them.

``7E | format 2 | destination | source | control | HCS 2 | information | FCS 2 | 7E``; the format is ``1010 S`` and a
length of 11 bits that counts all between the flags, *S* says that more of the same message follows. A frame without
information has no HCS. Both checks are CRC-16/X-25, low byte first. Nothing is escaped: the length says where a frame
ends. Layout: background knowledge of the standard, held against the frames of two open clients
(``tests/protocols/dlms/test_hdlc.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocols.crc import Crc16
from protocols.dlms.errors import EncodeError
from protocols.errors import ProtocolError

FLAG: Final = 0x7E
LONGEST: Final = 0x7FF
"""Bytes between the flags of the longest frame."""

COMMAND_LLC: Final = bytes.fromhex("E6E600")
RESPONSE_LLC: Final = bytes.fromhex("E6E700")
"""What stands before every APDU, of the client and of the meter."""

MODULUS: Final = 8
"""Sequence numbers count modulo this."""

_TYPE, _TYPE_MASK, _SEGMENTED = 0xA0, 0xF0, 0x08
_POLL = 0x10
_CHECK = 2  # bytes of HCS and FCS
_FORMAT = 2
_ADDRESS_BYTES = (1, 2, 4)
_X25: Final = Crc16(0x8408)


def crc(data: bytes) -> int:
    """CRC-16/X-25; of the nine digits ``123456789`` it is 906E."""
    return _X25.of(data) ^ 0xFFFF


def _check(data: bytes) -> bytes:
    return crc(data).to_bytes(_CHECK, "little")


@dataclass(frozen=True, slots=True)
class Address:
    """A station: ``upper`` is a client or a logical device, ``lower`` the physical device where there is one.

    One byte without ``lower``, two with it, four where ``wide``; seven bits of each byte count.
    """

    upper: int
    lower: int | None = None
    wide: bool = False

    def to_bytes(self) -> bytes:
        """The last byte is the one with its lowest bit set; raises :class:`EncodeError` for what does not fit."""
        parts = (self.upper,) if self.lower is None else (self.upper, self.lower)
        bits = 14 if self.wide else 7
        if any(not 0 <= part < 1 << bits for part in parts) or (self.wide and self.lower is None):
            raise EncodeError(f"{self} is no HDLC address")
        raw = [byte for part in parts for byte in ((part >> 7 << 1, (part & 0x7F) << 1) if self.wide else (part << 1,))]
        return bytes([*raw[:-1], raw[-1] | 1])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Address:
        """Raises :class:`~protocols.errors.ProtocolError` for a length that no address has."""
        parts = [byte >> 1 for byte in raw]
        if len(raw) == 1:
            return cls(parts[0])
        if len(raw) == 2:
            return cls(parts[0], parts[1])
        if len(raw) == 4:
            return cls(parts[0] << 7 | parts[1], parts[2] << 7 | parts[3], wide=True)
        raise ProtocolError(f"an HDLC address of {len(raw)} bytes")


class Kind(Enum):
    """What a frame is for; the value is its control byte without numbers and poll bit."""

    I = 0x00  # noqa: E741 (the standard's name)
    RR = 0x01
    RNR = 0x05
    SNRM = 0x83
    DISC = 0x43
    UA = 0x63
    DM = 0x0F
    FRMR = 0x87
    UI = 0x03


_NUMBERED = frozenset({Kind.I, Kind.RR, Kind.RNR})


@dataclass(frozen=True, slots=True)
class Control:
    """The control byte: ``sent`` is N(S) and ``received`` N(R) where the kind has them."""

    kind: Kind
    sent: int = 0
    received: int = 0
    poll: bool = True

    def to_byte(self) -> int:
        """As it goes over the line."""
        return self.kind.value | self.sent << 1 | self.received << 5 | (_POLL if self.poll else 0)

    @classmethod
    def from_byte(cls, byte: int) -> Control:
        """Raises :class:`~protocols.errors.ProtocolError` for a kind that DLMS has not got."""
        poll, received = bool(byte & _POLL), byte >> 5
        if not byte & 1:
            return cls(Kind.I, byte >> 1 & 7, received, poll)
        code = byte & ~_POLL
        for kind in Kind:
            if kind in _NUMBERED and code & 0x0F == kind.value:
                return cls(kind, 0, received, poll)
            if code == kind.value:
                return cls(kind, poll=poll)
        raise ProtocolError(f"an HDLC control byte {byte:02X}")


@dataclass(frozen=True, slots=True)
class HdlcFrame:
    """One frame; ``segmented`` says that the message goes on in the next."""

    destination: Address
    source: Address
    control: Control
    information: bytes = b""
    segmented: bool = False

    def to_bytes(self) -> bytes:
        """The frame between its flags; raises :class:`EncodeError` when it is too long."""
        addresses = self.destination.to_bytes() + self.source.to_bytes()
        behind = self.information and _CHECK + len(self.information)
        length = _FORMAT + len(addresses) + 1 + (behind or 0) + _CHECK
        if length > LONGEST:
            raise EncodeError(f"an HDLC frame of {length} bytes")
        first = _TYPE | (_SEGMENTED if self.segmented else 0) | length >> 8
        header = bytes([first, length & 0xFF]) + addresses + bytes([self.control.to_byte()])
        content = header + (_check(header) + self.information if self.information else b"")
        return bytes([FLAG]) + content + _check(content) + bytes([FLAG])

    @classmethod
    def from_content(cls, content: bytes) -> HdlcFrame:
        """A frame from what stands between its flags.

        Raises :class:`~protocols.errors.ProtocolError` for another type, a wrong length or check, an unknown control.
        """
        header = _header_size(content)
        if header is None or _length(content) != len(content) or not _sound(content, header):
            raise ProtocolError(f"no HDLC frame: {content[:12].hex()}")
        if crc(content[:-_CHECK]) != int.from_bytes(content[-_CHECK:], "little"):
            raise ProtocolError("a garbled HDLC frame")
        middle = _FORMAT + _address_size(content, _FORMAT)
        return cls(
            Address.from_bytes(content[_FORMAT:middle]),
            Address.from_bytes(content[middle : header - 1]),
            Control.from_byte(content[header - 1]),
            content[header + _CHECK : -_CHECK],
            bool(content[0] & _SEGMENTED),
        )


class HdlcReader:
    """Frames out of a byte stream that comes in any chunks; what is garbled is passed over and counted.

    A header that is wrong is found out by its own check, so a garbled length never makes the reader wait for what does
    not come; only a frame that broke off behind a good header does, until :meth:`expire`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.garbled = 0

    @property
    def pending(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._buffer)

    def expire(self) -> None:
        """The line has been silent: what is unfinished will not be finished."""
        self._buffer.clear()

    def feed(self, chunk: bytes) -> list[HdlcFrame]:
        """The frames that these bytes complete; raises nothing."""
        self._buffer += chunk
        frames: list[HdlcFrame] = []
        at = 0
        while (at := self._buffer.find(FLAG, at)) >= 0:
            end = self._end(at + 1)
            if end is None:
                break
            if end:
                try:
                    frames.append(HdlcFrame.from_content(bytes(self._buffer[at + 1 : end])))
                    at = end  # this flag may also open the next frame
                    continue
                except ProtocolError:
                    self.garbled += 1
            at += 1
        del self._buffer[: len(self._buffer) if at < 0 else at]
        return frames

    def _end(self, begin: int) -> int | None:
        """Where the closing flag of a frame that begins here stands; 0 if none can, None while nobody can tell."""
        head = bytes(self._buffer[begin : begin + _FORMAT + 8 + 1 + _CHECK])
        if head and head[0] & _TYPE_MASK != _TYPE:
            return 0
        if len(head) < _FORMAT:
            return None
        try:
            header = _header_size(head)
        except ProtocolError:
            return 0
        end = begin + _length(head)
        if header is None or len(head) < header + _CHECK:
            return None if _length(head) > len(head) else 0
        if not _sound(head, header):
            return 0
        if end >= len(self._buffer):
            return None
        return end if self._buffer[end] == FLAG else 0


def _length(content: bytes) -> int:
    return (content[0] & 0x07) << 8 | content[1]


def _address_size(content: bytes, at: int) -> int:
    """Bytes of the address there, 0 while its end has not come; raises :class:`ProtocolError` for an impossible one."""
    for count, byte in enumerate(content[at : at + _ADDRESS_BYTES[-1]], start=1):
        if byte & 1:
            if count in _ADDRESS_BYTES:
                return count
            break
    else:
        if len(content) < at + _ADDRESS_BYTES[-1]:
            return 0
    raise ProtocolError("no HDLC address")


def _header_size(content: bytes) -> int | None:
    """Bytes up to the control byte, both included, or None while they have not all come."""
    if len(content) < _FORMAT:
        return None
    first = _address_size(content, _FORMAT)
    second = _address_size(content, _FORMAT + first) if first else 0
    size = _FORMAT + first + second + 1
    return size if first and second and len(content) >= size else None


def _sound(content: bytes, header: int) -> bool:
    """Whether a header is right by its length and its own check; a frame without information has only the FCS."""
    length = _length(content)
    if content[0] & _TYPE_MASK != _TYPE or length < header + _CHECK:
        return False
    if length == header + _CHECK:
        return True
    check = int.from_bytes(content[header : header + _CHECK], "little")
    return length >= header + 2 * _CHECK and check == crc(content[:header])
