"""The places of a session: its rack, and one place under the lease of a test."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from bench.errors import BenchFault
from bench.pytest_plugin.outcomes import BenchError
from bench.pytest_plugin.stages import SessionStage
from bench.rack.client import GatewayError, RackClient
from bench.rack.credentials import endpoints_of_place
from bench.rack.errors import LeaseDeniedError
from bench.rack.hosting import HostedRack
from bench.rack.inventory import Inventory, inventory_of
from bench.rack.messages import (
    Acquire,
    Attenuate,
    Beat,
    Integrate,
    Load,
    Measure,
    Play,
    Power,
    ReadMeter,
    Release,
    Request,
    Segment,
    Source,
)
from bench.topology.load import LoadedTopology
from bench.topology.rack import Place as Described
from protocols.errors import MeterBenchError
from twins.clock import ClockSpec
from twins.plan import FleetPlan
from twins.serving.endpoint import Endpoint

_TTL: Final = 60.0
"""Seconds that a lease outlives a session that was killed."""


class RackHouse:
    """The rack of a session, with its gateway (and its emulation, where it has one). Raises InputError, BenchFault."""

    def __init__(self, loaded: LoadedTopology, stage: SessionStage, work: Path, clock: ClockSpec, plan: FleetPlan):
        self.inventory: Inventory = inventory_of(loaded)
        self._stage = stage
        self._hosted = HostedRack(stage.stage, self.inventory, work / "rack")
        self._hosted.start(clock, plan)
        self._client: RackClient | None = None

    @property
    def client(self) -> RackClient:
        """A client of the gateway that serves now."""
        if self._client is None:
            self._client = RackClient(self._hosted.gateway(), self._stage.name)
            self._client.open()
        return self._client

    @contextlib.contextmanager
    def leased(self, name: str) -> Iterator[Place]:
        """A place under a lease, in safe state behind it. Raises BenchError when it cannot be had or made safe."""
        self._stage.look()
        try:
            with self.client.lease(Acquire((name,), ttl=_TTL)) as held:
                place = Place(self, name, held["token"])
                try:
                    yield place
                finally:
                    place.release()
        except (LeaseDeniedError, BenchFault) as error:
            self._forget()
            raise BenchError(str(error)) from error

    def endpoints(self, name: str) -> list[Endpoint]:
        """Where the meter of a place answers."""
        return endpoints_of_place(self.inventory, name)

    def emulator(self) -> Any:
        """Who knows the truth about an emulated rack, for tests that judge the bench."""
        return self._hosted.emulator()

    def _forget(self) -> None:
        """The gateway may be another one next time."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        """Let go of the gateway; it ends with the stage."""
        self._forget()


class Place:
    """One place, while this test holds it. All methods raise GatewayError, LeaseDeniedError, BenchFault."""

    def __init__(self, house: RackHouse, name: str, token: str) -> None:
        self._house, self.name, self._token = house, name, token
        self.described: Described = house.inventory.place(name)
        self.ac_source, self.attenuator = AcSource(self), Attenuator(self)
        self._released = False

    def ask(self, request: Request) -> Any:
        """Ask the gateway; a request that takes a token gets that of the lease."""
        fields = {each.name for each in dataclasses.fields(request)} if dataclasses.is_dataclass(request) else set()
        del fields
        return self._house.client.ask(request)

    def require(self, instrument: str) -> None:
        """Skip the test where no such instrument is wired."""
        import pytest

        if getattr(self.described.wiring, instrument) is None:
            pytest.skip(f"needs {instrument}, which {self.name} has not")
