"""What a rack with the section ``emulation`` must fulfil, and how the meters of any rack are reached.

Everything of an emulated rack is on this machine, and its meters are twins of the topology.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bench.errors import InputError
from bench.meters.directory import endpoint_of_url
from bench.topology.addresses import LOOPBACK, can_be_emulated_at
from bench.topology.defects import HiddenErrorDefect, index_of
from bench.topology.problems import Fault
from protocols.wisun.skstack.dialect import DIALECTS as TEXT_DIALECTS
from twins.plan import meter_id
from twins.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from bench.topology.model import Topology
    from bench.topology.rack import Place, Rack

_AUTO: Final = "auto"
_DIALECTS: Final = (*TEXT_DIALECTS, "J11")
_PHASES: Final = {"LV": (1, 2), "HV": (3,)}
_SPOKEN: Final = {
    "LV": ("dlms", "echonet", "modbus", "optical", "modbus-rtu"),
    "HV": ("dlms", "echonet", "optical"),
    "gas": ("echonet",),
    "water": ("echonet",),
}


def check_readers(rack: Rack) -> Iterator[Fault]:
    """Faults of the addresses at which meters are read, and of sticks."""
    users: dict[tuple[object, ...], str] = {}
    for position, place in enumerate(rack.places):
        protocols = set()
        for number, url in enumerate(place.readers):
            at = ("places", position, "readers", number)
            try:
                endpoint = endpoint_of_url(place.meter, url)
            except InputError as error:
                yield Fault(
                    at, str(error), "give one as `bench meter --connect` takes it, such as dlms://192.168.10.41"
                )
                continue
            unit = endpoint.about.get("unit") if endpoint.protocol == "modbus-rtu" else None  # of several on one line
            where = (endpoint.protocol, endpoint.address, endpoint.port, endpoint.path, unit)
            user = users.setdefault(where, place.id)
            if endpoint.protocol == "wi-sun":
                yield Fault(at, f"{url} is a stick", "describe it as the stick of the place")
            elif endpoint.protocol in protocols:
                yield Fault(at, f"{url} is a second reader by {endpoint.protocol}", "give each protocol once")
            elif user != place.id:
                yield Fault(at, f"{url} is where the meter of {user} is read", "give each meter its own address")
            protocols.add(endpoint.protocol)
        known = [*_DIALECTS, _AUTO]
        if place.stick is not None and place.stick.dialect not in known:
            what = f"there is no dialect {place.stick.dialect}"
            yield Fault(("places", position, "stick", "dialect"), what, f"give one of {', '.join(known)}")


def check_emulation(rack: Rack) -> Iterator[Fault]:
    """Faults of what is emulated: what is elsewhere, and what no emulated meter has."""
    if rack.emulation is None:
        return
    lines: dict[str, str] = {}  # serial ports and the places that have them
    first: tuple[int | None, str] | None = None  # port of ECHONET Lite and the place that has it
    for position, place in enumerate(rack.places):
        here = ("places", position)
        for number, endpoint in _endpoints(place):
            reader = (*here, "readers", number)
            if endpoint.protocol not in _SPOKEN[place.meter_class]:
                spoken = ", ".join(_SPOKEN[place.meter_class])
                what = f"an emulated {place.meter_class} meter does not speak {endpoint.protocol}"
                yield Fault(reader, what, f"it has {spoken}")
            elif endpoint.path is not None:
                user = lines.setdefault(endpoint.path, f"{place.id} by {endpoint.protocol}")
                if endpoint.path.startswith("/dev/"):
                    yield Fault(reader, "is not a place for an emulated line", "give a path in another folder")
                elif user != f"{place.id} by {endpoint.protocol}":
                    yield Fault(reader, f"is the line of {user}", "give each emulated meter a line of its own")
            elif not can_be_emulated_at(endpoint.address):
                yield Fault(reader, "is not on this machine, where all of an emulated rack is", LOOPBACK)
            elif endpoint.protocol == "echonet":
                first = first or (endpoint.port, place.id)
                if endpoint.port != first[0]:
                    what = f"ECHONET Lite nodes share one port, and that of {first[1]} is another"
                    yield Fault(reader, what, "give all the same port, or none")
        yield from _emulated_stick(place, here)
        tap = place.wiring.source
        if tap is not None and len(tap.phases) not in (needed := _PHASES.get(place.meter_class, ())):
            what = f"an emulated {place.meter_class} meter does not lie on {len(tap.phases)} phases"
            right = f"give it {' or '.join(map(str, needed))}" if needed else "remove the source"
            yield Fault((*here, "wiring", "source", "phases"), what, right)


def check_emulated(topology: Topology) -> Iterator[Fault]:
    """Faults of a whole topology: emulated meters that are no twins of it, hidden errors that nobody could have."""
    rack = topology.rack
    fed = set()
    if rack is not None and rack.emulation is not None:
        plan = topology.fleet_plan()
        for position, place in enumerate(rack.places):
            index, at = index_of(place.meter), ("rack", "places", position)
            if index is None or index >= plan.meters:
                right = f"its meters are twins: give {meter_id(0)} to {meter_id(plan.meters - 1)}, or remove emulation"
                yield Fault((*at, "meter"), f"an emulated rack has no {place.meter}", right)
            elif plan.class_of(index) != place.meter_class:
                what = f"{place.meter} stands in an area of {plan.class_of(index)} meters"
                yield Fault((*at, "meter"), what, f"give a meter of an area with meter_class: {place.meter_class}")
            if place.wiring.source is not None:
                fed.add(place.meter)
    for number, defect in enumerate(topology.defects):
        if isinstance(defect, HiddenErrorDefect):
            for item, meter in enumerate(defect.meters):
                if meter not in fed:
                    right = "name meters at places of a rack with emulation that a source feeds"
                    yield Fault(("defects", number, "meters", item), f"{meter} is no emulated electricity meter", right)


def _endpoints(place: Place) -> Iterator[tuple[int, Endpoint]]:
    for number, url in enumerate(place.readers):
        try:
            yield number, endpoint_of_url(place.meter, url)
        except InputError:  # told by check_readers
            continue


def _emulated_stick(place: Place, at: tuple[str | int, ...]) -> Iterator[Fault]:
    stick = place.stick
    if stick is None:
        return
    if place.meter_class not in _PHASES:
        yield Fault((*at, "stick"), f"{place.meter_class} meters have no B-route", "remove it", on_key=True)
    if stick.address.startswith("/dev/"):
        yield Fault((*at, "stick", "address"), "is not a place for an emulated stick", "give a path in another folder")
    if stick.dialect == _AUTO:
        right = f"give {', '.join(_DIALECTS)}"
        yield Fault((*at, "stick", "dialect"), "an emulated stick has to know what it speaks", right)
