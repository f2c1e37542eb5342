"""Twins on Modbus RTU: a serial line for each, with the units of :mod:`twins.modbus.units` on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from protocols.modbus.rtu import RtuLine
from twins.clock import Clock
from twins.meter.view import MeterView
from twins.modbus.service import about_of, ids_of
from twins.modbus.units import KW8M_UNIT, SUNSPEC_UNIT, units_of
from twins.serving.endpoint import Endpoint
from twins.serving.lines import LineService, lines

PROTOCOL = "modbus-rtu"


class TwinLine:
    """The line of one twin: a :class:`~twins.serving.lines.Talker`. ``runs`` tells whether the twin is alive now."""

    def __init__(self, view: MeterView, clock: Clock, runs: Callable[[], bool], defects: Collection[str] = ()) -> None:
        known = units_of(view, clock, defects)
        units = {number: known[number] for number in (SUNSPEC_UNIT, KW8M_UNIT)}
        self._line, self._runs = RtuLine(units, answers_everybody="answers-everybody" in defects), runs

    def answers(self, data: bytes) -> Iterator[bytes]:
        """Answers to what was complete, none from a twin that is off."""
        for answer in self._line.answers(data):
            if not self._runs():
                return
            yield answer

    def paused(self) -> None:
        """A request broke off."""
        self._line.reader.expire()

    def left(self) -> None:
        """Nothing is kept of who was there."""


def rtu_service(
    views: Sequence[MeterView],
    paths: Sequence[Path],
    clock: Clock,
    defects: Mapping[int, Collection[str]],
    runs: Sequence[Callable[[float], bool]],
) -> LineService:
    """The lines of some twins at these paths; ``runs`` tells of each whether it is alive at an instant."""
    line = lines().modbus_rtu

    def alive(each: Callable[[float], bool]) -> Callable[[], bool]:
        return lambda: each(clock.now())

    return LineService(
        [
            TwinLine(view, clock, alive(each), defects.get(view.index, ()))
            for view, each in zip(views, runs, strict=True)
        ],
        paths,
        [_endpoint(view, path, line.baud) for view, path in zip(views, paths, strict=True)],
        line,
        clock.monotonic,
    )


def _endpoint(view: MeterView, path: Path, baud: int) -> Endpoint:
    return Endpoint(
        meter=view.identity.meter,
        protocol=PROTOCOL,
        path=str(path),
        ids=ids_of(),
        about={**about_of(view), "baud": str(baud)},
    )
