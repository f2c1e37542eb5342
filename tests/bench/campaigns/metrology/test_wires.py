"""The campaign over the wires: emulated instruments and meters, the gateway as a process, leases, protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from bench.campaigns.metrology import Findings, MetrologyPlan, Row, run
from bench.campaigns.metrology.points import Kind
from bench.errors import InputError
from bench.rack.messages import SetHealth
from bench.topology.campaigns import Metrology
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.serving import client, place, serving

SCALE = 3600.0
DEFECTS = """
defects:
  - { kind: hidden-error, meters: [TWN000000000004], forgets: true, gain_percent: 1.5 }
"""


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    path = topology(tmp_path_factory.mktemp("rack"), SCALE, DEFECTS)
    with Emulation(path) as emulated, serving(path, emulated.folder):
        yield emulated


def measured(rack: Emulation, note: Callable[[str], None], stop: threading.Event, **settings: object) -> Findings:
    """What a campaign finds on fit places; afterwards its leases are back and the source is off."""
    plan = MetrologyPlan(Metrology(**settings), rack.clock, SCALE)  # type: ignore[arg-type]
    with client(rack.folder) as asking:
        for name in ("next-1", "next-2"):
            asking.ask(SetHealth(name, "good", "mended after the test before"))
        findings = run(asking, rack.inventory, plan, note, stop)
        assert [place(asking, name)["state"] for name in ("next-1", "next-2")] == ["idle", "idle"]
    assert rack.volts("source-2") == 0
    return findings


def row_of(findings: Findings, where: str, kind: Kind, point: str = "") -> Row:
    return next(row for row in findings.rows if (row.place, row.kind) == (where, kind) and row.point.startswith(point))


def test_defects_of_meters_on_the_wire_are_found_and_healthy_ones_pass(rack: Emulation) -> None:
    told: list[str] = []
    findings = measured(
        rack, told.append, threading.Event(), places=("next-1", "next-2", "gas-1"), tests=("starting", "power-cut")
    )
    assert findings.faults == []
    assert findings.skipped == {"gas-1": "a gas meter measures no electricity"}
    assert any("gas-1" in line for line in told)
    assert row_of(findings, "next-1", Kind.STARTING).verdict == "pass"
    assert row_of(findings, "next-1", Kind.CUT_REGISTER).verdict == "fail"
    healthy = [row for row in findings.rows if row.place == "next-2"]
    assert {row.verdict for row in healthy if row.kind != Kind.START_UP} == {"pass"}
    assert row_of(findings, "next-2", Kind.CUT_REGISTER).resolution_wh == 1, "read by the finest protocol"
    assert row_of(findings, "next-2", Kind.CUT_FAILURES).value == 1
    assert row_of(findings, "next-2", Kind.CUT_ROWS).value == 0


def test_a_place_that_does_not_exist_and_a_rack_with_nothing_to_measure_are_refused(rack: Emulation) -> None:
    for name, words in (("nowhere", "there is no place nowhere"), ("gas-1", "no place can be measured")):
        with pytest.raises(InputError, match=words):
            measured(rack, lambda _: None, threading.Event(), places=(name,))


def test_a_run_that_is_ended_gives_its_lease_back_and_keeps_what_it_found(rack: Emulation) -> None:
    stop = threading.Event()

    def note(what: str) -> None:
        if "starting" in what:
            stop.set()

    findings = measured(rack, note, stop, places=("next-1",), tests=("no-load", "starting", "error"))
    assert {row.kind for row in findings.rows} == {Kind.NO_LOAD}
    assert findings.faults == []


def test_an_answer_of_an_instrument_that_is_lost_once_costs_nothing(rack: Emulation) -> None:
    def note(what: str) -> None:
        if "starting" in what:
            rack.client.fault("load-2", "half-answer", times=1)

    findings = measured(rack, note, threading.Event(), places=("next-2",), tests=("starting",))
    assert findings.faults == []
    assert row_of(findings, "next-2", Kind.STARTING).verdict == "pass"


def test_an_instrument_that_stays_silent_is_a_fault_of_the_bench(rack: Emulation) -> None:
    def note(what: str) -> None:
        if "starting" in what:
            rack.client.fault("load-2", "silence")

    findings = measured(rack, note, threading.Event(), places=("next-2",), tests=("starting",))
    rack.client.fault("load-2", None)
    assert len(findings.faults) == 1 and findings.faults[0].startswith("next-2: ")
    assert findings.rows == []
