"""The codec on the maps, and the maps against the reference page."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.errors import IllegalAddressError, RegisterMapError, RegisterValueError
from protocols.modbus.maps import (
    KW8M,
    Point,
    RegisterMap,
    Value,
    encode_maps,
    map_names,
    register_map,
)
from protocols.modbus.sunspec import BASE, chain
from protocols.modbus.types import WHOLE_TYPES

METER = register_map("sunspec_202")
PANEL = register_map(KW8M)


def no_value(name: str) -> Value:
    return None


def read(each: RegisterMap, values: dict[str, Value], *points: str) -> list[list[int]]:
    found = [each.point(name) for name in points]
    return [each.encode(values.get, point.address, point.words) for point in found]


@pytest.mark.parametrize("model", [201, 202, 203])
def test_meter_models_lie_where_the_reference_says(model: int) -> None:
    """rack-instruments §6.2: offsets from ID."""
    meter = register_map(f"sunspec_{model}")
    offsets = {"A": 2, "AphA": 3, "AphC": 5, "A_SF": 6, "PhV": 7, "PhVphA": 8, "PhVphC": 10, "PPV": 11, "V_SF": 15}
    offsets |= {"Hz": 16, "Hz_SF": 17, "W": 18, "WphA": 19, "WphC": 21, "W_SF": 22, "VA": 23, "VA_SF": 27}
    offsets |= {"VAR": 28, "VAR_SF": 32, "PF": 33, "PF_SF": 37, "TotWhExp": 38, "TotWhExpPhA": 40, "TotWhExpPhC": 44}
    offsets |= {"TotWhImp": 46, "TotWhImpPhA": 48, "TotWhImpPhC": 52, "TotWh_SF": 54, "TotVAhExp": 55}
    offsets |= {"TotVAh_SF": 71, "TotVArhImpQ1": 72, "TotVArh_SF": 104, "Evt": 105}
    assert {name: meter.point(name).address for name in offsets} == offsets
    assert meter.point("ID").constant == model
    assert (meter.point("L").constant, meter.last + 1) == (105, 107)
    assert meter.point("TotWhImp").kind == "acc32"
    assert meter.point("A").kind == "s16"


def test_the_common_model_is_66_registers_behind_its_length() -> None:
    common = register_map("sunspec_1")
    assert (common.point("L").constant, common.last + 1) == (66, 68)


def test_the_japanese_meter_lies_where_the_reference_says() -> None:
    """rack-instruments §6.3."""
    facts = {
        "voltage_l1": (0xAA, "u32", "V", -1),
        "voltage_l2": (0xAC, "u32", "V", -1),
        "voltage_l3": (0xAE, "u32", "V", -1),
        "active_power": (0xB0, "u32", "kW", -2),
        "reactive_power": (0xB2, "s32", "kvar", -2),
        "apparent_power": (0xB4, "u32", "kVA", -2),
        "energy": (0x64, "u32", "kWh", -2),
    }
    found = {name: PANEL.point(name) for name in facts}
    assert {name: (p.address, p.kind, p.unit, p.scale) for name, p in found.items()} == facts
    assert PANEL.point("ct_type").address == 0x3C
    assert PANEL.point("vt_ratio").address == 0x42


def test_32_bit_numbers_stand_high_word_first_in_sunspec_and_low_word_first_in_the_japanese_meter() -> None:
    values: dict[str, Value] = {"TotWhImp": 0x0001_0002, "TotWh_SF": 0, "apparent_power": Decimal(0x0001_0002) / 100}
    assert read(METER, values, "TotWhImp") == [[1, 2]]
    assert read(PANEL, values, "apparent_power") == [[2, 1]]
    assert PANEL.decode(0xB4, [2, 1]) == {"apparent_power": Decimal("655.38")}
    assert replace(PANEL, low_word_first=False).decode(0xB4, [2, 1]) == {"apparent_power": Decimal("1310.73")}


def test_a_scale_factor_multiplies_and_a_fixed_scale_does_so_too() -> None:
    values: dict[str, Value] = {"W": -1234, "W_SF": 1, "PhVphA": Decimal("101.25"), "V_SF": -1, "vt_ratio": 1}
    assert read(METER, values, "W", "W_SF", "PhVphA") == [[0x10000 - 123], [1], [1012]]
    assert read(PANEL, values, "vt_ratio") == [[100]]
    assert METER.decode(18, [0x10000 - 123, 0x8000, 0x8000, 0x8000, 1])["W"] == -1230


def test_a_point_without_its_scale_factor_can_be_neither_written_nor_read() -> None:
    with pytest.raises(RegisterValueError, match="no scale factor W_SF"):
        METER.encode({"W": 1}.get, 18, 1)
    with pytest.raises(RegisterValueError, match="needs W_SF"):
        METER.decode(18, [1])


def test_what_a_device_does_not_have_reads_as_the_code_of_its_type() -> None:
    registers = METER.encode(no_value, METER.first, 107)
    assert registers[:7] == [202, 105, 0x8000, 0x8000, 0x8000, 0x8000, 0x8000]
    assert registers[38:40] == [0, 0]  # accumulators
    assert registers[105:] == [0xFFFF, 0xFFFF]
    decoded = METER.decode(METER.first, registers)
    assert {name for name, value in decoded.items() if value is not None} == {"ID", "L"}
    assert register_map("sunspec_1").encode(no_value, 66, 2) == [0xFFFF, 0x8000]


def test_the_japanese_meter_has_no_such_codes_and_reads_0() -> None:
    assert PANEL.encode(no_value, 0xAC, 2) == [0, 0]
    assert PANEL.decode(0xAC, [0, 0]) == {"voltage_l2": 0}


def test_a_number_that_is_the_code_of_no_value_is_refused() -> None:
    with pytest.raises(RegisterValueError, match="does not exist"):
        METER.encode({"W": -0x8000, "W_SF": 0}.get, 18, 1)


@pytest.mark.parametrize("value", [40_000, float("nan"), float("inf"), "power"])
def test_a_value_that_does_not_fit_is_refused_by_name(value: Value) -> None:
    with pytest.raises(RegisterValueError):
        METER.encode({"W": value, "W_SF": 0}.get, 18, 1)


def test_counters_are_cut_and_wrap_where_their_registers_or_their_digits_end() -> None:
    big: dict[str, Value] = {"TotWhImp": 2**32 + 7, "TotWh_SF": 0, "energy": Decimal("10000000.019")}
    assert read(METER, big, "TotWhImp") == [[0, 7]]
    assert read(PANEL, big, "energy") == [[1, 0]]
    last: dict[str, Value] = {"energy": Decimal("9999999.999")}
    assert PANEL.decode(0x64, read(PANEL, last, "energy")[0]) == {"energy": Decimal("9999999.99")}


def test_registers_between_the_points_read_0_where_the_maker_says_so_and_are_illegal_elsewhere() -> None:
    assert PANEL.encode(no_value, 0x01, 4) == [0, 0, 0, 0]
    for start, count in ((0x00, 1), (0xB5, 2), (0xFFFF, 1)):
        with pytest.raises(IllegalAddressError):
            PANEL.encode(no_value, start, count)
    with pytest.raises(IllegalAddressError):
        METER.encode(no_value, 106, 2)


@given(st.sampled_from(map_names()), st.data())
def test_any_window_is_that_part_of_the_whole(name: str, data: st.DataObject) -> None:
    each = register_map(name)
    values = {point.name: number for number, point in enumerate(each.points) if "SF" not in point.name}
    values |= {point.name: 0 for point in each.points if "SF" in point.name}
    whole = each.encode(values.get, each.first, each.last - each.first + 1)
    start = data.draw(st.integers(each.first, each.last))
    count = data.draw(st.integers(1, each.last - start + 1))
    assert each.encode(values.get, start, count) == whole[start - each.first :][:count]


def values_of(point: Point) -> st.SearchStrategy[Value]:
    """Raw counts of a point, or text, that come back as they went in."""
    if point.kind == "string":
        return st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=2 * point.words).map(
            lambda text: text or None
        )
    low, high = WHOLE_TYPES[point.kind].bounds
    top = min(high, point.modulus - 1) if point.modulus else high
    counts = st.integers(low, top).filter(lambda raw: raw != WHOLE_TYPES[point.kind].absent)
    return counts.map(lambda raw: Decimal(raw).scaleb(point.scale) if point.scale else raw)


@given(st.sampled_from(map_names()), st.data())
def test_what_was_encoded_is_decoded(name: str, data: st.DataObject) -> None:
    each = register_map(name)
    values: dict[str, Value] = {point.name: data.draw(values_of(point)) for point in each.points}
    values |= {p.name: 0 for p in each.points if p.kind == "sunssf"}
    values |= {p.name: p.constant for p in each.points if p.constant is not None}
    assert each.decode(each.first, each.encode(values.get, each.first, each.last - each.first + 1)) == values


def test_a_chain_has_its_marker_its_models_and_its_end_without_a_gap() -> None:
    maps = chain((1, 203))
    assert [(each.first, each.last) for each in maps] == [
        (BASE, BASE + 1),
        (40_002, 40_069),
        (40_070, 40_176),
        (40_177, 40_178),
    ]
    blocks = [(each, no_value) for each in maps]
    assert encode_maps(blocks, BASE, 4) == [0x5375, 0x6E53, 1, 66]
    assert encode_maps(blocks, 40_069, 3) == [0x8000, 203, 105]
    assert encode_maps(blocks, 40_176, 3) == [0xFFFF, 0xFFFF, 0]
    for start, count in ((BASE - 1, 2), (40_178, 2), (0, 1), (65_535, 1)):
        with pytest.raises(IllegalAddressError):
            encode_maps(blocks, start, count)


def test_maps_and_points_that_do_not_exist_are_refused_by_name() -> None:
    with pytest.raises(RegisterMapError, match="there are sunspec_1, kw8m"):
        register_map("sunspec_999")
    with pytest.raises(RegisterMapError, match="no point 'Wh'"):
        METER.point("Wh")


def test_every_map_says_where_it_comes_from() -> None:
    for name in map_names():
        assert register_map(name).source
    assert [point.name for point in PANEL.points if not point.verified] == ["energy"]
