"""Sticks on real pseudo-terminals behind attenuators: what they show follows the world, what is too weak is lost."""

from __future__ import annotations

import math
import re
from pathlib import Path as File

import pytest

from hil_drivers.attenuators import mini_circuits
from protocols.wisun.host import Cause, Joined, JoinFailed, Sent
from protocols.wisun.radio import SendResult, channel_mhz, rssi_dbm
from tests.hil_drivers.bench_wires import Wired
from tests.twins.wisun.rig import VIEWS, Host, Port, Served, credentials
from twins.clock import Clock
from twins.rack.instruments.mini_circuits import MiniCircuits, MiniCircuitsTelnet
from twins.rack.world.radio import Path, RadioWorld
from twins.rack.world.radio import Port as Channel
from twins.rack.world.stick_link import StickLink
from twins.wisun.service import J11
from twins.wisun.station import meter_mac, stick_mac

METER, STICK, BOX = "meter-1", "stick-1", "attenuator-1"
PLACE = 0
MOST_DB = 110.0
STICK_FLOOR = rssi_dbm(0)
HOPELESS = -115.0  # dBm: no beacon of any length survives
SAFE_MARGIN = 3.0


class Rack:
    """A stick and three meters; one of them is wired to it, through one attenuator channel."""

    def __init__(self, directory: File, dialect: str) -> None:
        self.world = RadioWorld([Path(stick=STICK, meter=METER, through=(Channel(BOX, 1),))])
        self.dialect = dialect
        self.served = Served(directory, [dialect], link=self._link)
        self.box = MiniCircuits(BOX, self.world, self.served.clock.now(), model="RCDAT-6000-110")

    def _link(self, clock: Clock) -> StickLink:
        index = VIEWS[PLACE].index
        return StickLink(self.world, clock, {meter_mac(index): METER, stick_mac(index, 0): STICK})

    def __enter__(self) -> Rack:
        self.served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.served.stop()

    def attenuate(self, db: float) -> None:
        """Set the channel, and let it settle."""
        assert self.served.call(lambda: self.box.command(f":SETATT:{db}", self.served.clock.now())) == "1"
        self.served.move(simulated=0.1)

    @property
    def level(self) -> float:
        station = self.served.service.air.stations[PLACE]
        return self.served.call(
            lambda: self.world.level(STICK, METER, channel_mhz(station.channel), self.served.clock.now())
        )

    def host(self) -> Host:
        return Host(self.served, 0, self.dialect, credentials(PLACE))


def beacon_rssi(port: Port) -> float | None:
    """Scan for the meter; the power of its beacon as the stick shows it."""
    port.write(b"SKSCAN 2 FFFFFFFF 6\r\n")
    found = re.search(rb"LQI:([0-9A-F]{2})", port.until(b"EVENT 22 ") + port.until(b"\r\n"))
    return None if found is None else rssi_dbm(int(found[1], 16))


def test_shown_power_follows_the_world_over_the_whole_range_of_the_attenuator(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack, Port(rack.served.path()) as port:
        port.command(f"SKSETRBID {credentials(PLACE).route_b_id.decode()}")
        shown = 0
        for db in range(111):
            rack.attenuate(db)
            level, rssi = rack.level, beacon_rssi(port)
            if rssi is None:
                assert level < rack.world.sensitivity(111, 0.01) + SAFE_MARGIN
            else:
                shown += 1
                assert level > HOPELESS
                assert abs(rssi - max(level, STICK_FLOOR)) <= 1.0
                assert abs(rssi - max(13.0 - 48.2 - db, STICK_FLOOR)) <= 1.0  # and so the attenuator
        assert 60 <= shown <= 75


@pytest.mark.parametrize("dialect", ["BP35A1", "BP35C2", J11])
def test_joining_fails_beyond_sensitivity_and_works_again_below(dialect: str, tmp_path: File) -> None:
    with Rack(tmp_path, dialect) as rack:
        rack.attenuate(MOST_DB)
        with rack.host() as host:
            (failed,) = host.open(JoinFailed)
            assert failed.cause is Cause.NO_BEACON
        rack.attenuate(30.0)
        with rack.host() as host:
            host.open(Joined)
            assert host.get(0x8D) == [rack.served.value(PLACE, 0x8D)]


def test_a_session_survives_an_outage_of_the_radio(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack:
        rack.attenuate(30.0)
        with rack.host() as host:
            host.open(Joined)
            host.received()  # the instance list
            rack.attenuate(MOST_DB)
            host.send()
            assert host.wait(Sent)[-1].result is SendResult.FAILED
            rack.attenuate(30.0)
            assert host.get(0x8D) == [rack.served.value(PLACE, 0x8D)]


def test_a_join_that_loses_the_meter_half_way_ends_without_an_answer(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack, Port(rack.served.path()) as port:
        rack.attenuate(30.0)
        who, station = credentials(PLACE), rack.served.service.air.stations[PLACE]
        port.command(f"SKSETRBID {who.route_b_id.decode()}")
        port.command(f"SKSETPWD C {who.password.decode()}")
        port.command(f"SKSREG S2 {station.channel:02X}")
        port.command(f"SKSREG S3 {station.pan_id:04X}")
        rack.attenuate(MOST_DB)
        port.command(f"SKJOIN {station.address.exploded.upper()}")
        port.until(b"EVENT 24")
        rack.attenuate(30.0)
        port.command(f"SKJOIN {station.address.exploded.upper()}")
        port.until(b"EVENT 25")


def test_meters_without_a_path_are_not_heard(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack, Port(rack.served.path()) as port:
        rack.attenuate(10.0)
        port.write(b"SKSCAN 3 FFFFFFFF 6\r\n")
        assert port.until(b"EVENT 22").count(b"EPANDESC") == 1


def test_repeated_frames_are_air_time_of_the_stick(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack:
        rack.attenuate(30.0)
        with rack.host() as host:
            host.open(Joined)
            radio, _ = next(iter(rack.served.service.air._radios.values()))

            def spent_by_a_request() -> float:
                before = radio._air_time.total
                host.send()
                host.wait(Sent)
                return float(radio._air_time.total - before)

            once = spent_by_a_request()
            rack.attenuate(MOST_DB)
            assert math.isclose(spent_by_a_request(), rack.world.parameters.frames.tries * once)


def test_a_driver_over_a_socket_turns_the_radio_down_and_up(tmp_path: File) -> None:
    with Rack(tmp_path, "BP35A1") as rack, Port(rack.served.path()) as port:
        port.command(f"SKSETRBID {credentials(PLACE).route_b_id.decode()}")
        wired = Wired(rack.served.loop, MiniCircuitsTelnet(rack.box), rack.served.clock)
        attenuator = mini_circuits.telnet(wired.address, timeout_s=5.0)
        try:
            for db, heard in ((20.0, True), (MOST_DB, False), (40.0, True)):
                assert attenuator.set(1, db) == db
                rack.served.move(simulated=0.1)
                assert (beacon_rssi(port) is not None) is heard
            attenuator.safe()
            rack.served.move(simulated=0.1)
            assert beacon_rssi(port) is None
        finally:
            attenuator.close()
            wired.close()
