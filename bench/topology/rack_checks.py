"""What a rack must fulfil as a whole: everything wired exists, no channel serves two, no limit forbids the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bench.topology.problems import Fault, nearest
from hil_drivers.registry import Kind

if TYPE_CHECKING:
    from bench.topology.rack import Limits, Place, Rack

ADDRESS: Final = "^[!-~]+$"
"""Printable, without blanks; what else it must be, the driver knows."""


_TAPS: Final = (Kind.SOURCE, Kind.ANALYSER, Kind.LOAD, Kind.RELAY, Kind.ATTENUATOR, Kind.BRIDGE)


def check_rack(rack: Rack) -> Iterator[Fault]:
    """Faults of references and of things that are there twice."""
    for key, things in (("instruments", rack.instruments), ("places", rack.places)):
        if not things:
            yield Fault((key,), f"there are no {key}", "describe at least one")
    yield from _twice(
        "instruments", [(("id",), each.id) for each in rack.instruments], "is the id of an instrument above"
    )
    yield from _twice(
        "instruments",
        [(("address",), each.address) for each in rack.instruments],
        "is the address of an instrument above",
    )
    yield from _twice("places", [(("id",), each.id) for each in rack.places], "is the id of a place above")
    yield from _twice("places", [(("meter",), each.meter) for each in rack.places], "is the meter of a place above")
    yield from _twice(
        "places",
        [(("stick", "address"), each.stick.address if each.stick else None) for each in rack.places],
        "is the stick of a place above",
    )
    yield from _wiring(rack)


def _twice(key: str, values: list[tuple[tuple[str, ...], str | None]], what: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for position, (path, value) in enumerate(values):
        if value in seen:
            yield Fault((key, position, *path), f"{value} {what}", "give each its own")
        elif value is not None:
            seen.add(value)


def _wiring(rack: Rack) -> Iterator[Fault]:
    instruments = {each.id: each for each in rack.instruments}
    users: dict[tuple[str, int], str] = {}
    for position, place in enumerate(rack.places):
        for kind in _TAPS:
            tap = getattr(place.wiring, kind.value)
            if tap is None:
                continue
            at = ("places", position, "wiring", kind.value, "instrument")
            instrument = instruments.get(tap.instrument)
            if instrument is None:
                fitting = [name for name, each in instruments.items() if each.kind is kind]
                right = nearest(tap.instrument, fitting) if fitting else f"add the {kind.value} to instruments"
                yield Fault(at, f"there is no instrument {tap.instrument}", right)
            elif instrument.kind is not kind:
                what = f"{tap.instrument} is of the kind {instrument.kind.value}, not {kind.value}"
                yield Fault(at, what, f"wire a {kind.value} here")
            elif kind in (Kind.RELAY, Kind.ATTENUATOR):
                at = (*at[:-1], "channel")
                channels = getattr(instrument, "channels", 1)
                if tap.channel > channels:
                    yield Fault(at, f"{tap.instrument} has no channel {tap.channel}", f"give 1 to {channels}")
                elif (user := users.setdefault((tap.instrument, tap.channel), place.id)) != place.id:
                    what = f"channel {tap.channel} of {tap.instrument} is wired to {user}"
                    yield Fault(at, what, "wire a channel to one place")
            elif kind is Kind.SOURCE and len(set(tap.phases)) != len(tap.phases):
                yield Fault((*at[:-1], "phases"), "a phase is named twice", "name each phase once")


def check_limits(rack: Rack) -> Iterator[Fault]:
    """Faults of limits that forbid what the meter is made for."""
    instruments = {each.id: each for each in rack.instruments}
    for position, place in enumerate(rack.places):
        at = ("places", position)
        yield from _forbids(place, (*at, "limits"), place.limits, "the limit of the place")
        tap = place.wiring.source
        instrument = instruments.get(tap.instrument) if tap else None
        if isinstance(limits := getattr(instrument, "limits", None), type(place.limits)):
            yield from _forbids(place, (*at, "ratings"), limits, f"the limit of {tap and tap.instrument}")
        if place.ratings.amps > place.ratings.amps_max:
            what = f"{place.ratings.amps:g} A lies above amps_max, {place.ratings.amps_max:g} A"
            yield Fault((*at, "ratings", "amps"), what, "a meter's maximum current is at least its basic one")
    if rack.leases.ttl > rack.leases.longest:
        what = f"{rack.leases.ttl:g} s lies above longest, {rack.leases.longest:g} s"
        yield Fault(("leases", "ttl"), what, "lower it or raise longest")


def _forbids(place: Place, at: tuple[str | int, ...], limits: Limits, whose: str) -> Iterator[Fault]:
    volts, hertz = place.ratings.volts, place.ratings.hertz
    for name, limit, rated, unit, forbidden in (
        ("volts_max", limits.volts_max, volts, "V", limits.volts_max is not None and volts > limits.volts_max),
        ("hertz_min", limits.hertz_min, hertz, "Hz", limits.hertz_min is not None and hertz < limits.hertz_min),
        ("hertz_max", limits.hertz_max, hertz, "Hz", limits.hertz_max is not None and hertz > limits.hertz_max),
    ):
        if forbidden:
            what = f"{name} {limit:g} {unit}, {whose}, forbids the rated {rated:g} {unit} of the meter"
            key = name if at[-1] == "limits" else name.partition("_")[0]
            yield Fault((*at, key), what, "correct the limit or the rating")
