"""All places of a rack that have a stick and an attenuator, side by side under one lease."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from bench.campaigns.field_sweep.sweep import Note, Plan, Sweep, sweep_place
from bench.errors import InputError
from bench.field.attenuators import Wanted
from bench.measure import load_parameters
from bench.rack.client import RackClient
from bench.rack.inventory import Inventory
from bench.rack.messages import Acquire, Power, Source
from protocols.errors import MeterBenchError

_LEASE_S: Final = 30.0
"""A campaign that hangs loses its lease after so long."""


def plan_of(requests: int) -> Plan:
    """The plan by the parameters that ship, with so many requests at each fine step."""
    given = load_parameters("field-sweep")
    steps = {name: given[name].value for name in ("coarse", "joins", "fine", "around", "floor", "ceiling", "settle")}
    return Plan(**steps, tries=int(given["tries"].value), requests=requests)


def places_of(inventory: Inventory, named: Sequence[str]) -> list[str]:
    """The places to sweep: those named, else all that can be. Raises InputError where there is none, or one cannot."""
    able = [
        name
        for name, place in inventory.places.items()
        if place.stick is not None and place.wiring.attenuator is not None
    ]
    for name in named:
        inventory.place(name)
        if name not in able:
            raise InputError(f"{name} cannot be swept: that takes a stick and an attenuator ({inventory.file})")
    if not able:
        raise InputError(f"{inventory.file}: no place can be swept; each needs a stick and an attenuator")
    return list(named) or able


def sweep(
    client: RackClient,
    inventory: Inventory,
    places: Sequence[str],
    links: Mapping[str, Wanted],
    plan: Plan,
    note: Note,
    stop: threading.Event,
) -> list[Sweep]:
    """Sweep these places; ends early when ``stop`` is set. What goes wrong at one place stands in its ``fault``.

    Raises what the gateway says when places cannot be leased or powered.
    """
    found = [Sweep(name, inventory.place(name).meter, links.get(name)) for name in places]
    lock = threading.Lock()

    def tell(what: str) -> None:
        with lock:
            note(what)

    with client.lease(Acquire(tuple(places), ttl=_LEASE_S)) as held:
        token = held["token"]
        _power(client, inventory, places, token)

        def work(each: Sweep) -> None:
            try:
                sweep_place(client, token, each, plan, tell, stop)
            except MeterBenchError as error:  # the lease is lost, the gateway gone
                each.fault = str(error)

        threads = [threading.Thread(target=work, args=(each,), name=f"sweep-{each.place}") for each in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def _power(client: RackClient, inventory: Inventory, places: Sequence[str], token: str) -> None:
    """Relays and sources on: a meter without supply has no radio."""
    powered = set()
    for name in places:
        wiring = inventory.place(name).wiring
        if wiring.relay is not None:
            client.ask(Power(name, token, "on"))
        if wiring.source is not None and wiring.source.instrument not in powered:
            powered.add(wiring.source.instrument)
            client.ask(Source(name, token, "on"))
