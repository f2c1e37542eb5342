"""The meters in places during a collection: leased, powered and loaded, fed to the head-end, read back at the end.

Their values take the same way as everybody's. What differs is that they need a supply: for as long as the campaign
lasts it holds all places, switches on what feeds them, and draws currents through them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.campaigns.collection.measure import ON_TIME_SECONDS
from bench.campaigns.collection.radios import Radios
from bench.errors import BenchFault, InputError
from bench.keys import master_key
from bench.measure import Limit, Measurement, judge, load_limits
from bench.rack.client import RackClient
from bench.rack.errors import LeaseDeniedError
from bench.rack.feed import FedMeter
from bench.rack.feed_process import FeedSpec
from bench.rack.hosting import HostedRack
from bench.rack.inventory import Inventory
from bench.rack.messages import Acquire, Load, Power, ReadMeter, Source
from bench.record.columns import Columns
from bench.runner import Run
from bench.stage import Stage
from bench.topology.defects import index_of
from bench.topology.plan import RunPlan
from hil_drivers.registry import Kind
from protocols.dlms.profile import REGISTER_SPAN
from protocols.errors import MeterBenchError
from protocols.slots import slot_end, slot_of
from twins.hosts import host_of
from twins.plan import FleetPlan, meter_id

NAME: Final = "places"
"""Name of the process that speaks for the places."""

RACK_UP: Final = 120.0
"""Real seconds that an emulated rack may take to come up before time can begin."""

PLACES_UP: Final = 15.0
"""Real seconds from then on until the first half-hour may end: places are powered, head-end and shards come up."""

ENGINE_UP: Final = 10.0
"""Real seconds more where shards load the event engine: two on a quiet machine, a multiple of that on a busy one."""

_TTL: Final = 10.0  # s of the lease: so long the rack stays as it is when this process hangs

_SHARES = f"""
SELECT
    m.index,
    count(DISTINCT r.slot),
    count(DISTINCT r.slot) FILTER (r.arrival - (r.slot::BIGINT + 1) * 1800 <= {ON_TIME_SECONDS}),
    count(DISTINCT r.slot) FILTER (r.via = 0)
