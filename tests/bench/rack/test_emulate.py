"""The shipped rack topology on its virtual rack: all drivers, the doctor, the second instrument, the watchdog."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.rack.doctor import examine
from bench.rack.instruments import Instruments
from bench.rack.inventory import Inventory
from bench.rack.messages import Acquire, Load, Measure, Power, Source
from bench.rack.rig import Rig
from bench.rack.sequencer import make_safe
from hil_drivers.errors import RefusedError
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.serving import client, serving
from tests.bench.rack.virtual import eventually
from twins.rack.faults import Fault


@pytest.fixture
def emulation(tmp_path: Path) -> Iterator[Emulation]:
    with Emulation(topology(tmp_path, safe_state="{ watchdog_seconds: 2 }")) as running:
        yield running


@pytest.fixture
def instruments(emulation: Emulation) -> Iterator[Instruments]:
    opened = Instruments(emulation.inventory)
    yield opened
    opened.close()


def rig(inventory: Inventory, instruments: Instruments, place: str = "lv-1") -> Rig:
    return Rig(inventory, place, instruments.opened, lambda send: send())


def energise(rig: Rig) -> dict[str, Any]:
    rig.power(Power("", "", "on"))
    rig.source(Source("", "", "on"))
    rig.load(Load("", "", 5.0, 0.8))
    return rig.measure()


def test_the_doctor_finds_all_well_and_names_what_is_not(emulation: Emulation, instruments: Instruments) -> None:
    sound = [finding.problems for finding in examine(emulation.inventory, instruments.opened)]
    assert sound == [()] * len(emulation.inventory.rack.instruments)
    emulation.inject("load-2", Fault.LOST_SOCKET)
    found = {each.instrument: each.problems for each in examine(emulation.inventory, instruments.opened)}
    assert emulation.inventory.line("instruments", "load-2", "address") in found.pop("load-2")[0]
    assert not any(found.values())


def test_what_the_instruments_read_fits_together(emulation: Emulation, instruments: Instruments) -> None:
    here = rig(emulation.inventory, instruments)
    energise(here)
    eventually(lambda: min(here.measure()["analyser"]["amps"][:2]) > 4.99)  # once it has updated
    read = here.measure()
    assert read["analyser"]["amps"][:2] == pytest.approx([5.0, 5.0], rel=1e-3)
    assert read["analyser"]["watts"][0] == pytest.approx(read["load"]["watts"], rel=1e-3)
    assert not make_safe(emulation.inventory, instruments.opened).failures
    assert emulation.volts("source-1") < 1


def test_a_relay_is_not_switched_under_load(emulation: Emulation, instruments: Instruments) -> None:
    energise(rig(emulation.inventory, instruments))
    with pytest.raises(RefusedError, match="not switched under load"):
        rig(emulation.inventory, instruments).power(Power("", "", "off"))


def test_a_load_that_has_tripped_says_so_and_is_released_by_0(emulation: Emulation, instruments: Instruments) -> None:
    here = rig(emulation.inventory, instruments)
    energise(here)
    here.source(Source("", "", "on", volts=40.0))  # it trips below 45 V
    eventually(lambda: "under-voltage" in here.measure()["load"].get("error", ""))
    here.source(Source("", "", "on"))
    here.load(Load("", "", 0.0))
    assert here.load(Load("", "", 2.0))["amps"] == pytest.approx(2.0, rel=1e-2)


def test_a_source_that_stays_on_is_seen_by_the_analyser(emulation: Emulation, instruments: Instruments) -> None:
    energise(rig(emulation.inventory, instruments))
    emulation.inject("source-1", Fault.STUCK_RELAY)
    report = make_safe(emulation.inventory, instruments.opened, ["lv-1"])
    assert [(step.name, step.instrument) for step in report.failures] == [
        ("source off", "source-1"),
        ("voltage gone", "analyser-1"),
    ]
    assert "it still sees 9" in str(report) or "it still sees 100" in str(report)


def test_without_gateway_and_dead_man_the_watchdog_of_the_source_is_left(emulation: Emulation, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with serving(emulation.path, folder) as gateway:
        with client(folder) as ann:
            token = ann.ask(Acquire(("lv-1",)))["token"]
            ann.ask(Source("lv-1", token, "on"))
            on = emulation.volts
            assert on("source-1") > 95
            began = time.monotonic()
            eventually(lambda: time.monotonic() > began + 2.5)  # longer than the watchdog waits: the gateway feeds it
            assert ann.ask(Measure("lv-1"))["source"]["on"] and on("source-1") > 95
        gateway.process.send_signal(signal.SIGSTOP)  # lest it starts another dead-man
        os.kill(gateway.served.dead_man, signal.SIGKILL)
        gateway.kill()
        eventually(lambda: on("source-1") < 1)
