"""Emulated meters on wires: sources, loads, relays, attenuators through their drivers, meters through their readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.rack.credentials import endpoints_of_place
from bench.rack.instruments import Instruments
from hil_drivers.errors import LinkError
from hil_drivers.meter import Meter
from hil_drivers.source import PhaseSetting, Segment, Setting
from protocols.wisun.radio import rssi_dbm
from tests.bench.rack.emulated import TOPOLOGY, Emulation, topology
from tests.bench.rack.virtual import eventually
from tests.twins.wisun.rig import Port
from twins.device.factory import event_codes

EMULATION = "{ hold_up_s: 0.15, boot_s: 1 }"
WIRED = ("dlms", "modbus", "echonet")
LV, NEXT, HV = (0.0, 180.0), (0.0,), (0.0, 240.0, 120.0)
ERRORS = """
defects:
  - { kind: "hidden-error", meters: [TWN000000000000], gain_percent: 1.5, clock_offset_s: 100 }
  - { kind: "hidden-error", meters: [TWN000000000001], forgets: true }
  - { kind: "hidden-error", meters: [TWN000000000002], creep_w: 40 }
"""


class Bench:
    """An emulated rack with open drivers."""

    def __init__(self, emulation: Emulation, instruments: Instruments) -> None:
        self.emulation, self.instruments = emulation, instruments

    def __getitem__(self, name: str) -> Any:
        return self.instruments.opened(name)

    def setting(self, volts: float, angles: tuple[float, ...]) -> Setting:
        return Setting(tuple(PhaseSetting(volts, angle) for angle in angles), 50.0)

    def power(self, source: str, angles: tuple[float, ...], *channels: int, volts: float = 100.0) -> None:
        """Close relays and switch a source on."""
        for channel in channels:
            self["relay-1"].set(channel, True)
        self[source].configure(self.setting(volts, angles), up_to=volts)
        self[source].output(True)

    def dip(self, seconds: float) -> None:
        """Cut the supply of source-1 for so long."""
        whole, gone = (self.setting(volts, LV) for volts in (100.0, 0.0))
        self["source-1"].play([Segment(whole, 0.05), Segment(gone, seconds), Segment(whole, 0.05)])

    def draw(self, load: str, amps: float, factor: float = 1.0) -> None:
        self[load].configure(amps, factor)
        self[load].input(amps > 0)

    def is_up(self, *places: str) -> Callable[[], bool]:
        return lambda: all(self.emulation.meter(place)["supply"] == "up" for place in places)


@contextmanager
def bench_of(path: Path) -> Iterator[Bench]:
    with Emulation(path) as emulation:
        instruments = Instruments(emulation.inventory)
        try:
            yield Bench(emulation, instruments)
        finally:
            instruments.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of(topology(tmp_path, emulation=EMULATION)) as made:
        yield made


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Bench]:
    """An hour a second, with meters that are not right."""
    with bench_of(topology(tmp_path, 3600, ERRORS)) as made:
        yield made


def counted(bench: Bench, place: str) -> float:
    return float(bench.emulation.meter(place)["registers"]["import_wh"])


def silent(meter: Meter) -> bool:
    with meter, pytest.raises(LinkError):
        meter.registers()
    return True


def test_every_protocol_tells_what_the_world_says(bench: Bench) -> None:
    bench.power("source-1", LV, 1)
    bench.draw("load-1", 5.0, 0.8)
    eventually(bench.is_up("lv-1"))
    for protocol in WIRED:
        with bench.emulation.reader("lv-1", protocol) as meter:
            before = bench.emulation.meter("lv-1")["shown"]
            registers, instant = meter.registers(), meter.instant()
            after = bench.emulation.meter("lv-1")["shown"]
            assert registers.import_wh is not None and registers.resolution_wh is not None
            assert before["import_wh"] - registers.resolution_wh < registers.import_wh <= after["import_wh"], protocol
            assert instant.power_w == pytest.approx(2 * 100 * 5 * 0.8, rel=0.01), protocol
            assert instant.current_r_ma == pytest.approx(5000, rel=0.02), protocol


@pytest.mark.requirement("A12")
def test_serial_lines_to_an_emulated_meter_tell_the_same(tmp_path: Path) -> None:
    """A hand terminal at the optical port, and Modbus RTU, beside the wires that the shipped rack has."""
    first = 'readers: ["dlms://127.2.1.1:4059"'
    more = f'{first}, "optical:{tmp_path}/lines/lv-1", "modbus-rtu:{tmp_path}/lines/lv-1-rtu"'
    shipped = tmp_path / "shipped.yaml"
    text = TOPOLOGY.read_text("utf-8")
    assert first in text
    shipped.write_text(text.replace(first, more), encoding="utf-8")
    with bench_of(topology(tmp_path, shipped=shipped, emulation=EMULATION)) as bench:
        bench.power("source-1", LV, 1)
        bench.draw("load-1", 5.0, 0.8)
        eventually(bench.is_up("lv-1"))
        for protocol in ("optical", "modbus-rtu"):
            with bench.emulation.reader("lv-1", protocol) as meter:
                assert meter.instant().power_w == pytest.approx(2 * 100 * 5 * 0.8, rel=0.01), protocol
        with bench.emulation.reader("lv-1", "optical") as terminal:
            terminal.open_switch()
            assert not terminal.switch().closed


def test_a_high_voltage_meter_lies_between_three_phases(bench: Bench) -> None:
    bench.power("source-3", HV, 7, volts=63.5)
    bench.draw("load-3", 2.0)
    eventually(bench.is_up("hv-1"))
    with bench.emulation.reader("hv-1", "dlms") as meter:
        seen = meter.instant()
        assert seen.voltage_r_mv == pytest.approx(63_500 * 3**0.5, rel=0.01)
        assert seen.current_r_ma == pytest.approx(2000, rel=0.01)
        assert seen.power_w == pytest.approx(3 * 63.5 * 2, rel=0.01)
    with bench.emulation.reader("hv-1", "echonet") as meter:
        assert meter.registers().import_wh is not None


def test_a_short_dip_is_bridged_and_a_longer_one_restarts_the_meter(bench: Bench) -> None:
    bench.power("source-1", LV, 1)
    eventually(bench.is_up("lv-1"))
    bench.dip(0.05)
    eventually(lambda: bench["source-1"].progress().state.name != "RUNNING")
    assert bench.emulation.meter("lv-1")["power_failures"] == 0
    with bench.emulation.reader("lv-1", "dlms") as meter:
        assert meter.power_failures() == 0
    bench.dip(1.0)
    eventually(lambda: bench.emulation.meter("lv-1")["supply"] == "down")
    assert all(silent(bench.emulation.reader("lv-1", protocol, wait_s=0.2)) for protocol in WIRED)
    eventually(bench.is_up("lv-1"))
    with bench.emulation.reader("lv-1", "dlms") as meter:
        assert meter.power_failures() == 1
        now = int(bench.emulation.clock.now())
        codes = [event.code for event in meter.events(now - 60, now + 60)]
        assert codes == [event_codes()["power_down"], event_codes()["power_up"]]
    with bench.emulation.reader("lv-1", "echonet") as meter:
        assert meter.registers().import_wh is not None


def test_a_meter_behind_an_open_relay_is_dead_and_its_neighbour_is_not(bench: Bench) -> None:
    bench.power("source-1", LV, 1, 2)
    bench.draw("load-1", 2.0)
    eventually(bench.is_up("lv-1", "lv-2"))
    bench["relay-1"].set(1, False)
    eventually(lambda: bench.emulation.meter("lv-1")["supply"] == "down")
    assert all(silent(bench.emulation.reader("lv-1", protocol, wait_s=0.2)) for protocol in WIRED)
    with bench.emulation.reader("lv-2", "modbus") as meter:
        assert meter.instant().power_w == pytest.approx(400, rel=0.01)


def test_its_own_switch_stops_its_current_and_the_last_one_the_load(bench: Bench) -> None:
    bench.power("source-1", LV, 1, 2, 3, 4)
    bench.draw("load-1", 2.0)
    places = ("lv-1", "lv-2", "lv-3", "lv-4")
    eventually(bench.is_up(*places))
    for number, place in enumerate(places, start=1):
        with bench.emulation.reader(place, "dlms") as meter:
            meter.open_switch()
            assert meter.instant().power_w == 0
        drawn = bench.emulation.client.truth()["sources"]["source-1"]["amps"]
        assert drawn == (pytest.approx([2.0, 2.0]) if number < len(places) else [0.0, 0.0])
    with bench.emulation.reader("lv-3", "dlms") as meter:
        meter.close_switch()
        assert meter.instant().power_w == pytest.approx(400, rel=0.01)


def test_hidden_errors_show_in_registers_at_an_hour_a_second(fast: Bench) -> None:
    fast.power("source-1", LV, 1, 2, 3, 4)
    eventually(fast.is_up("lv-1", "lv-2", "lv-3", "lv-4"))
    start = {place: counted(fast, place) for place in ("lv-1", "lv-3", "lv-4")}
    fast.draw("load-1", 5.0)
    eventually(lambda: counted(fast, "lv-4") > start["lv-4"] + 3000)
    errors = {place: fast.emulation.meter(place)["error_percent"] for place in start}
    fast.draw("load-1", 0.0)
    gain = {place: counted(fast, place) - start[place] for place in ("lv-1", "lv-4")}
    assert errors["lv-1"] == pytest.approx(1.5, abs=0.15) and abs(errors["lv-4"]) < 0.5
    assert gain["lv-1"] / gain["lv-4"] == pytest.approx((100 + errors["lv-1"]) / (100 + errors["lv-4"]), rel=1e-4)
    for protocol in WIRED:
        with fast.emulation.reader("lv-1", protocol) as meter:
            registers = meter.registers()
            assert registers.import_wh == pytest.approx(counted(fast, "lv-1"), abs=registers.resolution_wh)
    still, creeping = counted(fast, "lv-4"), counted(fast, "lv-3")
    eventually(lambda: counted(fast, "lv-3") > creeping + 40)
    assert counted(fast, "lv-4") == still
    with fast.emulation.reader("lv-1", "dlms") as meter:
        assert meter.clock().time - fast.emulation.clock.now() == pytest.approx(100, abs=100)


def test_half_hours_are_read_as_they_were_kept_and_those_in_a_cut_are_missing(fast: Bench) -> None:
    fast.power("source-1", LV, 4)
    eventually(fast.is_up("lv-4"))
    fast.draw("load-1", 5.0)

    def kept() -> dict[int, dict[str, int]]:
        return {int(end): row for end, row in fast.emulation.meter("lv-4")["half_hours"].items()}

    def rows(place: str) -> dict[int, int]:
        with fast.emulation.reader(place, "dlms") as meter:
            now = int(fast.emulation.clock.now())
            return {row.end: row.import_wh or 0 for row in meter.profile(1800, began, now)}

    began = int(fast.emulation.clock.now())
    eventually(lambda: len([end for end in kept() if end > began]) >= 3)
    fast["source-1"].output(False)
    cut = int(fast.emulation.clock.now())
    eventually(lambda: fast.emulation.clock.now() > cut + 3 * 1800)
    back = int(fast.emulation.clock.now())
    fast["source-1"].output(True)
    eventually(lambda: max(kept()) > back + 1800)
    read, told = rows("lv-4"), kept()
    assert read and all(told[end]["import_wh"] == register for end, register in read.items())
    assert len(read) >= 4 and not any(cut < end <= back for end in read)


def test_a_meter_that_forgets_falls_back_and_a_healthy_one_does_not(fast: Bench) -> None:
    fast.power("source-1", LV, 2, 4)
    eventually(fast.is_up("lv-2", "lv-4"))
    before = {place: counted(fast, place) for place in ("lv-2", "lv-4")}
    fast.draw("load-1", 5.0)
    eventually(lambda: min(counted(fast, place) - before[place] for place in before) > 1000)
    fast["source-1"].output(False)
    eventually(lambda: fast.emulation.meter("lv-2")["supply"] == "down")
    fast.draw("load-1", 0.0)
    fast["source-1"].output(True)
    eventually(fast.is_up("lv-2", "lv-4"))
    for protocol in WIRED:
        with fast.emulation.reader("lv-2", protocol) as meter:
            registers = meter.registers()
            assert registers.import_wh == pytest.approx(before["lv-2"], abs=(registers.resolution_wh or 0) + 1)
    assert counted(fast, "lv-4") > before["lv-4"] + 1000


@pytest.fixture
def radio(tmp_path: Path) -> Iterator[Bench]:
    path = topology(tmp_path, emulation=EMULATION)
    text = path.read_text("utf-8")
    path.write_text(text.replace("sticks/next-1, dialect: BP35C2", "sticks/next-1, dialect: BP35A1"), "utf-8")
    with bench_of(path) as made:
        made.power("source-2", NEXT, 5)
        eventually(made.is_up("next-1"))
        yield made


def attenuate(bench: Bench, db: int) -> float:
    """Set the attenuator, let it settle; the true level at stick and meter."""

    def level() -> float:
        return float(bench.emulation.meter("next-1")["dbm"])

    before = level()
    bench["attenuator-2"].set(1, db)
    eventually(lambda: level() != before)
    assert abs(level() - (13 - 48.2 - db)) <= 1.0
    return level()


def test_what_a_stick_shows_follows_the_attenuator_over_its_whole_range(radio: Bench) -> None:
    stick = next(each for each in endpoints_of_place(radio.emulation.inventory, "next-1") if each.protocol == "wi-sun")
    heard = 0
    with Port(str(stick.path)) as port:
        port.command(f"SKSETRBID {stick.ids['route_b_id']}")
        for db in range(0, 111, 3):
            level, rssi = attenuate(radio, db), _rssi(port)
            if rssi is None:
                assert level < -95
            else:
                heard += 1
                assert abs(rssi - max(level, rssi_dbm(0))) <= 1.0 and level > -115
    assert 20 <= heard <= 25


def test_a_join_fails_beyond_sensitivity_and_works_again(radio: Bench) -> None:
    with radio.emulation.reader("next-1", "wi-sun", wait_s=5.0) as meter:
        for db, works in ((110, False), (30, True)):
            attenuate(radio, db)
            if works:
                assert meter.registers().import_wh == pytest.approx(counted(radio, "next-1"), abs=200)
            else:
                with pytest.raises(LinkError):
                    meter.registers()


def _rssi(port: Port) -> float | None:
    """Power of the meter's beacon, as the stick shows it."""
    port.write(b"SKSCAN 2 FFFFFFFF 6\r\n")
    found = re.search(rb"LQI:([0-9A-F]{2})", port.until(b"EVENT 22 ") + port.until(b"\r\n"))
    return None if found is None else rssi_dbm(int(found[1], 16))
