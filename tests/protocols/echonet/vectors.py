"""Published frames, and how a meter like the captured one looks.

Ids name the source: A, B, C are captures from real meters (``meter-protocols`` §6); ``spec-derived`` ones were made
from the specification, because no public capture exists.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from protocols.echonet.classes import LV_METER, NODE_PROFILE, DeviceTable, Options, object_class, resolve
from protocols.echonet.frame import HEMS, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.frame import NODE_PROFILE as PROFILE
from protocols.echonet.history import Selector, Series, Stamped
from protocols.echonet.lists import InstanceListCodec
from protocols.echonet.node import Node
from protocols.echonet.objects import NodeObject
from protocols.echonet.values import Special, StandardVersion

READABLE_A = frozenset(
    bytes.fromhex("808182888A8D97989D9E9FD3D7E0E1E2E3E4E5E7E8EAEBECED"),
)
OPTIONS_A = Options(
    get=frozenset({0x8D, 0x97, 0x98, 0xD3, 0xEC, 0xED}), set=frozenset({0xED}), conditions=frozenset({"reverse"})
)
"""What the meter of capture A has beyond the required."""


def answer(body: str, tid: int = 1, esv: str = "72") -> str:
    """A frame of the meter to the home, with one list ``count, properties``."""
    return f"1081{tid:04X}02880105FF01{esv}{body}"


EA_A = Stamped(datetime(2026, 5, 20, 14), (65_128,))
HALF_HOUR_C = (
    Stamped(datetime(2021, 1, 18, 18), (64_466,)),
    Stamped(datetime(2021, 1, 18, 18), (9,)),
)

VALUES: Mapping[str, tuple[str, int, Any]] = {  # id: wire, EPC, value
    "A1 power": (answer("01E70400000278"), 0xE7, 632),
    "A2 currents": (answer("01E804001E0032"), 0xE8, (30, 50)),
    "A3 half-hour import": (answer("01EA0B07EA05140E00000000FE68"), 0xEA, EA_A),
    "A4 half-hour export": (
        answer("01EB0B07EA0518161E0000000016"),
        0xEB,
        Stamped(datetime(2026, 5, 24, 22, 30), (22,)),
    ),
    "A5 import": (answer("01E0040000FE73"), 0xE0, 65_139),
    "A5 coefficient": (answer("01D30400000001"), 0xD3, 1),
    "A5 digits": (answer("01D70106"), 0xD7, 6),
    "A5 status": (answer("01800130"), 0x80, "on"),
    "A5 location": (answer("01810161"), 0x81, b"\x61"),
    "A5 release": (answer("01820400004600"), 0x82, StandardVersion("F", 0)),
    "A5 fault": (answer("01880142"), 0x88, "no"),
    "A5 time": (answer("0197020E1A"), 0x97, time(14, 26)),
    "A5 date": (answer("01980407EA0514"), 0x98, date(2026, 5, 20)),
    "A7 maker": (answer("018A03000016"), 0x8A, b"\x00\x00\x16"),
    "A7 serial number": (answer("018D0C463234473336363530350000"), 0x8D, "F24G366505"),
    "A7 announcement map": (answer("019D0403808188"), 0x9D, frozenset({0x80, 0x81, 0x88})),
    "A7 set map": (answer("019E040381E5ED"), 0x9E, frozenset({0x81, 0xE5, 0xED})),
    "A7 get map": (answer("019F111941414160404000624300414040430202"), 0x9F, READABLE_A),
    "B11 power": (answer("01E704000000E4", 0x5253), 0xE7, 228),
    "spec-derived D0": (
        answer("01D00F07EA05140A1F000000FE6800000016"),
        0xD0,
        Stamped(datetime(2026, 5, 20, 10, 31), (65_128, 22)),
    ),
    "spec-derived EE": (
        answer("01EE1707EA05140A1E020000FE67000000160000FE6600000016", 3),
        0xEE,
        Series(Selector(datetime(2026, 5, 20, 10, 30), 2), ((65_127, 22), (65_126, 22))),
    ),
    "spec-derived E8 two-wire": (answer("01E804001E7FFE", 4), 0xE8, (30, Special.NO_DATA)),
}

EF_EDT = bytes.fromhex("07EA05140A1E02")
D5_EDT = InstanceListCodec().encode([LV])
B10_VALUES = (
    Property(0xEA, bytes.fromhex("07E70C13001E000000458E")),
    Property(0xEB, bytes.fromhex("07E70C13001E0000000015")),
)
C12_VALUES = (
    Property(0xEA, bytes.fromhex("07E501121200000000FBD2")),
    Property(0xEB, bytes.fromhex("07E5011212000000000009")),
)

FRAMES: Mapping[str, tuple[str, Frame]] = {
    "A6 refused 83": (answer("018300", esv="52"), Frame(1, LV, HEMS, Esv.GET_SNA, (Property(0x83),))),
    "A8 instance list": (
        "108100000EF0010EF0017301D50401028801",
        Frame(0, PROFILE, PROFILE, Esv.INF, (Property(0xD5, D5_EDT),)),
    ),
    "B10 half-hour INF": (
        answer("02EA0B07E70C13001E000000458EEB0B07E70C13001E0000000015", esv="73"),
        Frame(1, LV, HEMS, Esv.INF, B10_VALUES),
    ),
    "C12 half-hour INFC": (
        answer("02EA0B07E501121200000000FBD2EB0B07E5011212000000000009", 0x029F, "74"),
        Frame(0x029F, LV, HEMS, Esv.INFC, C12_VALUES),
    ),
    "spec-derived SetC EF": (
        "1081000205FF010288016101EF0707EA05140A1E02",
        Frame(2, HEMS, LV, Esv.SET_C, (Property(0xEF, EF_EDT),)),
    ),
    "spec-derived Set_Res EF": (
        "1081000202880105FF017101EF00",
        Frame(2, LV, HEMS, Esv.SET_RES, (Property(0xEF),)),
    ),
    "spec-derived SetGet": (
        "1081000305FF010288016E01E5010102E200E400",
        Frame(3, HEMS, LV, Esv.SET_GET, (Property(0xE5, b"\x01"),), (Property(0xE2), Property(0xE4))),
    ),
}


class Values:
    """A provider that knows what it is told, and takes sets of what it knows."""

    def __init__(self, values: Mapping[int, bytes]) -> None:
        self.values = dict(values)
        self.refuse_sets = False

    def get(self, epc: int) -> bytes | None:
        return self.values.get(epc)

    def set(self, epc: int, edt: bytes) -> bool:
        if self.refuse_sets:
            return False
        self.values[epc] = edt
        return True


class HistoryValues(Values):
    """A provider with an E5/E2 pair: the history of the day chosen last; each register is 100 × date + slot."""

    today = 20

    def get(self, epc: int) -> bytes | None:
        if epc == 0xE2:
            day = self.values[0xE5][0]
            registers = [(100 * (self.today - day) + slot) % 10**8 for slot in range(48)]
            return day.to_bytes(2, "big") + b"".join(value.to_bytes(4, "big") for value in registers)
        return super().get(epc)


EDT_A = {epc: bytes.fromhex(wire)[14:] for wire, epc, _ in VALUES.values() if wire[6:8] == "01"} | {0xE1: b"\x01"}
"""What the captured meter said, and a unit of 0.1 kWh, which was not captured."""


def table_a() -> DeviceTable:
    """The table of the captured meter."""
    return resolve(object_class(LV_METER), "F", OPTIONS_A)


def profile(provider: Values | None = None) -> NodeObject:
    """A node profile with what is required of it."""
    values = provider or Values({0x80: b"\x30", 0x83: b"\xfe" + bytes(16), 0x8A: bytes.fromhex("000016")})
    return NodeObject(PROFILE, resolve(object_class(NODE_PROFILE), "F"), values)


def meter(provider: Values | None = None, instance: int = 1) -> NodeObject:
    """The captured meter, or another instance of it."""
    return NodeObject(Eoj(0x0288, instance), table_a(), provider or HistoryValues({**EDT_A, 0xE5: b"\x00"}))


def node_a(**settings: Any) -> Node:
    """A node with that meter."""
    return Node(profile(), [meter()], **settings)
