"""``bench serve``: chosen twins on real endpoints, for clients from outside."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bench.errors import InputError
from bench.runner import master_key
from bench.serving import check_host, chosen_meters, planted, serving_plan
from bench.topology.load import load_topology
from protocols.echonet.transport import PORT
from protocols.slots import jst
from twins.chosen import ChosenTwins
from twins.clock import ClockSpec, make_clock
from twins.echonet.addresses import FIRST, AddressError, loopback_addresses
from twins.echonet.node import TwinNode
from twins.echonet.service import EchonetService
from twins.echonet.udp import UdpTwins
from twins.meter.clock import Clocks


def serve(
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML).", show_default=False)],
    meter: Annotated[list[str] | None, typer.Option(help="A meter to serve; may be given often.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many to serve when none is named: the first ones.")] = 8,
    first_address: Annotated[str, typer.Option(help="IPv4 loopback address of the first; the others follow.")] = FIRST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="UDP port of twins and of their peers alike.")] = PORT,
    notify: Annotated[
        str | None, typer.Option(help="Address of a controller that gets the half-hours as INFC; else the group, INF.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, a last one when ready.")] = False,
) -> None:
    """Put twins on ECHONET Lite, UDP port 3610, one loopback address each, until Ctrl-C.

    A virtual topology is served at the pace of the wall clock, beginning at its clock.start.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    loaded = load_topology(topology).topology
    plan, spec = serving_plan(loaded, time.time())
    indices = chosen_meters(plan.meters, meter or [], count)
    try:
        addresses = loopback_addresses(len(indices), first_address)
    except AddressError as error:
        raise InputError(f"{error}; see --first-address") from None
    if notify is not None:
        check_host(notify)
    clock, twins = make_clock(spec), ChosenTwins(plan, indices)
    clocks, master, defects = Clocks(plan), master_key(plan.seed), planted(loaded)
    nodes = [TwinNode(view, clocks, master, defects.get(view.index, ())) for view in twins.views]
    udp = UdpTwins(nodes, addresses, clock, port)
    service = EchonetService(twins, nodes, udp, clock, notify)
    try:
        udp.open()
    except AddressError as error:
        raise InputError(f"{error}; end what has it, or serve elsewhere with --first-address") from None
    try:
        asyncio.run(_until_told(service, lambda: _show(nodes, addresses, udp, port, spec, as_json)))
    finally:
        udp.close()
        for number, what in ((udp.lost, "could not be sent"), (service.given_up, "were never confirmed")):
            if number:
                typer.echo(f"{number} datagrams {what}", err=True)


async def _until_told(service: EchonetService, show: Callable[[], None]) -> None:
    loop, serving = asyncio.get_running_loop(), asyncio.create_task(service.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    await asyncio.sleep(0)  # the service begins to answer
    show()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _show(
    nodes: list[TwinNode], addresses: list[str], udp: UdpTwins, port: int, spec: ClockSpec, as_json: bool
) -> None:
    for place, (node, address) in enumerate(zip(nodes, addresses, strict=True)):
        who = node.view.identity
        ipv6 = udp.ipv6 if place == 0 else None
        endpoint = {
            "meter": who.meter,
            "protocol": "echonet-lite",
            "address": address,
            "ipv6": ipv6,
            "port": port,
            "ids": {"route_b_id": node.number.hex().upper(), "serial": who.serial, "maker": who.maker.hex().upper()},
            "eoj": str(node.eoj),
            "release": node.release,
        }
        if as_json:
            typer.echo(msgspec.json.encode(endpoint).decode())
        else:
            also = f" and [{ipv6}]:{port}" if ipv6 else ""
            typer.echo(f"{who.meter}  ECHONET Lite  {node.eoj} release {node.release}  {address}:{port}{also}")
    if as_json:
        typer.echo(msgspec.json.encode({"ready": True, "twins": len(nodes), "clock": spec}).decode())
    else:
        pace = "real time" if spec.scale == 1 else f"{spec.scale:g} times real time"
        typer.echo(f"ready; the clock began at {jst(spec.start):%Y-%m-%d %H:%M} JST, in {pace}; Ctrl-C ends it")
