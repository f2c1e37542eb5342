"""The places of a session: its rack, and one place under the lease of a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from bench.errors import BenchFault
from bench.pytest_plugin.outcomes import BenchError
from bench.pytest_plugin.stages import SessionStage
from bench.rack import messages
from bench.rack.client import GatewayError, RackClient
from bench.rack.credentials import endpoints_of_place
from bench.rack.emulator_client import EmulatorClient
from bench.rack.errors import LeaseDeniedError
from bench.rack.hosting import HostedRack
from bench.rack.inventory import Inventory, inventory_of
from bench.topology.load import LoadedTopology
from protocols.errors import MeterBenchError
from twins.clock import ClockSpec
from twins.plan import FleetPlan
from twins.serving.endpoint import Endpoint

_TTL: Final = 60.0
"""Seconds that a lease outlives a session that was killed."""


class RackHouse:
    """The rack of a session, with its gateway (and its emulation, where it has one). Raises InputError, BenchFault."""

    def __init__(
        self, loaded: LoadedTopology, stage: SessionStage, work: Path, clock: ClockSpec, plan: FleetPlan
    ) -> None:
        self.inventory: Inventory = inventory_of(loaded)
        self._stage, self.work = stage, work
        self._hosted = HostedRack(stage.stage, self.inventory, work / "rack")
        self._hosted.start(clock, plan)
        self._client: RackClient | None = None

    @property
    def folder(self) -> Path:
        """Where the gateway says how it is reached."""
        return self._hosted.folder

    @property
    def client(self) -> RackClient:
        """A client of the gateway that serves now."""
        if self._client is None:
            client = RackClient(self._hosted.gateway(), self._stage.name)
            client.open()
            self._client = client
        return self._client

    @property
    def emulator(self) -> EmulatorClient:
        """Who knows the truth about an emulated rack: for tests that judge the bench."""
        return self._hosted.emulator()

    @contextlib.contextmanager
    def leased(self, name: str) -> Iterator[Place]:
        """A place under a lease, in safe state behind it. Raises BenchError when it cannot be had or made safe."""
        try:
            self._stage.look()
            with contextlib.ExitStack() as stack:
                held = stack.enter_context(self.client.lease(messages.Acquire((name,), ttl=_TTL)))
                place = Place(self, name, held["token"])
                stack.callback(place.release)
                yield place
        except (LeaseDeniedError, BenchFault, GatewayError) as error:
            self.close()  # the gateway may be another one next time
            raise BenchError(str(error)) from error

    def endpoints(self, name: str) -> list[Endpoint]:
        """Where the meter of a place answers."""
        return endpoints_of_place(self.inventory, name)

    def close(self) -> None:
        """Let go of the gateway, which ends with the stage."""
        if self._client is not None:
            self._client.close()
            self._client = None


class Place:
    """One place, while this test holds it. What an instrument does not do is a BenchError, whatever it says; ``ask``
    raises GatewayError, LeaseDeniedError and BenchFault."""

    def __init__(self, house: RackHouse, name: str, token: str) -> None:
        self._house, self.name, self._token = house, name, token
        self.described = house.inventory.place(name)
        self.ac_source, self.attenuator = AcSource(self), Attenuator(self)
        self._supplied = False

    def ask(self, request: messages.Request) -> Any:
        """Ask the gateway something."""
        return self._house.client.ask(request)

    def order(self, request: messages.Request) -> Any:
        """Have an instrument do something; that it says no is the bench's fault. Raises BenchError."""
        try:
            return self.ask(request)
        except MeterBenchError as error:
            raise BenchError(str(error)) from error

    @property
    def token(self) -> str:
        """The token of the lease, for requests of your own."""
        return self._token

    @property
    def emulator(self) -> EmulatorClient:
        """Who knows the truth about an emulated rack: for tests that judge the bench."""
        return self._house.emulator

    def require(self, *instruments: str) -> None:
        """Skip the test where one of these kinds of instruments is not wired."""
        for each in instruments:
            if getattr(self.described.wiring, each) is None:
                pytest.skip(f"needs {each}, which {self.name} has not")

    def supply(self) -> None:
        """Relay closed, source at the ratings of the meter, nothing in the radio path; whatever of it is there."""
        self.power("on")
        if self.described.wiring.attenuator is not None:
            self.attenuator.set(0.0)
        if self.described.wiring.source is not None:
            self.ac_source.on()

    def power(self, action: Literal["on", "off", "cycle"], seconds: float = 2.0) -> None:
        """The relay of the place; nothing where there is none. ``seconds`` (real) a cycle is without supply."""
        if self.described.wiring.relay is not None:
            self.order(messages.Power(self.name, self._token, action, seconds))
            self._supplied = action != "off"

    def load(self, amps: float, power_factor: float = 1.0) -> None:
        """The load behind the meter; 0 switches it off."""
        self.order(messages.Load(self.name, self._token, amps, power_factor))

    def play(self, *segments: messages.Segment) -> None:
        """Dips, interruptions and ramps by the source itself; returns when they are over."""
        self.order(messages.Play(self.name, self._token, segments))

    def integrate(
        self, action: Literal["begin", "end", "read"], volts: float | None = None, amps: float | None = None
    ) -> dict[str, Any]:
        """The analyser counts energy: as :class:`bench.rack.messages.Integrate` says."""
        found: dict[str, Any] = self.order(messages.Integrate(self.name, self._token, action, volts, amps))
        return found

    def measure(self) -> dict[str, Any]:
        """What the instruments of the place read, by kind."""
        found: dict[str, Any] = self.ask(messages.Measure(self.name))
        return found

    def unsound(self) -> str | None:
        """What is wrong with the bench here, if anything is: lease, instruments, a supply that is gone by itself."""
        try:
            self.ask(messages.Beat(self._token))
            found = self.measure()
        except MeterBenchError as error:
            return str(error)
        for kind, reading in found.items():
            if "error" in reading:
                return f"{getattr(self.described.wiring, kind).instrument}: {reading['error']}"
        if self._supplied and not found.get("relay", {"closed": True})["closed"]:
            return "the relay of the place is open, and this test did not open it"
        if self.ac_source.wanted and not found["source"]["on"]:
            return "the source is off, and this test did not switch it off"
        return None

    def release(self) -> None:
        """End the lease; raises BenchError when the safe state behind it is not proved."""
        ended = self.ask(messages.Release(self._token))
        if not ended["safe"]:
            raise BenchError(f"{self.name} is not in safe state: {ended['failures']}")


class AcSource:
    """The source of a place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.wanted = False

    def on(self, volts: float | None = None, hertz: float | None = None) -> dict[str, Any]:
        """Bring it to these values (the ratings of the meter where not given): what it reads then."""
        place = self._place
        found: dict[str, Any] = place.order(messages.Source(place.name, place.token, "on", volts, hertz))
        self.wanted = True
        return found

    def off(self) -> None:
        """Switch it off."""
        self.wanted = False
        self._place.order(messages.Source(self._place.name, self._place.token, "off"))


class Attenuator:
    """The attenuator in the radio path of a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def set(self, db: float) -> float:
        """Set it: what was really set."""
        place = self._place
        return float(place.order(messages.Attenuate(place.name, place.token, db))["db"])
