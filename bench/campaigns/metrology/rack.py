"""The apparatus of a real (or emulated) rack: asked of its gateway, under a lease."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from bench.campaigns.metrology.apparatus import Energy, NoAnswerError, OutOfReachError, Part, Register
from bench.errors import BenchFault, InputError
from bench.rack.client import GatewayError, RackClient
from bench.rack.inventory import Inventory
from bench.rack.messages import Integrate, Load, Play, Power, ReadMeter, Request, Segment, Source
from bench.stage import Aborted
from protocols.slots import SLOT_SECONDS
from twins.clock import Clock

T = TypeVar("T")

_REPEATABLE: Final = (Source, Load, Integrate, Power)

_WHOLE_WH: Final = 1.0
"""What one count stands for when a meter does not say."""


class RackApparatus:
    """Places that share source, analyser and load; the first of them speaks for all where instruments are meant."""

    def __init__(
        self,
        client: RackClient,
        inventory: Inventory,
        places: Sequence[str],
        token: str,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._client, self._inventory, self._places, self._token = client, inventory, places, token
        self._clock, self._stop = clock, stop
        self._via: dict[str, str | None] = {}

    def close_relays(self) -> None:
        """Close the relays in the supplies, while there is no voltage yet."""
        for place in self._places:
            if self._inventory.place(place).wiring.relay is not None:
                self._ask(Power(place, self._token, "on"))

    def now(self) -> float:
        """Time of the campaign."""
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        """Let it pass; raises Aborted when the run is to end."""
        if self._stop.wait(self._clock.real_until(self._clock.now() + seconds)):
            raise Aborted

    def supply(self, volts: float, hertz: float) -> None:
        """By a ramp of the source."""
        self._reach(lambda: self._ask(Source(self._places[0], self._token, "on", volts, hertz)))

    def cut(self) -> None:
        """Source off."""
        self._ask(Source(self._places[0], self._token, "off"))

    def draw(self, amps: float, factor: float) -> None:
        """The load on or off; off goes through while the run is ending too."""
        self._reach(lambda: self._insist(Load(self._places[0], self._token, amps, factor)))

    def begin(self, volts: float, amps: float) -> None:
        """Analyser from 0, in the ranges that hold these."""
        self._integrate("begin", volts, amps)

    def energy(self) -> Energy:
        """So far."""
        return self._integrate("read")

    def end(self) -> Energy:
        """In the end."""
        return self._integrate("end")

    def play(self, parts: Sequence[Part], hertz: float) -> None:
        """As segments of the source."""
        segments = tuple(Segment(part.volts, part.seconds, hertz) for part in parts)
        self._reach(lambda: self._ask(Play(self._places[0], self._token, segments)))

    def register(self, place: str) -> Register:
        """By the protocol with the finest counts, which is found out when a meter is read first."""
        if place not in self._via:
            self._via[place] = self._finest(place)
        return self._registers(place, self._via[place])

    def power_failures(self, place: str) -> int:
        """By whichever protocol has it."""
        return int(self._read(ReadMeter(place, "power_failures"))["count"])

    def rows(self, place: str, first: float, last: float) -> dict[int, float]:
        """Half-hourly rows by whichever protocol has them."""
        found = self._read(ReadMeter(place, "profile", SLOT_SECONDS, math.floor(first), math.ceil(last)))
        return {row["end"]: float(row["import_wh"]) for row in found if "import_wh" in row}

    def _finest(self, place: str) -> str | None:
        """The protocol that shows the smallest counts; raises NoAnswerError when none answers."""
        protocols = [urlsplit(url).scheme for url in self._inventory.place(place).readers]
        if len(protocols) < 2:
            return None
        found: dict[str, float] = {}
        refusals = []
        for protocol in protocols:
            try:
                found[protocol] = self._registers(place, protocol).resolution_wh
            except NoAnswerError as error:
                refusals.append(str(error))
        if not found:
            raise NoAnswerError("; ".join(refusals))
        return min(found, key=lambda protocol: found[protocol])

    def _registers(self, place: str, via: str | None) -> Register:
        shown = self._read(ReadMeter(place, "registers", via=via))
        if "import_wh" not in shown:
            raise NoAnswerError(f"{place}: its meter has no register of imported energy")
        resolution = float(shown.get("resolution_wh", _WHOLE_WH))
        return Register(float(shown["import_wh"]), resolution, float(shown.get("wraps_at_wh", 0.0)))

    def _integrate(self, action: Any, volts: float | None = None, amps: float | None = None) -> Energy:
        told = self._ask(Integrate(self._places[0], self._token, action, volts, amps))
        percent = told.get("percent")
        return Energy(told["wh"], told["seconds"], math.nan if percent is None else percent)

    def _read(self, request: ReadMeter) -> Any:
        try:
            return self._ask(request)
        except GatewayError as error:
            raise NoAnswerError(str(error)) from error

    def _reach(self, job: Callable[[], T]) -> T:
        """A refusal because of what is asked (exit code of bad input) is out of reach; all else is a fault."""
        try:
            return job()
        except GatewayError as error:
            if error.exit_code == InputError.exit_code:
                raise OutOfReachError(str(error)) from error
            raise

    def _ask(self, request: Request) -> Any:
        if self._stop.is_set():
            raise Aborted
        return self._insist(request)

    def _insist(self, request: Request) -> Any:
        """Ask; once more where no answer came and asking twice does no harm: one lost answer must not cost hours."""
        try:
            return self._client.ask(request)
        except GatewayError as error:
            if error.exit_code != BenchFault.exit_code or not isinstance(request, _REPEATABLE):
                raise
        return self._client.ask(request)
