"""A twin's device on the table: its memory in a folder, its clock in the test's hand, clients wired to it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from protocols.dlms.acse import Mechanism
from protocols.dlms.client import Client, run
from protocols.dlms.client_protection import Protection
from protocols.dlms.roles import MANAGEMENT, PUBLIC, READER
from protocols.dlms.server import Session
from protocols.slots import SLOT_SECONDS
from tests.twins.homes import homes
from twins.chosen import ChosenTwins
from twins.dlms.logical_device import TwinDevice
from twins.hosts import attached
from twins.memory.journal import MemoryJournal
from twins.meter.clock import Clocks
from twins.plan import FleetPlan

T = TypeVar("T")
MASTER = bytes(range(16))
CLIENT_TITLE = b"HESTEST1"
CHALLENGE = b"challenge of ours"


def plan_of(generation: str = "next", seed: int = 1) -> FleetPlan:
    """A few homes, some with roofs, all of one generation."""
    found = homes(1, 40, areas=1, seed=seed, pv=0.4)
    mix = {"current": 0.0, "next": 0.0} | {generation: 1.0}
    areas = tuple(msgspec.structs.replace(area, generation_mix=mix) for area in found.areas)
    return msgspec.structs.replace(found, areas=areas)


def mixed_plan() -> FleetPlan:
    """Four homes, two factories, and a gas and a water meter in each home."""
    home = plan_of().areas[0]
    load = {"LV": home.load_mix, "HV": {"factory": 1.0}, "gas": {"gas_home": 1.0}, "water": {"water_home": 1.0}}
    sizes = {"LV": 4, "HV": 2, "gas": 4, "water": 4}
    areas = tuple(
        msgspec.structs.replace(
            home,
            name=meter_class,
            meter_class=meter_class,
            meters_per_concentrator=size,
            load_mix=load[meter_class],
            generation_mix={("current" if meter_class in ("gas", "water") else "next"): 1.0},
            pv_share=home.pv_share if meter_class == "LV" else 0.0,
            through="LV" if meter_class in ("gas", "water") else "",
        )
        for meter_class, size in sizes.items()
    )
    return msgspec.structs.replace(plan_of(), areas=areas)


class Rig:
    """One twin with its journal; :meth:`restart` is what a kill and a new start of its process are."""

    def __init__(
        self,
        folder: Path,
        index: int = 3,
        generation: str = "next",
        defects: Collection[str] = (),
        after: int = 60,
        plan: FleetPlan | None = None,
    ) -> None:
        self.folder, self.index, self.defects = folder, index, defects
        self.plan = plan or plan_of(generation)
        self.now = float((self.plan.first_slot + after) * SLOT_SECONDS + 777)
        self._challenges = itertools.count(1)
        self._start()

    def _start(self) -> None:
        self.journal = MemoryJournal(self.folder)
        self.twins = ChosenTwins(self.plan, [self.index, *attached(self.plan, self.index)])
        self.view, *self.attached = self.twins.views
        self.twin = TwinDevice(
            self.view,
            Clocks(self.plan),
            self.journal,
            MASTER,
            attached=self.attached,
            defects=self.defects,
            random=lambda size: next(self._challenges).to_bytes(size, "big"),
        )
        self.device = self.twin.device
        self.at(self.now)

    def restart(self) -> None:
        """The process is killed and comes back."""
        self.journal.close()
        self._start()

    def at(self, now: float) -> None:
        """Let it be ``now``, with everything done that is due."""
        self.now = now
        self.twins.advance_to(int(now // SLOT_SECONDS))
        self.device.now = now
        self.device.step()

    def later(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, looked at every ``step`` seconds."""
        end = self.now + seconds
        while self.now < end:
            self.at(min(self.now + step, end))


class Link:
    """A client associated with the rig's device."""

    def __init__(self, rig: Rig, address: int, client: Client) -> None:
        self.session, self.client = Session(rig.twin.logical, address), client
        self.sent: list[bytes] = []
        self.received: list[bytes] = []

    def send(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        (answer,) = self.session.receive(apdu)
        self.received.append(answer)
        return answer

    def run(self, exchange: Generator[bytes, bytes, T]) -> T:
        return run(exchange, self.send)

    def associated(self) -> Link:
        self.run(self.client.associate())
        return self


def public(rig: Rig) -> Link:
    return Link(rig, PUBLIC, Client())


def reader(rig: Rig, password: bytes | None = None, **options: Any) -> Link:
    return Link(rig, READER, Client(Mechanism.LLS, rig.twin.password if password is None else password, **options))


def manager(rig: Rig, counter: int | None = None, keys: tuple[bytes, bytes] | None = None, **options: Any) -> Link:
    """The head-end; it goes on above the counters that the meter has heard."""
    start = rig.twin.security.highest_counter() + 1 if counter is None else counter
    protection = Protection(CLIENT_TITLE, *(keys or rig.twin.security.keys()), start)
    return Link(rig, MANAGEMENT, Client(Mechanism.HLS_GMAC, CHALLENGE, protection, **options))
