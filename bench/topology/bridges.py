"""What PLC bridges of a rack must fulfil: each leads to one meter, which is read through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.meters.directory import endpoint_of_url
from bench.topology.problems import Fault
from hil_drivers.bridge import meter_behind
from hil_drivers.errors import AddressError
from hil_drivers.registry import Kind
from protocols.echonet.transport import PORT

if TYPE_CHECKING:
    from bench.topology.rack import Place, Rack


def check_bridges(rack: Rack) -> Iterator[Fault]:
    """Faults of places with a bridge that is not the way to their meter."""
    behind: dict[str, tuple[str, int]] = {}
    for instrument in rack.instruments:
        if instrument.kind is Kind.BRIDGE:
            try:
                behind[instrument.id] = meter_behind(instrument.address)
            except AddressError:  # told by check_addresses
                continue
    users: dict[str, str] = {}
    for position, place in enumerate(rack.places):
        tap = place.wiring.bridge
        if tap is None or tap.instrument not in behind:
            continue
        at = ("places", position, "wiring", "bridge", "instrument")
        host, port = behind[tap.instrument]
        if (user := users.setdefault(tap.instrument, place.id)) != place.id:
            yield Fault(at, f"{tap.instrument} leads to the meter of {user}", "give each meter a bridge of its own")
        elif place.meter_class != "LV":
            yield Fault(at, f"{place.meter_class} meters have no power line communication", "remove the bridge")
        elif (host, port) not in _echonet_readers(place):
            url = f"echonet://{f'[{host}]' if ':' in host else host}{'' if port == PORT else f':{port}'}"
            yield Fault(at, f"no reader of {place.id} goes through {tap.instrument}", f"give it the reader {url}")


def _echonet_readers(place: Place) -> Iterator[tuple[str, int]]:
    for url in place.readers:
        try:
            endpoint = endpoint_of_url(place.meter, url)
        except InputError:  # told elsewhere
            continue
        if endpoint.protocol == "echonet":
            yield endpoint.address or "", endpoint.port or PORT
