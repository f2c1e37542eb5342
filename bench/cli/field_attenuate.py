"""``bench field attenuate``: the attenuator matrix of a rack as the link table has it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bench.cli.output import echo_json, print_table
from bench.cli.rack_options import AsJson, plain
from bench.errors import InputError
from bench.rack import FOLDER
from bench.rack.client import RackClient, find_gateway
from bench.topology.load import load_topology

_HEADERS = ("place", "meter", "parent", "loss dB", "table dBm", "set dB", "left dB", "heard dBm", "residual dB", "note")
_COLUMNS = ("place", "meter", "parent", "loss_db", "level_dbm", "set_db", "left_db", "heard_dbm", "residual_db", "why")


def attenuate(
    topology: Annotated[Path, typer.Argument(metavar="TOPOLOGY", help="Topology file (YAML).", show_default=False)],
    place: Annotated[list[str] | None, typer.Option(help="Place; often. [default: all with a link]")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what would be set; needs no lease and no gateway.")
    ] = False,
    token: Annotated[
        str, typer.Option(envvar="BENCH_TOKEN", help="Token of your lease of these places.", show_default=False)
    ] = "",
    folder: Annotated[Path, typer.Option(envvar="BENCH_RACK", help="Where the gateway serves from.")] = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Set the attenuators of a rack so that its radios see what their twins see, and tell what that leaves over.

    Under a lease, with the places powered; without --place all places of the topology that have a link. Ends with 1
    where a stick hears nothing of its meter.
    """
    from bench.field.attenuators import wanted_links
    from bench.field.matrix import check_link, chosen, set_links
    from bench.rack.inventory import inventory_of

    loaded = load_topology(topology)
    inventory = inventory_of(loaded)
    links = chosen(inventory, wanted_links(loaded.topology, inventory), place or ())
    if check:
        client = _client_if_served(folder, inventory.name)
        if client is None:
            found = [check_link(each, None) for each in links]
        else:
            with client:
                found = [check_link(each, client) for each in links]
    else:
        if not token:
            raise InputError("no token: lease the places first (bench rack acquire), or give --check")
        with _client(folder, inventory.name) as client:
            found = set_links(client, token, inventory, links, threading.Event())
    if as_json:
        echo_json({"set": not check, "links": msgspec.to_builtins(found)})
    else:
        rows = [tuple(plain(getattr(each, name)) for name in _COLUMNS) for each in found]
        print_table(_HEADERS, rows, right=range(3, 9))
    raise typer.Exit(0 if check or not any(each.why for each in found) else 1)


def _client(folder: Path, rack: str) -> RackClient:
    served = find_gateway(folder)
    if served.rack != rack:
        raise InputError(f"process {served.pid} serves the rack {served.rack} from {folder}, not {rack}")
    return RackClient(served)


def _client_if_served(folder: Path, rack: str) -> RackClient | None:
    """None where nobody serves this rack: then steps and ranges of its attenuators are not known."""
    try:
        return _client(folder, rack)
    except InputError:
        return None
