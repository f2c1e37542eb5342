"""Meters of the emulated rack read over each of their ways, and the stick of a place, as the gateway does it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.errors import InputError
from bench.keys import master_key
from bench.rack.credentials import endpoints_of_place
from bench.rack.instruments import Instruments
from bench.rack.inventory import read_inventory
from bench.rack.messages import Attenuate, Power, ReadMeter, Source
from bench.rack.readings import Readings
from bench.rack.rig import Rig
from hil_drivers.errors import LinkError, UnsupportedError
from protocols.errors import MeterBenchError
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.virtual import eventually
from twins.meter.identity import route_b
from twins.rack.faults import Fault

SCALE = 300.0
PATIENT = "{ watchdog_seconds: 600 }"  # there is no gateway that feeds it


@pytest.fixture(scope="module")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    with Emulation(topology(tmp_path_factory.mktemp("readings"), SCALE, safe_state=PATIENT)) as running:
        yield running


@pytest.fixture(scope="module")
def rig(emulation: Emulation) -> Iterator[Rig]:
    """lv-1, fed with 100 V."""
    instruments = Instruments(emulation.inventory)
    rig = Rig(emulation.inventory, "lv-1", instruments.opened, lambda send: send())
    rig.power(Power("", "", "on"))
    rig.source(Source("", "", "on"))
    yield rig
    instruments.close()


@pytest.fixture
def readings(emulation: Emulation, rig: Rig) -> Iterator[Readings]:
    opened = Readings(functools.partial(endpoints_of_place, emulation.inventory))
    eventually(lambda: answers(opened), patience=30.0)  # the meter boots first
    yield opened
    opened.close()


def answers(readings: Readings) -> bool:
    try:
        readings.read(ReadMeter("lv-1", "identity"))
    except MeterBenchError:
        return False
    return True


@pytest.mark.parametrize("via", ["dlms", "modbus", "echonet"])
def test_registers_are_those_of_the_meter_whatever_the_way(emulation: Emulation, readings: Readings, via: str) -> None:
    true = emulation.meter("lv-1")["registers"]["import_wh"]
    assert readings.read(ReadMeter("lv-1", "registers", via=via))["import_wh"] == pytest.approx(true, abs=100)


def test_without_a_protocol_the_first_that_can_is_asked(readings: Readings) -> None:
    assert readings.read(ReadMeter("lv-1", "power_failures"))["count"] >= 0  # DLMS alone
    assert isinstance(readings.read(ReadMeter("lv-1", "events", last=2**31)), list)
    now = readings.read(ReadMeter("lv-1", "clock"))["time"]
    assert isinstance(readings.read(ReadMeter("lv-1", "profile", 1800, now - 7200, now)), list)
    with pytest.raises(UnsupportedError, match="modbus does not carry clock"):
        readings.read(ReadMeter("lv-1", "clock", via="modbus"))
    with pytest.raises(InputError, match="does not answer by"):
        readings.read(ReadMeter("lv-1", "clock", via="telepathy"))


def test_a_place_without_a_way_to_its_meter_says_so() -> None:
    nothing = Readings(lambda place: [])
    with pytest.raises(InputError, match="lv-9: its meter has neither reader nor stick"):
        nothing.read(ReadMeter("lv-9", "clock"))
    with pytest.raises(InputError, match="lv-9 has no stick"):
        nothing.radio("lv-9", "join")


def test_many_readings_at_once_take_turns(readings: Readings) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: readings.read(ReadMeter("lv-1", "identity", via="dlms")), range(16)))
    assert len({each["system_title"] for each in found}) == 1


def test_a_meter_that_lost_its_supply_does_not_answer_and_does_once_it_is_back(readings: Readings, rig: Rig) -> None:
    before = readings.read(ReadMeter("lv-1", "power_failures"))["count"]
    rig.power(Power("", "", "off"))
    eventually(lambda: not answers(readings), patience=30.0)
    with pytest.raises(LinkError):
        readings.read(ReadMeter("lv-1", "registers", via="modbus"))
    rig.power(Power("", "", "on"))
    eventually(lambda: answers(readings), patience=30.0)
    assert readings.read(ReadMeter("lv-1", "power_failures"))["count"] == before + 1


def test_the_stick_is_joined_read_over_and_left(readings: Readings, rig: Rig) -> None:
    rig.attenuate(Attenuate("", "", 30.0))
    found = readings.radio("lv-1", "scan")
    assert not found["joined"]
    joined = readings.radio("lv-1", "join")
    assert joined["joined"] and joined["rssi_dbm"] == pytest.approx(found["rssi_dbm"], abs=1.0)
    assert readings.radio("lv-1", "join")["seconds"] == pytest.approx(0.0, abs=0.2)  # it stands
    wireless, wired = (readings.read(ReadMeter("lv-1", "identity", via=via)) for via in ("wi-sun", "echonet"))
    assert wireless == wired
    assert readings.radio("lv-1", "status")["joined"]
    assert not readings.radio("lv-1", "leave")["joined"]
    assert not readings.radio("lv-1", "status")["joined"]


def test_20_db_more_are_20_db_less_at_the_stick_and_too_many_are_no_meter(readings: Readings, rig: Rig) -> None:
    heard = []
    for db in (20.0, 40.0):
        rig.attenuate(Attenuate("", "", db))
        heard.append(readings.radio("lv-1", "scan")["rssi_dbm"])
    assert heard[0] - heard[1] == pytest.approx(20.0, abs=1.0)
    rig.attenuate(Attenuate("", "", 95.0))
    with pytest.raises(LinkError, match="no meter with this B-route id answers"):
        readings.radio("lv-1", "join")
    rig.attenuate(Attenuate("", "", 20.0))
    assert readings.radio("lv-1", "join")["joined"]


def test_keys_of_real_meters_come_from_the_file(tmp_path: Path) -> None:
    line: dict[str, Any] = {"meter": "TWN000000000000", "protocol": "dlms", "keys": {"encryption": "00" * 16}}
    (tmp_path / "keys.jsonl").write_bytes(msgspec.json.encode(line) + b"\n")
    inventory = read_inventory(topology(tmp_path, keys="keys.jsonl"))
    found = {each.protocol: each for each in endpoints_of_place(inventory, "lv-1")}
    assert found["dlms"].keys == {"encryption": "00" * 16}
    ids = route_b(master_key(inventory.seed), 0)  # no line of it in the file: as the twin left the factory
    assert found["wi-sun"].ids == {"route_b_id": ids.id, "password": ids.password}


def test_a_meter_that_is_no_twin_has_what_the_url_says(emulation: Emulation) -> None:
    place = emulation.inventory.place("lv-1").model_copy(update={"meter": "ABC000000000000"})
    for endpoint in endpoints_of_place(replace(emulation.inventory, places={"lv-1": place}), "lv-1"):
        assert not endpoint.keys and not endpoint.ids


def test_a_reader_that_cannot_be_one_is_refused_with_its_line(tmp_path: Path) -> None:
    path = topology(tmp_path)
    text = path.read_text("utf-8").replace("modbus://", "pigeon://", 1)
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("pigeon")].count("\n") + 1
    with pytest.raises(MeterBenchError, match=rf"rack.yaml:{line}:.*pigeon"):
        read_inventory(path)


def test_a_fault_of_another_instrument_does_not_reach_the_meter(emulation: Emulation, readings: Readings) -> None:
    emulation.inject("analyser-1", Fault.SILENCE)
    assert answers(readings)
    emulation.client.fault("analyser-1", None)
