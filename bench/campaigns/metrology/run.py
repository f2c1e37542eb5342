"""The campaign: all groups of a rack side by side, each under a lease of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from bench.campaigns.metrology import accuracy, interruptions
from bench.campaigns.metrology.apparatus import Apparatus
from bench.campaigns.metrology.plan import Group, MetrologyPlan, Note, groups_of
from bench.campaigns.metrology.rack import RackApparatus
from bench.campaigns.metrology.record import Findings
from bench.campaigns.metrology.session import Session
from bench.errors import InputError
from bench.rack.client import RackClient
from bench.rack.inventory import Inventory
from bench.rack.messages import Acquire
from bench.stage import Aborted
from protocols.errors import MeterBenchError

_LEASE_S: Final = 30.0
"""A campaign that hangs loses its leases after so long."""

_TESTS: Final[dict[str, Callable[[Session], None]]] = {
    "no-load": accuracy.measure_no_load,
    "starting": accuracy.measure_starting,
    "error": accuracy.measure_errors,
    "influence": accuracy.measure_influences,
    "power-cut": interruptions.measure_power_cut,
    "dips": interruptions.measure_dips,
}
"""What comes after the meters are up. No load comes first of all: what a meter counts then is known to the others; the
power cut comes before the dips: a dip that restarts a forgetful meter would leave it nothing to forget."""


def run(client: RackClient, inventory: Inventory, plan: MetrologyPlan, note: Note, stop: threading.Event) -> Findings:
    """Measure what the plan says, sources side by side; ends early when ``stop`` is set.

    What a group fails at is among the findings' ``faults``, and the others go on. Raises InputError for a place that
    does not exist or a rack on which there is nothing to measure.
    """
    for name in plan.settings.places:
        inventory.place(name)
    groups, skipped = groups_of(inventory.places, plan.settings.places)
    for name, reason in skipped.items():
        note(f"{name} is not measured: {reason}")
    if not groups:
        raise InputError(f"{inventory.file}: no place can be measured; each needs a source, an analyser and a load")
    findings = Findings(kinds=plan.kinds, skipped=skipped)
    lock = threading.Lock()

    def tell(what: str) -> None:
        with lock:
            note(what)

    def work(of_source: list[Group]) -> None:
        for group in of_source:
            _measure_group(client, inventory, group, plan, tell, stop, findings, lock)

    sources = {group.source: [each for each in groups if each.source == group.source] for group in groups}
    threads = [threading.Thread(target=work, args=(each,), name=f"metrology-{name}") for name, each in sources.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return findings


def measure(apparatus: Apparatus, group: Group, plan: MetrologyPlan, note: Note) -> Session:
    """All tests of the plan on one group, whatever its apparatus is; the session's rows are what was found."""
    session = Session(apparatus, group, plan, note)
    try:
        _measure(session)
    finally:
        apparatus.draw(0.0, 1.0)
    return session


def _measure(session: Session) -> None:
    tests = session.plan.tests
    interruptions.bring_up(session, judged="start-up" in tests)
    for test in tests:
        if test in _TESTS and session.cases:
            session.note(f"{', '.join(case.place for case in session.cases)}: {test}")
            _TESTS[test](session)
    session.supply_rated()  # a source that has tripped meanwhile says so here, and what was measured is not believed


def _measure_group(
    client: RackClient,
    inventory: Inventory,
    group: Group,
    plan: MetrologyPlan,
    note: Note,
    stop: threading.Event,
    findings: Findings,
    lock: threading.Lock,
) -> None:
    """One group under its lease; rows found before something fails are kept."""
    places = tuple(case.place for case in group.cases)
    session: Session | None = None
    try:
        with client.lease(Acquire(places=places, ttl=_LEASE_S)) as held:
            apparatus = RackApparatus(client, inventory, places, held["token"], plan.clock, stop)
            apparatus.close_relays()
            session = Session(apparatus, group, plan, note)
            _measure(session)
    except Aborted:
        pass  # whoever has set ``stop`` knows
    except MeterBenchError as error:
        with lock:
            findings.faults.append(f"{', '.join(places)}: {error}")
    finally:
        if session is not None:
            with lock:
                findings.rows.extend(session.rows)