FROM meters m LEFT JOIN readings r ON r.meter = m.index
WHERE m.index IN (SELECT unnest(?)) GROUP BY m.index
"""
_STORED = (
    "SELECT slot, arg_min(import_wh, arrival), arg_min(export_wh, arrival) FROM readings WHERE meter = ? GROUP BY slot"
)


@dataclass(frozen=True)
class PlaceResult:
    """How the meter in a place did: of ``due`` values so many are stored, on time, and came by themselves.

    ``differences`` counts stored values that the meter itself shows otherwise; None where it could not be asked.
    """

    place: str
    meter: str
    meter_class: str
    emulated: bool
    due: int
    stored: int
    on_time: int
    by_itself: int
    differences: int | None


def fed_meters(inventory: Inventory, plan: FleetPlan) -> tuple[FedMeter, ...]:
    """The meters of all places, and where each is read. Raises InputError for one that cannot be read."""
    places = {index_of(place.meter): name for name, place in inventory.places.items()}
    found = []
    for name, place in inventory.places.items():
        index = index_of(place.meter)
        if index is None or index >= plan.meters:
            where, known = inventory.line("places", name, "meter"), f"{meter_id(0)} to {meter_id(plan.meters - 1)}"
            raise InputError(f"{where}: no area has the meter {place.meter}; the fleet has {known}")
        host = host_of(plan, index)
        at = name if host is None else places.get(host)
        if at is None:
            where = inventory.line("places", name, "meter")
            raise InputError(f"{where}: {name} is read through a meter that stands in no place; add that place")
        if not inventory.places[at].readers:
            where = inventory.line("places", at)
            raise InputError(f"{where}: {at} has no readers, so nobody can collect its values; add where it is read")
        found.append(FedMeter(index=index, place=at, attached="" if host is None else place.meter_class))
    return tuple(found)


class Places:
    """The places of a topology in one run of the campaign."""

    def __init__(self, inventory: Inventory, plan: RunPlan, amps: Sequence[float], seed: int, radios: Radios) -> None:
        self.meters, self.radios = fed_meters(inventory, plan.fleet), radios
        self._inventory, self._plan, self._amps, self._seed = inventory, plan, tuple(amps), seed
        self.emulated = inventory.rack.emulation is not None
        self._slot = -1
        self._rack: HostedRack | None = None
        self._token = ""
        self._read: dict[int, dict[int, tuple[int, int]] | None] = {}  # by meter and slot, as the meter shows it

    @property
    def limits(self) -> dict[str, Limit]:
        """What the places are judged by besides."""
        return load_limits("places")

    @property
    def indices(self) -> tuple[int, ...]:
        """The meters that are no twins here."""
        return tuple(meter.index for meter in self.meters)

    def start(self, run: Run, stage: Stage) -> None:
        """Emulation and gateway come up. Raises BenchFault, InputError, Aborted."""
        self._rack = HostedRack(stage, self._inventory, run.folder.path / "rack")
        self._rack.start(self._plan.clock, self._plan.fleet)

    @contextlib.contextmanager
    def held(self, run: Run, stage: Stage, plan: RunPlan) -> Iterator[None]:
        """Lease, supply and feed for the block, in the time that this plan has now.

        Raises BenchFault for a rack that is lost meanwhile.
        """
        rack = self._rack
        assert rack is not None
        if self.emulated and plan.clock != self._plan.clock:
            rack.emulator().leap(plan.clock)
        self._plan = plan
        with rack.client() as client, client.lease(Acquire(tuple(self._inventory.places), ttl=_TTL)) as lease:
            self._client, self._token = client, lease["token"]
            self._switch_on(client)
            self.radios.begin(run, stage, client, self._token, plan.fleet)
            run.note(f"places {', '.join(self._inventory.places)} are leased and powered")
            stage.start(NAME, "bench.rack.feed_process", self._feed_spec(stage))
            try:
                yield
            except MeterBenchError as error:
                stage.look()  # where a process of the rack has ended, that is the reason of all else
                if isinstance(error, LeaseDeniedError):
                    told = rack.folder / "audit.jsonl"
                    raise BenchFault(f"the places are lost to the run: {error}; {told} says why") from error
                raise

    def tend(self, now: float, real: float) -> None:
        """Draw the current of the half-hour that has begun, through every place that has a load; play what varies."""
        self._client.check(self._token)  # a half-hour without supply would be long
        self.radios.play(self._client, self._token, now, real)
        slot = slot_of(now)
        if slot == self._slot:
            return
        self._slot = slot
        amps = self._amps[slot % len(self._amps)]
        for place in self._one_each(Kind.LOAD).values():
            limit = self._inventory.places[place].ratings.amps_max
            self._client.ask(Load(place, self._token, min(amps, limit)))

    def read_back(self, run: Run) -> None:
        """Ask each meter what it has registered, before its supply goes."""
        first, last = slot_end(self._plan.fleet.first_slot), slot_end(self._plan.last_slot)
        for meter in self.meters:
            if meter.attached:
                continue  # shows its newest half-hour alone
            try:
                rows = self._client.ask(ReadMeter(meter.place, "profile", first=first, last=last))
            except MeterBenchError as error:
                run.note(f"{meter.place} cannot be read back: {error}")
                self._read[meter.index] = None
                continue
            self._read[meter.index] = {
                row["end"] // 1800 - 1: (
                    row.get("import_wh", 0) % REGISTER_SPAN,
                    row.get("export_wh", 0) % REGISTER_SPAN,
                )
                for row in rows
            }

    def results(self, columns: Columns) -> list[PlaceResult]:
        """How each place did, in the order of the topology."""
        shares = {row[0]: row[1:] for row in columns.query(_SHARES, (list(self.indices),))}
        return [
            PlaceResult(
                name,
                place.meter,
                place.meter_class,
                self.emulated,
                due=self._plan.slots,
                stored=shares[meter.index][0],
                on_time=shares[meter.index][1],
                by_itself=shares[meter.index][2],
                differences=self._differences(columns, meter),
            )
            for (name, place), meter in zip(self._inventory.places.items(), self.meters, strict=True)
        ]

    def judge(self, results: Sequence[PlaceResult]) -> list[Measurement]:
        """The places' own measurements."""
        due = sum(result.due for result in results)
        known = [result.differences for result in results if result.differences is not None]
        asked = [meter for meter in self.meters if not meter.attached]
        values = {
            "place_final_share": sum(result.stored for result in results) / due,
            "place_on_time_share": sum(result.on_time for result in results) / due,
            "place_differences": float(sum(known)) if len(known) == len(asked) else None,
        }
        return judge(self.limits, values)

    def _differences(self, columns: Columns, meter: FedMeter) -> int | None:
        shown = self._read.get(meter.index)
        if shown is None:
            return None
        return sum(
            shown.get(slot) != (imported, exported)
            for slot, imported, exported in columns.query(_STORED, (meter.index,))
        )

    def _switch_on(self, client: RackClient) -> None:
        for name, place in self._inventory.places.items():
            if place.wiring.relay is not None:
                client.ask(Power(name, self._token, "on"))
        for name in self._one_each(Kind.SOURCE).values():
            client.ask(Source(name, self._token, "on"))

    def _one_each(self, kind: Kind) -> Mapping[str, str]:
        """Every instrument of a kind that places are wired to, with the first of those places."""
        found: dict[str, str] = {}
        for name, place in self._inventory.places.items():
            tap = getattr(place.wiring, kind.value)
            if tap is not None:
                found.setdefault(tap.instrument, name)
        return found

    def _feed_spec(self, stage: Stage) -> FeedSpec:
        assert self._rack is not None
        plan = self._plan
        return FeedSpec(
            run=stage.run,
            name=NAME,
            plan=plan.fleet,
            meters=self.meters,
            rack=str(self._rack.folder.resolve()),
            bus=stage.bus,
            clock=plan.clock,
            master_key=master_key(self._seed),
            last_slot=plan.last_slot,
            journal=stage.journal(NAME),
        )


def table(results: Sequence[PlaceResult]) -> list[dict[str, Any]]:
    """The results as a record carries them."""
    return [
        {
            **{name: getattr(result, name) for name in PlaceResult.__dataclass_fields__},
            "final_share": result.stored / result.due,
        }
        for result in results
    ]
