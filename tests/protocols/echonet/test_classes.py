import pytest

from protocols.echonet.classes import (
    CLASSES,
    GAS_METER,
    HV_METER,
    HV_METER_BIDIRECTIONAL,
    LV_METER,
    NODE_PROFILE,
    WATER_METER,
    Options,
    class_of_code,
    object_class,
    resolve,
)
from protocols.echonet.errors import UnknownPropertyError
from protocols.echonet.lists import PropertyMapCodec
from tests.protocols.echonet.vectors import OPTIONS_A, READABLE_A, VALUES, table_a

REQUIRED_OF_ALL = {0x80, 0x81, 0x82, 0x88, 0x8A, 0x9D, 0x9E, 0x9F}


def test_the_maps_of_the_captured_meter_follow_from_its_table() -> None:
    table = table_a()
    maps = {0x9D: table.inf_map, 0x9E: table.set_map, 0x9F: table.get_map}
    for name in ("A7 announcement map", "A7 set map", "A7 get map"):
        wire, epc, epcs = VALUES[name]
        assert maps[epc] == epcs
        assert PropertyMapCodec().encode(maps[epc]) == bytes.fromhex(wire)[14:]


def test_release_r_adds_four_properties_to_the_low_voltage_meter() -> None:
    options = Options(OPTIONS_A.get, OPTIONS_A.set, OPTIONS_A.inf, frozenset({"reverse", "japan"}))
    meter = object_class(LV_METER)
    assert resolve(meter, "R", options).get_map - resolve(meter, "F", options).get_map == {0xC0, 0xD0, 0xEE, 0xEF}
    assert resolve(meter, "R", options).set_map - resolve(meter, "F", options).set_map == {0xEF}


def test_a_meter_without_export_has_no_reverse_registers() -> None:
    plain = resolve(object_class(LV_METER), "F")
    assert plain.get_map == REQUIRED_OF_ALL | {0xD7, 0xE0, 0xE1, 0xE2, 0xE5, 0xE7, 0xE8, 0xEA}
    assert READABLE_A - plain.get_map == {0x8D, 0x97, 0x98, 0xD3, 0xE3, 0xE4, 0xEB, 0xEC, 0xED}


@pytest.mark.parametrize(
    ("name", "code", "release", "required"),
    [
        (HV_METER, 0x028A, "F", "C1C3C4C5C6D3D4E0E1E2E3E5E6E7"),
        (HV_METER_BIDIRECTIONAL, 0x028F, "R", "C1C3C4C5C6C8D0D3D4E0E1E2E3E5E6E7E8EAEBEDEF"),
        (WATER_METER, 0x0281, "A", "E0E1"),
        (GAS_METER, 0x0282, "A", "E0"),
    ],
)
def test_each_class_has_its_required_properties(name: str, code: int, release: str, required: str) -> None:
    kind = object_class(name)
    assert class_of_code(code) is kind
    assert resolve(kind, release).get_map == REQUIRED_OF_ALL | set(bytes.fromhex(required))


def test_the_node_profile_only_announces_its_instance_list() -> None:
    table = resolve(object_class(NODE_PROFILE), "F")
    assert table.inf_map == {0x80, 0xD5}
    assert table.get_map == {0x80, 0x82, 0x83, 0x8A, 0x9D, 0x9E, 0x9F, 0xD3, 0xD4, 0xD6, 0xD7}
    assert table.set_map == frozenset()


def test_voltage_is_in_no_release_of_the_low_voltage_meter() -> None:
    units = {rule.unit for rule in object_class(LV_METER).properties.values()}
    assert units == {"", "%", "W", "A", "kWh"}


@pytest.mark.parametrize("name", CLASSES)
def test_every_table_is_sound(name: str) -> None:
    kind = object_class(name)
    assert kind.source
    for epc, rule in kind.properties.items():
        assert 0x80 <= epc <= 0xFF
        assert "A" <= rule.release <= "R"
        assert set(rule.access.get + rule.access.set + rule.access.inf) <= set("roc-")
        assert ("c" in rule.access.get) == bool(rule.access.when)
        assert set(rule.times) <= set(kind.properties)
        if rule.selector is not None:
            assert kind.properties[rule.selector].access.set in "ro"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (Options(get=frozenset({0xEE})), "no get of EPC EE"),
        (Options(set=frozenset({0xE0})), "no set of EPC E0"),
        (Options(inf=frozenset({0xB0})), "no inf of EPC B0"),
        (Options(conditions=frozenset({"moon"})), "no condition moon"),
    ],
)
def test_options_that_the_class_does_not_offer_are_refused(options: Options, complaint: str) -> None:
    with pytest.raises(UnknownPropertyError, match=complaint):
        resolve(object_class(LV_METER), "F", options)


def test_a_class_or_a_release_that_does_not_exist_is_refused() -> None:
    for release in ("E", "S", "", "FF"):
        with pytest.raises(UnknownPropertyError, match="releases F…R are known"):
            resolve(object_class(LV_METER), release)
    with pytest.raises(UnknownPropertyError, match="lv_meter"):
        object_class("superclass")
    with pytest.raises(UnknownPropertyError, match="0290"):
        class_of_code(0x0290)
    with pytest.raises(UnknownPropertyError, match="no EPC D0"):
        table_a().rule(0xD0)
