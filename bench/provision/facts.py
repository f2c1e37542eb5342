"""What the playbooks are told of a topology: sticks, bus, and the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.errors import InputError
from bench.rack.inventory import Inventory
from bench.topology.model import ExternalBus

_TLS_PORT = 8883


def topology_facts(inventory: Inventory) -> dict[str, Any]:
    """Variables ``topology_*`` of the playbooks; raises InputError where the topology cannot be installed on a host."""
    return {
        "topology_name": inventory.name,
        "topology_source": str(inventory.file.resolve()),
        "topology_files": _files(inventory),
        "topology_sticks": _sticks(inventory),
        "topology_bus": _bus(inventory),
    }


def wants_broker(inventory: Inventory) -> bool:
    """Whether the bus is a broker that the playbooks make: one of its own, over TLS."""
    return isinstance(inventory.bus, ExternalBus) and inventory.bus.url.startswith("mqtts:")


def _bus(inventory: Inventory) -> dict[str, Any]:
    bus = inventory.bus
    if not isinstance(bus, ExternalBus):
        return {"root": bus.root, "host": "127.0.0.1", "port": _TLS_PORT}
    url = urlsplit(bus.url)
    return {"root": bus.root, "host": url.hostname, "port": url.port or _TLS_PORT}


def _files(inventory: Inventory) -> list[dict[str, str]]:
    """The topology and what it names, from here to below the configuration folder; the topology comes first."""
    folder = inventory.file.resolve().parent
    bus, keys = inventory.bus, getattr(inventory.rack, "keys", None)
    named = [name for key in ("ca", "client_cert", "client_key") if (name := getattr(bus, key, None)) is not None]
    files = [{"src": str(inventory.file.resolve()), "dest": "topology.yaml"}]
    for name in [*named, *([keys] if keys else [])]:
        if Path(name).is_absolute():
            continue  # is on every host where the topology says, or is missing there
        if ".." in Path(name).parts:
            raise InputError(
                f"{inventory.file}: names {name}, which is not below its folder; a host gets it with the topology, so "
                "put it beside, or name it by an absolute path that the host has"
            )
        files.append({"src": str(folder / name), "dest": name})
    return files


def _sticks(inventory: Inventory) -> list[dict[str, str]]:
    """Sticks to be named: by which property of the adapter, its value, the name below /dev, the place."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for place in inventory.places.values():
        stick = place.stick
        if stick is None or not (value := stick.usb_serial or stick.usb_path):
            continue
        name, by = stick.address.removeprefix("/dev/"), "ID_SERIAL_SHORT" if stick.usb_serial else "ID_PATH"
        if (same := found.get((by, value))) is not None:
            line = inventory.line("places", place.id, "stick")
            raise InputError(f"{line}: adapter {value} is that of {same['place']}; give each place its own")
        found[by, value] = {"property": by, "value": value, "name": name, "place": place.id}
    return list(found.values())
