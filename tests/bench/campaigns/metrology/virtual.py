"""The apparatus of the methods over the world's physics, in this process: source, load, analyser, emulated meters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.campaigns.metrology.apparatus import Energy, NoAnswerError, OutOfReachError, Part, Register
from bench.campaigns.metrology.plan import Case, Group, MetrologyPlan
from bench.campaigns.metrology.points import Rated
from bench.topology.campaigns import Metrology
from hil_drivers.analyser import Accuracy, AnalyserCapabilities
from twins.rack.instruments.catalogue import front_end
from twins.rack.world.circuit import Draw
from twins.rack.world.hidden import Hidden
from twins.rack.world.meter import EmulatedMeter, MeterSpec
from twins.rack.world.output import Piece, Point
from twins.rack.world.world import World, WorldSpec

START = 1_768_402_800.0
COARSE = AnalyserCapabilities(
    3, 0.25, Accuracy(0.01, 0.03, 150.0), Accuracy(0.01, 0.03, 5.0), Accuracy(0.02, 0.04, 750.0), (150.0,), (10.0,)
)
"""An analyser with one range."""

ANALYSER = replace(COARSE, volt_ranges=(60.0, 100.0, 150.0), amp_ranges=(0.5, 1.0, 2.0, 5.0, 10.0))
"""One whose ranges can be chosen."""
WIRINGS = {1: "1P2W", 2: "1P3W", 3: "3P4W"}


class VirtualApparatus:
    """A world with meters by place; ``resolution_wh`` is what a count of their registers stands for."""

    def __init__(
        self,
        hidden: dict[str, Hidden],
        rated: Rated,
        *,
        resolution_wh: float = 1.0,
        amps_most: float = 10.0,
        analyser: AnalyserCapabilities = ANALYSER,
    ) -> None:
        self.world = World(WorldSpec(phases=rated.elements), START)
        self.meters = {
            place: EmulatedMeter(
                MeterSpec(name=place, wiring=WIRINGS[rated.elements], nominal_volts=rated.volts, hidden=errors),
                self.world,
            )
            for place, errors in hidden.items()
        }
        self.truth: dict[tuple[float, float, float, float], dict[str, float]] = {}
        self._rated, self._resolution, self._amps_most, self._capabilities = rated, resolution_wh, amps_most, analyser
        self._analyser = front_end("yokogawa-wt", self.world)
        self._accuracy = analyser.watts
        self._volts, self._hertz, self._draw = 0.0, rated.hertz, Draw()
        self._say("COMM:REM ON;:COMM:HEAD OFF;:NUM:NORM:NUM 4")
        for item, name in enumerate(("WH,SIGMA", "TIME,1", "P,SIGMA", "U,1"), 1):
            self._say(f"NUM:NORM:ITEM{item} {name}")

    def now(self) -> float:
        return self.world.now

    def wait(self, seconds: float) -> None:
        self.world.advance(self.world.now + seconds)

    def supply(self, volts: float, hertz: float) -> None:
        self._volts, self._hertz = volts, hertz
        self.world.set_output(self._point(volts), self.world.now)
        self.world.switch_output(True, self.world.now)

    def cut(self) -> None:
        self.world.switch_output(False, self.world.now)

    def draw(self, amps: float, factor: float) -> None:
        if amps > self._amps_most:
            raise OutOfReachError(f"{amps:g} A: the load draws {self._amps_most:g} A at most")
        self._draw = Draw(amps, factor)
        self.world.draw((self._draw,) * self._rated.elements, self.world.now)
        if amps:
            now = {place: meter.error_percent() for place, meter in self.meters.items()}
            self.truth[self._volts, self._hertz, amps, factor] = now

    def begin(self, volts: float, amps: float) -> None:
        self._accuracy = self._capabilities.in_ranges(volts, amps).watts
        self._say("INTEG:STOP;:INTEG:RES;:INTEG:STAR")

    def energy(self) -> Energy:
        self.wait(0.3)  # what it shows is its last update
        wh, seconds, watts, _ = (float(text) for text in (self._say("NUM:NORM:VAL?") or "").split(","))
        each = abs(watts) / self._rated.elements
        return Energy(wh, seconds, self._accuracy.percent_at(each) if each > 1e-3 else math.nan)

    def end(self) -> Energy:
        self._say("INTEG:STOP")
        return self.energy()

    def play(self, parts: Sequence[Part], hertz: float) -> None:
        pieces = tuple(Piece(self._point(part.volts), self._point(part.volts), part.seconds) for part in parts)
        self.world.play(pieces, 1, self.world.now)
        self.wait(sum(part.seconds for part in parts))
        self.world.stop(self.world.now)

    def register(self, place: str) -> Register:
        meter = self._answering(place)
        return Register(meter.registers.import_wh // self._resolution * self._resolution, self._resolution)

    def power_failures(self, place: str) -> int:
        return self._answering(place).power_failures

    def rows(self, place: str, first: float, last: float) -> dict[int, float]:
        rows = self._answering(place).half_hours
        return {end: float(math.floor(row.import_wh)) for end, row in rows.items() if first <= end <= last}

    def _answering(self, place: str) -> EmulatedMeter:
        self.wait(0.05)
        if not self.meters[place].running:
            raise NoAnswerError(f"{place}: no answer")
        return self.meters[place]

    def _point(self, volts: float) -> Point:
        angles = {1: (0.0,), 2: (0.0, 180.0), 3: (0.0, 240.0, 120.0)}[self._rated.elements]
        return Point((volts,) * self._rated.elements, angles, self._hertz)

    def _say(self, message: str) -> str | None:
        answer, _ = self._analyser.handle(message, self.world.now)
        return answer


class ScaledTime:
    """A clock for plans; methods take their time from the apparatus."""

    def now(self) -> float:
        return START

    def monotonic(self) -> float:
        return 0.0

    def real_until(self, when: float) -> float:
        return 0.0


def rated(elements: int = 2, **changed: object) -> Rated:
    fields: dict[str, object] = {
        "volts": 100.0, "hertz": 50.0, "amps": 10.0, "amps_max": 60.0, "elements": elements, "connection": "direct",
        "accuracy": "1",
    }  # fmt: skip
    return Rated(**fields | changed)  # type: ignore[arg-type]


def group(of: Rated, *places: str) -> Group:
    return Group("source-1", tuple(Case(place, f"TWN{number:012}", of) for number, place in enumerate(places)))


def plan(scale: float = 3600.0, **settings: object) -> MetrologyPlan:
    return MetrologyPlan(Metrology(**settings), ScaledTime(), scale)  # type: ignore[arg-type]
