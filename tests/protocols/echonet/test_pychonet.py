"""An independent client's pure functions read our bytes (pychonet, MIT): no sockets here."""

import pytest
from pychonet.lib.epc_functions import _009X  # type: ignore[import-untyped]
from pychonet.lib.functions import buildEchonetMsg, decodeEchonetMsg  # type: ignore[import-untyped]
from pychonet.LowVoltageSmartElectricEnergyMeter import (  # type: ignore[import-untyped]
    _0288E0,
    _0288E1,
    _0288E7,
    _0288E8,
    _0288EA,
)

from protocols.echonet.epc import CODECS
from protocols.echonet.frame import Frame, Property
from protocols.echonet.values import Special
from tests.protocols.echonet.vectors import EA_A, FRAMES, READABLE_A, node_a


@pytest.mark.parametrize("name", ["A6 refused 83", "A8 instance list", "B10 half-hour INF", "C12 half-hour INFC"])
def test_pychonet_reads_our_frames_as_we_do(name: str) -> None:
    _, frame = FRAMES[name]
    seen = decodeEchonetMsg(frame.to_bytes())
    assert (seen["TID"], seen["ESV"]) == (frame.tid, frame.esv)
    assert [Property(item["EPC"], item["EDT"]) for item in seen["OPC"]] == list(frame.properties)


def test_a_request_built_by_pychonet_is_answered() -> None:
    opc = [{"EPC": 0xE7, "PDC": 0}, {"EPC": 0xE5, "PDC": 0}]
    wire = buildEchonetMsg({"TID": 5, "DEOJGC": 2, "DEOJCC": 0x88, "DEOJCI": 1, "ESV": 0x62, "OPC": opc})
    (reply,) = node_a().receive(bytes(wire), "home")
    assert Frame.from_bytes(reply.data).properties == (Property(0xE7, bytes.fromhex("00000278")), Property(0xE5, b"\0"))


@pytest.mark.parametrize("value", [0, 99_999_999, Special.NO_DATA])
def test_pychonet_reads_our_registers(value: int | Special) -> None:
    assert _0288E0(CODECS["register"].encode(value)) == (None if value is Special.NO_DATA else value)


@pytest.mark.parametrize("value", [632, -632, 0, *list(Special)[:3]])
def test_pychonet_reads_our_power_and_its_sentinels(value: int | Special) -> None:
    assert _0288E7(CODECS["s32"].encode(value)) == (None if isinstance(value, Special) else value)


@pytest.mark.parametrize("value", [30, -30, *list(Special)[:3]])
def test_pychonet_reads_our_currents_and_their_sentinels(value: int | Special) -> None:
    seen = _0288E8(CODECS["two_s16"].encode((50, value)))
    assert seen == {"r_phase_amperes": 5.0, "t_phase_amperes": None if isinstance(value, Special) else value / 10}


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 0x0A, 0x0B, 0x0C, 0x0D])
def test_pychonet_knows_the_same_units(code: int) -> None:
    assert float(CODECS["energy_unit"].decode(bytes([code]))) == _0288E1(bytes([code]))


def test_pychonet_reads_our_half_hour_values() -> None:
    seen = _0288EA(CODECS["stamped_register"].encode(EA_A))
    assert seen == {"time": EA_A.time.isoformat(), "culmative_value": EA_A.values[0]}


@pytest.mark.parametrize("epcs", [READABLE_A, frozenset({0x80, 0xE0}), frozenset(range(0x80, 0x90))])
def test_pychonet_reads_our_property_maps(epcs: frozenset[int]) -> None:
    assert set(_009X(CODECS["property_map"].encode(epcs))) == epcs
