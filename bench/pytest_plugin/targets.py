"""What a session can test: every place of the rack, and one twin of each kind that the topology has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.meters.directory import PROTOCOLS, endpoint_of_url
from bench.night.model import Key, Kind
from bench.topology.defects import index_of
from bench.topology.model import Topology
from bench.topology.rack import Place
from hil_drivers.registry import Kind as InstrumentKind
from twins.catalogue import DEFECTS
from twins.chosen import ChosenTwins
from twins.hosts import attached
from twins.meter.view import MeterView
from twins.plan import FleetPlan, MeterClass, meter_id

_NOT_OF_TWINS: Final = ("metrology", "field")
"""Routes of defects that no served twin shows: they are of meters in places, and of radio nodes."""

_LOOKED_AT: Final = 128
"""Meters of an area among which a kind is looked for: enough for a generation that one in thirty is of."""

_TWIN_PROTOCOLS: Final[dict[MeterClass, tuple[str, ...]]] = {
    "LV": ("dlms", "echonet", "wi-sun", "modbus", "optical", "modbus-rtu"),
    "HV": ("dlms", "echonet", "wi-sun", "optical"),
    "gas": ("echonet",),
    "water": ("echonet",),
}
"""How twins answer, as ``twins.serving`` serves them."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to test. ``place`` is the name of the place or of the twin kind; ``features`` are what tests may need.

    Features: ``rack`` or ``twin``; ``emulated`` where nothing real is behind it; class and generation of the meter;
    protocols; kinds of instruments wired; ``stick``; ``host`` of gas and water meters; tags, ``key=value``.
    """

    kind: Kind
    place: str
    meter: str
    features: frozenset[str]

    @property
    def id(self) -> str:
        """As in the ids of tests: ``rack-lv-1``, ``twin-lv-current``."""
        return f"{self.kind}-{self.place}"

    def key(self, test: str) -> Key:
        """What a test here is known by, night after night."""
        return Key(test, self.kind, self.place)

    def lacks(self, needed: Iterable[str]) -> str | None:
        """The first of some features that is not here; ``a|b`` is either."""
        return next((each for each in needed if self.features.isdisjoint(each.split("|"))), None)


def targets(topology: Topology, plan: FleetPlan, *, racks: bool, twins: bool) -> list[Target]:
    """The places in their order, then the twin kinds."""
    found: list[Target] = []
    if racks and topology.rack is not None:
        emulated = topology.rack.emulation is not None
        found += [_of_place(place, plan, emulated) for place in topology.rack.places]
    return found + (list(_of_twins(topology, plan)) if twins else [])


def twin_kind(view: MeterView) -> str:
    """Name of a kind: ``lv-current``; gas and water meters have one generation only."""
    name = view.meter_class.lower()
    return name if view.meter_class in ("gas", "water") else f"{name}-{view.generation}"


def _of_place(place: Place, plan: FleetPlan, emulated: bool) -> Target:
    features = {"rack", place.meter_class, place.tags.get("generation", "current")}
    features |= {PROTOCOLS[endpoint_of_url(place.meter, url).protocol] for url in place.readers}
    features |= {kind.value for kind in InstrumentKind if getattr(place.wiring, kind.value) is not None}
    features |= {f"{name}={value}" for name, value in place.tags.items()}
    features |= {"stick", "wi-sun"} if place.stick is not None else set()
    if emulated:
        index = index_of(place.meter)
        features |= {"emulated"} | ({"host"} if index is not None and attached(plan, index) else set())
    return Target("rack", place.id, place.meter, frozenset(features))


def _of_twins(topology: Topology, plan: FleetPlan) -> Iterable[Target]:
    """Of each kind the first meter with a planted defect; without one the first host; then the first whose register has
    begun again behind its digits; else the first."""
    shown = [plan for plan in topology.defect_plans() if DEFECTS[plan.kind].route not in _NOT_OF_TWINS]
    faulty = {index for plan in shown for index in plan.meters}
    chosen: dict[str, MeterView] = {}
    views = ChosenTwins(plan, _candidates(plan, faulty)).views
    for view in sorted(views, key=lambda each: (each.index not in faulty, *_plain(plan, each), each.index)):
        chosen.setdefault(twin_kind(view), view)
    for kind, view in sorted(chosen.items(), key=lambda item: item[1].index):
        protocols = _TWIN_PROTOCOLS[view.meter_class]
        features = {"twin", "emulated", view.meter_class, view.generation, *protocols}
        features |= {"stick"} if "wi-sun" in protocols else set()
        features |= {"host"} if attached(plan, view.index) else set()
        yield Target("twin", kind, meter_id(view.index), frozenset(features))


def _plain(plan: FleetPlan, view: MeterView) -> tuple[bool, bool]:
    """How little there is to see at a meter: whether nothing hangs on it, whether its register never began again."""
    shown = int(view.meters.fleet.import_wh[view.row]) // view.model.unit_wh
    return not attached(plan, view.index), shown < 10**view.model.digits


def _candidates(plan: FleetPlan, faulty: Iterable[int]) -> Sequence[int]:
    found = set(sorted(faulty)[:_LOOKED_AT])
    for number, area in enumerate(plan.areas):
        first = plan.first_meter_of_area(number)
        found |= set(range(first, first + min(area.meters, _LOOKED_AT)))
    return sorted(found)
