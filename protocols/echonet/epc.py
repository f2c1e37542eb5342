"""The data types of our property tables, by the name they have there.

Registers carry at most 8 decimal digits, ``FFFFFFFE`` where nothing was measured; they wrap at the number of digits
that the meter states (0x0288 D7), not at 2³² (``meter-protocols`` §8 trap 9). The other sentinels are those of each
field: ``7FFFFFFE`` and ``7FFE`` for signed ones, ``00FF`` and ``FF`` for days never chosen (trap 7).
"""

from __future__ import annotations

from decimal import Decimal

from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.history import (
    MINUTE,
    SLOT,
    SLOTS_PER_DAY,
    DayHistoryCodec,
    SelectorCodec,
    SeriesCodec,
    StampedCodec,
)
from protocols.echonet.lists import ClassListCodec, InstanceListCodec, PropertyMapCodec
from protocols.echonet.values import (
    AnyCodec,
    Ascii,
    Choice,
    DateCodec,
    Integer,
    Octets,
    Raw,
    Row,
    Special,
    StandardVersionCodec,
    TimeCodec,
)

_NO_DATA = {0xFFFFFFFE: Special.NO_DATA}

# The ranges of both signed fields end three short of the type: the codes beyond are no data, over and under. The
# published ranges name only the first; over and under are as an independent client reads them.
_S16 = Integer(
    2,
    -32_767,
    32_765,
    {0x7FFE: Special.NO_DATA, 0x7FFF: Special.OVERFLOW, -0x8000: Special.UNDERFLOW},
)
_S32 = Integer(
    4,
    -2_147_483_647,
    2_147_483_645,
    {0x7FFFFFFE: Special.NO_DATA, 0x7FFFFFFF: Special.OVERFLOW, -0x80000000: Special.UNDERFLOW},
)

_FRACTIONS = {n: Decimal(1).scaleb(-n) for n in range(7)}
_MULTIPLES = {0x09 + n: Decimal(10) ** n for n in range(1, 6)}
_ENERGY_UNIT = {code: _FRACTIONS[code] for code in range(5)} | {code: _MULTIPLES[code] for code in range(0x0A, 0x0E)}

_SELECTOR_2 = SelectorCodec(12, SLOT)
_SELECTOR_3 = SelectorCodec(10, MINUTE)


def _registers(eight: Integer, nine: Integer) -> dict[str, AnyCodec]:
    """The data types that carry registers of at most eight digits, or volumes of at most nine."""
    return {
        "register": eight,
        "two_registers": Row(eight, 2),
        "stamped_register": StampedCodec(Row(eight, 1)),
        "stamped_registers": StampedCodec(Row(eight, 2)),
        "day_history": DayHistoryCodec(Row(eight, SLOTS_PER_DAY)),
        "series_2": SeriesCodec(_SELECTOR_2, Row(eight, 2)),
        "series_3": SeriesCodec(_SELECTOR_3, Row(eight, 2)),
        "register_9": nine,
        "history_9": Row(nine, SLOTS_PER_DAY),
    }


CODECS: dict[str, AnyCodec] = {
    "on_off": Choice({0x30: "on", 0x31: "off"}),
    "yes_no": Choice({0x41: "yes", 0x42: "no"}),
    "water_kind": Choice({0x30: "running", 0x31: "recycled", 0x32: "sewage", 0x33: "other"}),
    "owner_kind": Choice({0x30: "not specified", 0x31: "public", 0x32: "private company", 0x33: "individual"}),
    "location": Octets((1, 17)),
    "octets_2": Octets((2,)),
    "octets_3": Octets((3,)),
    "octets_4": Octets((4,)),
    "octets_5": Octets((5,)),
    "octets_16": Octets((16,)),
    "octets_17": Octets((17,)),
    "octets_up_to_255": Octets(range(1, 256)),
    "ascii_6": Ascii(6),
    "ascii_12": Ascii(12),
    "standard_version": StandardVersionCodec(),
    "date": DateCodec(),
    "time": TimeCodec(),
    "percent": Integer(1, 0, 100),
    "fault_code": Integer(2, 0, 0xFFFF),
    "power_u16": Integer(2, 0, 65_533),
    "count_u16": Integer(2, 1, 253),
    "count_u24": Integer(3, 0, 0xFFFFFF),
    "u32": Integer(4, 0, 0xFFFFFFFF),
    "s32": _S32,
    "two_s16": Row(_S16, 2),
    "two_s32": Row(_S32, 2),
    "property_map": PropertyMapCodec(),
    "instance_list": InstanceListCodec(),
    "class_list": ClassListCodec(),
    "coefficient": Integer(4, 0, 999_999),
    "coefficient_multiplier": Choice({code: _FRACTIONS[code] for code in range(4)}),
    "digits": Integer(1, 1, 8),
    "energy_unit": Choice(_ENERGY_UNIT),
    "energy_unit_to_0e": Choice({**_ENERGY_UNIT, 0x0E: _MULTIPLES[0x0E]}),
    "volume_unit": Choice(_FRACTIONS),
    "day_of_month": Integer(1, 1, 31),
    "history_day": Integer(1, 0, 99, {0xFF: Special.UNSET}),
    "selector_2": _SELECTOR_2,
    "selector_3": _SELECTOR_3,
    **_registers(Integer(4, 0, 99_999_999, _NO_DATA), Integer(4, 0, 999_999_999, _NO_DATA)),
}
"""``series_2`` and ``selector_2`` are the half-hour form (at most 12 rows), ``_3`` the one-minute form (at most 10)."""


_WHOLE_FIELD = Integer(4, 0, 0xFFFFFFFD, _NO_DATA)
UNWRAPPED: dict[str, AnyCodec] = _registers(_WHOLE_FIELD, _WHOLE_FIELD)
"""What a faulty meter sends whose registers do not wrap at their digits: for planted defects, never for reading."""


def codec_named(name: str) -> AnyCodec:
    """The data type of this name; raises :class:`UnknownPropertyError` when a table asks for another."""
    try:
        return CODECS[name]
    except KeyError:
        raise UnknownPropertyError(f"no data type {name!r}") from None


def wrapped(value: int, digits: int) -> int:
    """What a register of so many decimal digits shows of a total."""
    return int(value % 10**digits)


def register_difference(later: Raw, earlier: Raw, digits: int) -> Raw:
    """What a register counted from ``earlier`` to ``later``, over at most one wrap; no data when either has none."""
    if isinstance(later, Special) or isinstance(earlier, Special):
        return Special.NO_DATA
    return wrapped(later - earlier, digits)
