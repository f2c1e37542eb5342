"""The ECHONET Lite frame: who asks whom for what (ECHONET Lite specification part 2; ``meter-protocols`` §1.1).

``EHD1 10 | EHD2 81 | TID u16 | SEOJ 3 | DEOJ 3 | ESV 1 | OPC 1 | {EPC 1 | PDC 1 | EDT PDC}*``, big-endian. The SetGet
services carry two such lists, first what is set, then what is read. ``EHD2 82`` is the free format: its payload is a
private matter of two makers, so it is recognised and left alone.

``parse`` takes bytes from strangers: it raises :class:`~protocols.errors.ProtocolError` and nothing else, and what it
builds is never larger than its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from protocols.echonet.errors import EncodeError
from protocols.errors import ProtocolError

EHD1 = 0x10
EHD2_SPECIFIED = 0x81
EHD2_FREE = 0x82
MAX_FRAME = 65_507
"""Bytes in one frame: the largest UDP payload over IPv4."""

_HEADER_BYTES = 11  # EHD1 to ESV


class Esv(IntEnum):
    """Service codes."""

    SET_I_SNA = 0x50
    SET_C_SNA = 0x51
    GET_SNA = 0x52
    INF_SNA = 0x53
    SET_GET_SNA = 0x5E
    SET_I = 0x60
    SET_C = 0x61
    GET = 0x62
    INF_REQ = 0x63
    SET_GET = 0x6E
    SET_RES = 0x71
    GET_RES = 0x72
    INF = 0x73
    INFC = 0x74
    INFC_RES = 0x7A
    SET_GET_RES = 0x7E


class Answers(NamedTuple):
    """How a service is answered: ``ok`` when every property is served, ``refused`` when one is not; None is silence."""

    ok: Esv | None
    refused: Esv | None


REQUESTS: dict[Esv, Answers] = {
    Esv.SET_I: Answers(None, Esv.SET_I_SNA),
    Esv.SET_C: Answers(Esv.SET_RES, Esv.SET_C_SNA),
    Esv.GET: Answers(Esv.GET_RES, Esv.GET_SNA),
    Esv.INF_REQ: Answers(Esv.INF, Esv.INF_SNA),
    Esv.SET_GET: Answers(Esv.SET_GET_RES, Esv.SET_GET_SNA),
}
"""The services that ask for something, and their two answers."""

TWO_LISTS = frozenset({Esv.SET_GET, Esv.SET_GET_RES, Esv.SET_GET_SNA})
_SETTING = TWO_LISTS | {Esv.SET_I, Esv.SET_C, Esv.SET_RES, Esv.SET_I_SNA, Esv.SET_C_SNA}


@dataclass(frozen=True, slots=True, order=True)
class Eoj:
    """An ECHONET object: class group and class code in one u16, and the instance 1…127, 0 meaning all of the class."""

    class_code: int
    instance: int

    @classmethod
    def of(cls, code: int) -> Eoj:
        """From the three bytes as one number, e.g. ``0x028801``."""
        return cls(code >> 8, code & 0xFF)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Eoj:
        """From three bytes."""
        if len(raw) != 3:
            raise ProtocolError(f"an object code of {len(raw)} bytes instead of 3")
        return cls.of(int.from_bytes(raw, "big"))

    def to_bytes(self) -> bytes:
        """The three bytes."""
        return _uint(self.class_code, 2) + _uint(self.instance, 1)

    def __str__(self) -> str:
        return f"{self.class_code:04X}{self.instance:02X}"


HEMS = Eoj.of(0x05FF01)
LV_METER = Eoj.of(0x028801)
NODE_PROFILE = Eoj.of(0x0EF001)


@dataclass(frozen=True, slots=True)
class Property:
    """One property in a frame: its code, and its data (empty where the service carries none)."""

    epc: int
    edt: bytes = b""

    def to_bytes(self) -> bytes:
        """EPC, PDC and EDT."""
        return _uint(self.epc, 1) + _uint(len(self.edt), 1) + self.edt


@dataclass(frozen=True, slots=True)
class Frame:
    """One message in the specified format; ``gets`` is the second list and belongs to the SetGet services only."""

    tid: int
    seoj: Eoj
    deoj: Eoj
    esv: Esv
    properties: tuple[Property, ...]
    gets: tuple[Property, ...] = ()

    @property
    def sets(self) -> tuple[Property, ...]:
        """The properties that this request sets, or this answer says were set or not."""
        return self.properties if self.esv in _SETTING else ()

    @property
    def reads(self) -> tuple[Property, ...]:
        """The properties that this message asks for or tells."""
        if self.esv in TWO_LISTS:
            return self.gets
        return () if self.esv in _SETTING else self.properties

    def confirmation(self, seoj: Eoj) -> Frame:
        """The INFC_Res to this INFC: every property again, without data."""
        received = tuple(Property(item.epc) for item in self.properties)
        return Frame(self.tid, seoj, self.seoj, Esv.INFC_RES, received)

    def to_bytes(self) -> bytes:
        """The frame; raises :class:`EncodeError` where a field or a list is too large."""
        if self.gets and self.esv not in TWO_LISTS:
            raise EncodeError(f"{self.esv.name} carries one list of properties")
        head = bytes([EHD1, EHD2_SPECIFIED]) + _uint(self.tid, 2) + self.seoj.to_bytes() + self.deoj.to_bytes()
        lists = [self.properties, self.gets] if self.esv in TWO_LISTS else [self.properties]
        raw = head + bytes([self.esv]) + b"".join(map(_list_bytes, lists))
        if len(raw) > MAX_FRAME:
            raise EncodeError(f"a frame of {len(raw)} bytes, at most {MAX_FRAME} travel")
        return raw

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frame:
        """Read a frame in the specified format."""
        frame = parse(raw)
        if isinstance(frame, FreeFormat):
            raise ProtocolError("a frame in free format")
        return frame


@dataclass(frozen=True, slots=True)
class FreeFormat:
    """A message in the free format (EHD2 82): only the transaction is ours to know."""

    tid: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """The frame."""
        return bytes([EHD1, EHD2_FREE]) + _uint(self.tid, 2) + self.payload


AnyFrame: TypeAlias = Frame | FreeFormat


def parse(raw: bytes) -> AnyFrame:
    """Read any frame; what follows the last property is an error, not padding."""
    if len(raw) > MAX_FRAME:
        raise ProtocolError(f"{len(raw)} bytes, at most {MAX_FRAME} are allowed")
    if len(raw) < 4 or raw[0] != EHD1 or raw[1] not in (EHD2_SPECIFIED, EHD2_FREE):
        raise ProtocolError(f"no ECHONET Lite frame: {raw[:4].hex() or '(empty)'}")
    tid = int.from_bytes(raw[2:4], "big")
    if raw[1] == EHD2_FREE:
        return FreeFormat(tid, raw[4:])
    if len(raw) < _HEADER_BYTES:
        raise ProtocolError(f"a frame of {len(raw)} bytes")
    try:
        esv = Esv(raw[10])
    except ValueError:
        raise ProtocolError(f"unknown service {raw[10]:02x}") from None
    properties, end = _read_list(raw, _HEADER_BYTES)
    gets, end = _read_list(raw, end) if esv in TWO_LISTS else ((), end)
    if end != len(raw):
        raise ProtocolError(f"{len(raw) - end} bytes too many")
    return Frame(tid, Eoj.from_bytes(raw[4:7]), Eoj.from_bytes(raw[7:10]), esv, properties, gets)


def _read_list(raw: bytes, at: int) -> tuple[tuple[Property, ...], int]:
    if at >= len(raw):
        raise ProtocolError(f"no property count at {at}")
    count, at = raw[at], at + 1
    found: list[Property] = []
    for _ in range(count):
        start = at + 2
        if start > len(raw):
            raise ProtocolError(f"{len(found)} properties instead of {count}")
        end = start + raw[at + 1]
        if end > len(raw):
            raise ProtocolError(f"property {raw[at]:02x} ends {end - len(raw)} bytes behind the frame")
        found.append(Property(raw[at], raw[start:end]))
        at = end
    return tuple(found), at


def _list_bytes(properties: Sequence[Property]) -> bytes:
    return _uint(len(properties), 1) + b"".join(item.to_bytes() for item in properties)


def _uint(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise EncodeError(f"{value} does not fit {size} bytes") from None
