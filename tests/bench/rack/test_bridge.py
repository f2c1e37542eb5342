"""A PLC bridge in the emulated rack: its meter is read over the power line, the doctor looks at it, ``radio`` tells."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.rack.doctor import Finding, examine
from bench.rack.instruments import Instruments
from bench.rack.messages import Acquire, Attenuate, Places, Power, Radio, ReadMeter, Release, Source
from bench.rack.rig import Rig
from hil_drivers.errors import LinkError
from protocols.errors import MeterBenchError
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.serving import client, serving
from tests.bench.rack.virtual import eventually
from twins.field.media.parameters import media
from twins.rack.faults import Fault

PATIENT = "{ watchdog_seconds: 600 }"  # there is no gateway that feeds it
SCALE = 60.0

pytestmark = pytest.mark.requirement("U1", "B2")


class Bench:
    """The emulated rack with open instruments, those of lv-4 foremost."""

    def __init__(self, emulation: Emulation) -> None:
        self.emulation = emulation
        self.instruments = Instruments(emulation.inventory)
        self.rig = Rig(emulation.inventory, "lv-4", self.instruments.opened, lambda send: send())

    @property
    def bridge(self) -> Any:
        return self.instruments.opened("plc-1")

    def feed(self) -> None:
        self.rig.power(Power("", "", "on"))
        self.rig.source(Source("", "", "on"))
        eventually(lambda: self.emulation.meter("lv-4")["supply"] == "up", patience=30.0)

    def found(self) -> Finding:
        """What the doctor says of the bridge."""
        findings = examine(self.emulation.inventory, self.instruments.opened)
        return next(each for each in findings if each.instrument == "plc-1")


@pytest.fixture(scope="module")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    with Emulation(topology(tmp_path_factory.mktemp("bridge"), SCALE, safe_state=PATIENT)) as running:
        yield running


@pytest.fixture
def bench(emulation: Emulation) -> Iterator[Bench]:
    bench = Bench(emulation)
    bench.feed()
    yield bench
    emulation.client.fault("plc-1", None)
    bench.instruments.close()


def test_the_meter_is_read_over_the_power_line(bench: Bench) -> None:
    with bench.emulation.reader("lv-4", "echonet") as meter:
        before = bench.emulation.meter("lv-4")["shown"]["import_wh"]
        read = meter.registers()
        assert read.import_wh is not None and read.resolution_wh is not None
        assert before - read.resolution_wh < read.import_wh <= bench.emulation.meter("lv-4")["shown"]["import_wh"]
    link = bench.bridge.link(10)
    assert link.answered == 10 and link.seconds * SCALE > 0.05, "a try over the line takes 0.12 s each way"


def test_the_relay_cuts_the_line_and_the_meter_comes_back_with_its_supply(bench: Bench) -> None:
    assert bench.bridge.link(1).reachable
    bench.rig.power(Power("", "", "off"))
    assert not bench.bridge.link(1).reachable
    bench.feed()
    eventually(lambda: bench.bridge.link(1).reachable)


def test_a_meter_that_runs_on_is_not_heard_while_its_line_is_below_what_modems_need(bench: Bench) -> None:
    """The bridge looks at the line itself: with the voltage far down the meter holds up for a moment, modems do not."""
    front_end = bench.emulation.rack.bridges["plc-1"]
    now = bench.emulation.clock.now
    assert bench.emulation.call(lambda: front_end.supplied(now()))
    bench.rig.source(Source("", "", "on", volts=45.0))
    assert not bench.emulation.call(lambda: front_end.supplied(now()))
    bench.feed()


def test_the_doctor_asks_it_where_there_is_supply_and_names_one_that_does_not_answer(bench: Bench) -> None:
    inventory = bench.emulation.inventory
    healthy = bench.found()
    assert healthy.identity == str(bench.bridge.identity()) and not healthy.problems
    bench.emulation.inject("plc-1", Fault.SILENCE)
    (problem,) = bench.found().problems
    assert problem.startswith(inventory.line("instruments", "plc-1", "address")) and "nothing comes back" in problem
    bench.rig.power(Power("", "", "off"))
    quiet = bench.found()
    assert not quiet.problems and quiet.identity.startswith("not asked: lv-4 has no supply")


def test_a_measurement_of_the_place_leaves_it_out_and_a_dead_line_spoils_no_health(bench: Bench) -> None:
    bench.emulation.inject("plc-1", Fault.SILENCE)
    assert "bridge" not in bench.rig.measure()
    assert "plc-1" not in bench.emulation.inventory.speaking("lv-4")


def test_a_line_without_margin_carries_nothing_and_other_ways_go_on(bench: Bench) -> None:
    line = bench.emulation.rack.bridges["plc-1"].line
    margin, line.margin_db = line.margin_db, 0.0
    try:
        assert not bench.bridge.link(1).reachable
        with bench.emulation.reader("lv-4", "echonet", wait_s=0.5) as meter, pytest.raises(LinkError):
            meter.registers()
        with bench.emulation.reader("lv-4", "dlms") as meter:
            assert meter.registers().import_wh is not None
    finally:
        line.margin_db = margin


@pytest.mark.parametrize(("given", "margin"), [("{}", media().plc.margin_db), ("{ line_margin_db: 3.5 }", 3.5)])
def test_the_margin_of_the_line_is_that_of_the_topology(tmp_path: Path, given: str, margin: float) -> None:
    rack = Emulation(topology(tmp_path, SCALE, emulation=given)).rack  # opened it would answer at its addresses
    assert rack.bridges["plc-1"].line.margin_db == margin
    asyncio.run(rack.close())


def test_the_gateway_tells_of_the_line_what_it_tells_of_sticks(emulation: Emulation, tmp_path: Path) -> None:
    with serving(emulation.path, tmp_path / "rack") as gateway, client(gateway.folder, "ann") as ann:
        token = ann.ask(Acquire(("lv-4",)))["token"]
        ann.ask(Power("lv-4", token, "off"))
        dead = ann.ask(Radio("lv-4", token, "probe", 1))
        assert dead == {"reachable": False, "sent": 1, "answered": 0, "seconds": None, "longest": None}
        ann.ask(Power("lv-4", token, "on"))
        ann.ask(Source("lv-4", token, "on"))
        eventually(lambda: ann.ask(Radio("lv-4", token, "probe", 1))["reachable"], patience=30.0)
        told = ann.ask(Radio("lv-4", token, "status"))
        assert told["answered"] == told["sent"] == 5 and 0 < told["seconds"] <= told["longest"]
        assert ann.ask(ReadMeter("lv-4", "identity", via="echonet"))["serial"]
        for action in ("scan", "join", "leave"):
            with pytest.raises(MeterBenchError, match="no words for joining a network; it can do forwarding"):
                ann.ask(Radio("lv-4", token, action))
        with pytest.raises(MeterBenchError, match="lv-4 has no attenuator"):
            ann.ask(Attenuate("lv-4", token, 10.0))
        assert ann.ask(Places("lv-4"))["wiring"]["bridge"] == "plc-1"
        ann.ask(Release(token))
        assert ann.ask(Places("lv-4"))["health"] != "bad"
