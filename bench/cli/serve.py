"""``bench serve``: chosen twins on real endpoints, for clients from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer

from bench.errors import InputError
from bench.keys import master_key
from bench.meters.directory import ENDPOINTS
from bench.record.atomic import replacing
from bench.record.scratch import scratch
from bench.serving.choose import check_host, chosen_meters, going_on, serving_plan
from bench.serving.watch import ServingProcess, endpoint_of, ready_of
from bench.topology.load import load_topology
from protocols.dlms.wrapper import PORT as DLMS_PORT
from protocols.echonet.transport import PORT as ECHONET_PORT
from protocols.slots import jst
from twins.echonet.addresses import FIRST, AddressError, loopback_addresses
from twins.serving.spec import Protocols, Ready, ServeSpec
from twins.wisun.service import DIALECTS

MODBUS_PORT = 5020
"""The port of Modbus TCP is 502, which only the superuser may take."""

_ELSEWHERE = "end what has it, or serve elsewhere: --first-address, --port, --dlms-port, --modbus-port, --terminals"


def serve(
    topology: Annotated[Path, typer.Argument(help="Topology file (YAML).", show_default=False)],
    meter: Annotated[list[str] | None, typer.Option(help="A meter to serve; may be given often.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many to serve when none is named: the first ones.")] = 8,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help=f"A protocol to serve: {', '.join(get_args(Protocols))}; may be given often. [default: all]"),
    ] = None,
    first_address: Annotated[str, typer.Option(help="IPv4 loopback address of the first; the others follow.")] = FIRST,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="UDP port of ECHONET Lite, of twins and of their peers alike.")
    ] = ECHONET_PORT,
    dlms_port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port of DLMS.")] = DLMS_PORT,
    modbus_port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port of Modbus.")] = MODBUS_PORT,
    dialect: Annotated[
        list[str] | None,
        typer.Option(help=f"What the sticks speak: {', '.join(DIALECTS)}; may be given often. [default: BP35A1]"),
    ] = None,
    sticks: Annotated[int, typer.Option(min=0, help="Meters in whose homes a Wi-SUN stick stands.")] = 8,
    lines: Annotated[
        int, typer.Option(min=0, help="Meters with serial lines to them (optical port, Modbus RTU): the first ones.")
    ] = 64,
    terminals: Annotated[
        Path | None, typer.Option(help="Folder of the terminals of sticks and lines. [default: a temporary one]")
    ] = None,
    memory: Annotated[
        Path | None,
        typer.Option(help="Folder in which the meters' memory outlasts this serving. [default: forgotten at the end]"),
    ] = None,
    notify: Annotated[
        str | None, typer.Option(help="Address of a controller that gets the half-hours as INFC; else the group, INF.")
    ] = None,
    endpoints: Annotated[Path, typer.Option(help="File that lists the endpoints meanwhile.")] = ENDPOINTS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, a last one when ready.")] = False,
) -> None:
    """Put twins on real endpoints until Ctrl-C: ECHONET Lite, Wi-SUN sticks, DLMS and Modbus over TCP and serial lines.

    Each twin has a loopback address of its own. A virtual topology is served at the pace of the wall clock, beginning
    at its clock.start. What is done to a meter is remembered, even when the serving process is killed.
    """
    loaded = load_topology(topology).topology
    plan, clock = serving_plan(loaded, time.time())
    indices = chosen_meters(plan.meters, meter or [], count)
    try:
        addresses = loopback_addresses(len(indices), first_address)
    except AddressError as error:
        raise InputError(f"{error}; see --first-address") from None
    if notify is not None:
        check_host(notify)
    if memory is not None:
        plan, clock = going_on(memory, plan, clock)
    with scratch("meter-bench-serve-") as work:
        spec = ServeSpec(
            plan=plan,
            clock=clock,
            meters=tuple(indices),
            addresses=tuple(addresses),
            master_key=master_key(plan.seed),
            defects=loaded.defect_plans(),
            protocols=_known("protocol", protocol, get_args(Protocols), get_args(Protocols)),  # type: ignore[arg-type]
            memory=str(memory or work / "memory"),
            terminals=str(terminals or work / "sticks"),
            echonet_port=port,
            dlms_port=dlms_port,
            modbus_port=modbus_port,
            dialects=_known("dialect", dialect, DIALECTS, ("BP35A1",)),
            sticks=sticks,
            lines=lines,
            notify=notify,
        )
        _serve(ServingProcess(spec, work), endpoints, as_json)


def _serve(serving: ServingProcess, endpoints: Path, as_json: bool) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: serving.stop())
    try:
        try:
            lines = list(serving.start())
        except InputError as error:
            raise InputError(f"{error}; {_ELSEWHERE}") from None
        if lines:
            with _listed(endpoints) as put:
                put(lines)
                _show(lines, as_json)
                _watch(serving, as_json, put)
    finally:
        serving.close()


def _watch(serving: ServingProcess, as_json: bool, put: Callable[[list[bytes]], None]) -> None:
    while (how := serving.wait()) is not None:
        lines = list(serving.start())
        if lines:
            put(lines)
        if lines and as_json:
            typer.echo(_ready_line(lines[-1]))
        typer.echo(f"the serving process {how}; started again as process {serving.pid}", err=True)


@contextlib.contextmanager
def _listed(path: Path) -> Iterator[Callable[[list[bytes]], None]]:
    """What puts the endpoints into a file, where they stay while they are served; its ready line names this process."""
    content = b""

    def put(lines: list[bytes]) -> None:
        nonlocal content
        content = b"".join(line + b"\n" for line in (*lines[:-1], _ready_line(lines[-1])))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as beside:
                beside.touch(mode=0o600)  # it names keys
                beside.write_bytes(content)
        except OSError as error:
            raise InputError(f"{path}: cannot list the endpoints there: {error.strerror}; see --endpoints") from None

    try:
        yield put
    finally:
        with contextlib.suppress(OSError):
            if path.read_bytes() == content:  # another serving may have put its own there
                path.unlink()


def _show(lines: list[bytes], as_json: bool) -> None:
    if as_json:
        for line in (*lines[:-1], _ready_line(lines[-1])):
            typer.echo(line)
        return
    for line in lines[:-1]:
        endpoint = endpoint_of(line)
        about = " ".join(value for name, value in endpoint.about.items() if name in ("eoj", "dialect"))
        typer.echo(f"{endpoint.meter}  {endpoint.protocol:<12}  {endpoint.place}  {about}".rstrip())
    typer.echo(_begun(ready_of(lines[-1])))
    sys.stdout.flush()


def _ready_line(line: bytes) -> bytes:
    """The last line with both processes: this one, and the one that serves (``shard_pid``)."""
    ready = ready_of(line)
    return msgspec.json.encode(msgspec.to_builtins(ready) | {"pid": os.getpid(), "shard_pid": ready.pid})


def _begun(ready: Ready) -> str:
    clock = ready.clock
    pace = "real time" if clock.scale == 1 else f"{clock.scale:g} times real time"
    began = f"{jst(clock.start):%Y-%m-%d %H:%M} JST"
    return f"ready; the clock began at {began}, in {pace}; --json shows ids and keys; Ctrl-C ends it"


def _known(what: str, given: list[str] | None, known: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    for name in given or ():
        if name not in known:
            raise InputError(f"--{what} {name}: there is none; take {', '.join(known)}")
    return tuple(dict.fromkeys(given)) if given else default
