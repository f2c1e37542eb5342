"""``bench rack emulate`` and ``bench rack fault``: a virtual rack to practise on, and what goes wrong in it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.output import echo_json
from bench.cli.rack_options import AsJson
from bench.rack.emulator_client import EmulatorClient

if TYPE_CHECKING:
    from bench.rack.emulate import EmulatedRack

_NONE = "none"


def emulate(
    ctx: typer.Context,
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML) with a rack.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Answer at the addresses of a rack as its instruments, sticks and meters would, until Ctrl-C.

    Time passes as the topology's clock says; `bench rack fault` lets things go wrong meanwhile.
    """
    # Here, because all meters with their protocols are a second of imports that no other command needs.
    from bench.rack.emulate_process import EmulateSpec
    from bench.rack.emulate_process import emulate as emulate_rack
    from bench.rack.inventory import inventory_of
    from bench.serving.choose import serving_plan
    from bench.topology.load import load_topology

    loaded = load_topology(topology)
    instruments = {name: each.address for name, each in inventory_of(loaded).instruments.items()}
    plan, clock = serving_plan(loaded.topology, time.time())
    spec = EmulateSpec(topology=str(topology), folder=str(ctx.obj.folder), clock=clock, plan=plan)

    def ready(rack: EmulatedRack) -> None:
        endpoints = rack.meters.served.endpoints()
        if as_json:
            meters = {each.meter: [one.place for one in endpoints if one.meter == each.meter] for each in endpoints}
            echo_json({"ready": True, "instruments": instruments, "worlds": list(rack.worlds), "meters": meters})
        else:
            for name, address in instruments.items():
                typer.echo(f"{name}: {address}")
            for endpoint in endpoints:
                typer.echo(f"{endpoint.meter}: {endpoint.protocol} {endpoint.place}")
            typer.echo("ready; Ctrl-C ends it")
        sys.stdout.flush()

    asyncio.run(emulate_rack(spec, ready))


def fault(
    ctx: typer.Context,
    instrument: Annotated[str, typer.Argument(help="Instrument of the emulated rack.", show_default=False)],
    kind: Annotated[str, typer.Argument(help=f"Name of the fault; {_NONE} ends all it has.", show_default=False)],
    times: Annotated[
        int | None, typer.Option(min=1, help="How often a fault of the wire shows. [default: until it is ended]")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How late a late answer is, in real seconds.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Let an instrument of an emulated rack fail, as long as `bench rack emulate` runs."""
    begun = None if kind == _NONE else kind
    EmulatorClient(ctx.obj.folder).fault(instrument, begun, times=times, seconds=seconds)
    if as_json:
        echo_json({"instrument": instrument, "fault": begun, "times": times, "seconds": seconds})
    else:
        typer.echo(f"{instrument}: {kind}")
