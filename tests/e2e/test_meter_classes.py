"""High-voltage, gas and water meters beside homes: a run collects all of them, and a client reads each over UDP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pychonet import ECHONETAPIClient  # type: ignore[import-untyped]
from pychonet.GasMeter import GasMeter  # type: ignore[import-untyped]
from pychonet.WaterFlowMeter import WaterFlowMeter  # type: ignore[import-untyped]

from bench.serving.choose import serving_plan
from bench.topology.load import load_topology
from protocols.echonet.classes import class_of_code
from protocols.echonet.frame import Eoj, Esv, Property
from protocols.slots import JST
from tests.e2e.bench_run import BenchRun
from tests.e2e.bench_serve import BenchServe, Client, frame, require_port
from tests.e2e.test_serve_echonet import with_pychonet
from twins.chosen import ChosenTwins
from twins.clock import ClockSpec, ScaledClock
from twins.meter.view import MeterView
from twins.plan import meter_id

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MIXED = ROOT / "topologies" / "mixed-classes.yaml"
NET = f"127.76.{os.getpid() % 256}"


@pytest.mark.requirement("A1", "A2", "A15", "M7")
def test_a_run_with_all_classes_of_meters_passes(tmp_path: Path) -> None:
    with BenchRun(MIXED, tmp_path) as run:
        code, outcome, err = run.finish()
    assert (code, outcome["verdict"]) == (0, "pass"), err


class Served:
    """One twin of each kind under ``bench serve``, and the same twins computed here."""

    def __init__(self, topology: Path, folder: Path) -> None:
        plan = load_topology(topology).topology.fleet_plan()
        views = ChosenTwins(plan, range(plan.meters)).views
        kinds = [("HV", "current", False), ("HV", "next", True), ("gas", "current", False), ("water", "current", False)]
        of = {(view.meter_class, view.generation, view.has_generator): view.index for view in reversed(views)}
        self.indices = [of[kind] for kind in kinds]
        copy = folder / topology.name
        copy.write_text(topology.read_text("utf-8"), "utf-8")
        named = [word for index in self.indices for word in ("--meter", meter_id(index))]
        self.serve = BenchServe(copy, *named, first=f"{NET}.1")

    def __enter__(self) -> Served:
        self.serve.__enter__()
        spec = msgspec.convert(self.serve.ready["clock"], ClockSpec)
        plan, _ = serving_plan(load_topology(MIXED).topology, spec.origin)
        self.views = ChosenTwins(plan, self.indices).views
        self.clock = ScaledClock(spec)
        return self

    def __exit__(self, *exc: object) -> None:
        self.serve.__exit__(*exc)

    def host(self, view: MeterView) -> str:
        return str(self.serve.endpoints[meter_id(view.index)]["address"])

    def eoj(self, view: MeterView) -> Eoj:
        return Eoj.of(int(self.serve.endpoints[meter_id(view.index)]["eoj"], 16))

    def read(self, client: Client, view: MeterView, *epcs: int) -> list[Any]:
        """Values of a meter's properties, decoded."""
        client.send(frame(Esv.GET, *map(Property, epcs), deoj=self.eoj(view)), self.host(view))
        while True:
            sender, answer = client.receive()
            if sender == self.host(view) and answer.esv is not Esv.INF:
                assert answer.esv is Esv.GET_RES
                rules = class_of_code(answer.seoj.class_code).properties
                return [rules[item.epc].codec.decode(item.edt) for item in answer.properties]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    require_port()
    with Served(MIXED, tmp_path_factory.mktemp("mixed")) as serving:
        yield serving


def test_a_plain_client_reads_every_class_as_it_is_here(served: Served) -> None:
    eojs = [str(served.eoj(view)) for view in served.views]
    assert eojs == ["028A01", "028F01", "028201", "028101"]
    with Client() as client:
        for view in served.views[:2]:
            active, largest, day = served.read(client, view, 0xE2, 0xC1, 0xE0)
            at = active.time.replace(tzinfo=JST).timestamp()
            assert active.values[0] == view.active(at).import_wh % 10**8
            assert 0 < (largest if view.generation == "current" else largest[0]) <= view.contract_a * 100
            assert view.high_voltage is not None and day == view.high_voltage.closing_day
        for view in served.views[2:]:
            before = int(served.clock.now())
            volume, history = served.read(client, view, 0xE0, 0xE2)
            after = int(served.clock.now())
            assert view.active(before).import_wh <= volume <= view.active(after).import_wh
            end = after // 1800 * 1800
            assert history[-1] in {view.active(end).import_wh, view.active(end - 1800).import_wh}


@pytest.mark.requirement("A15")
@pytest.mark.parametrize(("place", "peer", "code"), [(2, GasMeter, 0x82), (3, WaterFlowMeter, 0x81)])
def test_pychonet_discovers_and_reads_gas_and_water_meters(served: Served, place: int, peer: Any, code: int) -> None:
    view = served.views[place]
    host = served.host(view)

    async def use(client: ECHONETAPIClient) -> None:
        assert await client.discover(host)
        assert list(client._state[host]["instances"][2][code]) == [1]
        assert await client.getAllPropertyMaps(host, 2, code, 1)
        before = int(served.clock.now())
        volume = await peer(host, client).update(0xE0)
        assert view.active(before).import_wh <= volume <= view.active(served.clock.now()).import_wh

    asyncio.run(with_pychonet(use))
