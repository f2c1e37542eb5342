"""Where the meter of a place is read, and with which credentials: an endpoint for each reader, and for its stick.

Keys and passwords of real meters stand in the file that ``rack.keys`` names, a line an endpoint as ``bench serve
--json`` prints them. The meters of an emulated rack are twins: theirs come from the topology's seed, as those of
``bench serve`` do. What a reader's URL says of itself goes before either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from bench.keys import master_key
from bench.meters.directory import PROTOCOLS, endpoint_of_url, read_endpoints
from bench.rack.inventory import Inventory
from bench.topology.rack import Place
from protocols.dlms.keys import KeyRing
from protocols.echonet.classes import GAS_METER, HV_METER, LV_METER, WATER_METER, object_class
from protocols.echonet.frame import Eoj
from twins.dlms.security import factory_secrets, reader_password, terminal_password
from twins.meter.identity import route_b
from twins.plan import MeterClass, meter_id, system_title
from twins.serving.endpoint import Endpoint

_OBJECTS: Final[dict[MeterClass, str]] = {"LV": LV_METER, "HV": HV_METER, "gas": GAS_METER, "water": WATER_METER}


def endpoints_of_place(inventory: Inventory, place: str) -> list[Endpoint]:
    """The endpoints of a place's meter: its readers in their order, then its stick; none where it has neither.

    Raises InputError for a file of keys that cannot be read.
    """
    described = inventory.place(place)
    found = [endpoint_of_url(described.meter, url) for url in described.readers]
    if described.stick is not None:
        about = {"dialect": described.stick.dialect}
        found.append(Endpoint(meter=described.meter, protocol="wi-sun", path=described.stick.address, about=about))
    return [_known(inventory, described, endpoint) for endpoint in found]


def _known(inventory: Inventory, place: Place, endpoint: Endpoint) -> Endpoint:
    """The endpoint with all that is known of its meter."""
    protocol = PROTOCOLS[endpoint.protocol]
    told = _in_file(inventory, place.meter, protocol) or _derived(inventory.seed, place, protocol)
    if told is None:
        return endpoint
    return msgspec.structs.replace(endpoint, ids=told.ids, keys=told.keys, about={**told.about, **endpoint.about})


def _in_file(inventory: Inventory, meter: str, protocol: str) -> Endpoint | None:
    if inventory.rack.keys is None:
        return None
    lines = read_endpoints(inventory.file.parent / Path(inventory.rack.keys))
    return next((each for each in lines if each.meter == meter and PROTOCOLS.get(each.protocol) == protocol), None)


def _derived(seed: int, place: Place, protocol: str) -> Endpoint | None:
    """What a twin left the factory with; None for a meter that is none."""
    digits = place.meter[3:]
    if place.meter != meter_id(int(digits)):
        return None
    index, master = int(digits), master_key(seed)
    title = system_title(index)
    match protocol:
        case "dlms" | "optical":
            secrets = factory_secrets(KeyRing(master), title)
            ids = {"reader_password": reader_password(master, title).decode()}
            if protocol == "optical":
                ids["terminal_password"] = terminal_password(master, title).decode()
            return Endpoint(
                meter=place.meter,
                protocol=protocol,
                ids=ids,
                keys={
                    "encryption": secrets.encryption.hex().upper(),
                    "authentication": secrets.authentication.hex().upper(),
                    "wrapping": secrets.wrapping.hex().upper(),
                },
            )
        case "wi-sun":
            given = route_b(master, index)
            told = {"route_b_id": given.id, "password": given.password}
            return Endpoint(meter=place.meter, protocol=protocol, ids=told, about={"eoj": _eoj(place.meter_class)})
        case "echonet":
            return Endpoint(meter=place.meter, protocol=protocol, about={"eoj": _eoj(place.meter_class)})
        case _:
            return None


def _eoj(meter_class: MeterClass) -> str:
    """The object that a twin of this class shows, in hex; HV meters of the next generation say theirs in the URL."""
    return str(Eoj(object_class(_OBJECTS[meter_class]).class_code, 1))
