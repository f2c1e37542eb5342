"""From the topology's ``bus`` to the address where the bus is, and the process that makes it so, if it is ours."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.errors import InputError
from bench.topology.model import Bus, EmbeddedBus, ExternalBus, MosquittoBus
from twins.bus.address import BusAddress

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}

# QoS 0 messages to a busy subscriber wait in mosquitto's queue and are dropped beyond max_queued_messages (1,000 by
# default); 0 lifts that, and the shards' window keeps the queue short. "user root" is heard by a mosquitto that root
# starts, and means that it stays what it is: to change its user would undo bench.broker.tied.
_MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
set_tcp_nodelay true
user root
persistence false
log_dest stderr
log_type error
log_type warning
"""


@dataclass(frozen=True)
class Broker:
    """Where the bus is. ``command(work)`` prepares a folder and gives the command line; None for a broker of others."""

    address: BusAddress
    command: Callable[[Path], tuple[str, ...]] | None


def free_port() -> int:
    """A TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def choose_broker(bus: Bus, topology_dir: Path) -> Broker:
    """The broker of a run; writes nothing. InputError when it cannot be had."""
    match bus:
        case EmbeddedBus():
            port = free_port()
            command = (sys.executable, "-m", "bench.broker.embedded", str(port))
            return Broker(BusAddress(port=port, root=bus.root), lambda work: command)
        case MosquittoBus():
            return _mosquitto(bus)
        case ExternalBus():
            return Broker(_external(bus, topology_dir), None)


def _mosquitto(bus: MosquittoBus) -> Broker:
    # Debian puts daemons in sbin, which an ordinary user's PATH does not have.
    executable = shutil.which(bus.executable) or shutil.which(bus.executable, path="/usr/sbin:/usr/local/sbin")
    if executable is None:
        raise InputError(f"bus: {bus.executable} is not installed; install mosquitto or choose broker: embedded")
    port = free_port()

    def command(work: Path) -> tuple[str, ...]:
        config = work / "mosquitto.conf"
        config.write_text(_MOSQUITTO_CONF.format(port=port), encoding="utf-8")
        return (sys.executable, "-m", "bench.broker.tied", executable, "-c", str(config))

    return Broker(BusAddress(port=port, root=bus.root), command)


def _external(bus: ExternalBus, topology_dir: Path) -> BusAddress:
    url = urlsplit(bus.url)

    def file(name: str | None) -> str | None:
        return None if name is None else str(topology_dir / name)

    return BusAddress(
        host=url.hostname or "127.0.0.1",
        port=url.port or _DEFAULT_PORTS[url.scheme],
        user=bus.user,
        password_env=bus.password_env,
        tls=url.scheme == "mqtts",
        ca=file(bus.ca),
        client_cert=file(bus.client_cert),
        client_key=file(bus.client_key),
        root=bus.root,
    )
