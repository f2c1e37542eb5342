"""The conductor: moves a run's time forward and sees to it that everybody keeps up.

In virtual time it gives out ticks, one after the other: all shards work up to the tick's instant, the head-end takes
what they sent and says when anybody next has something to do, and the next tick goes there directly. A tick that stays
unanswered is given again; the answer to a repeated tick is the same. In scaled or wall time the conductor only watches.
"""

from __future__ import annotations

import math
import queue
from collections.abc import Callable

from bench.errors import BenchFault, InputError
from bench.stage import Stage
from protocols.topics import HEAD_END
from twins.bus.marks import Tick, TickDone
from twins.bus.message import read
from twins.bus.state import State, read_state
from twins.clock import ScaledClock, VirtualClock

_ASK_AGAIN = 1.0  # real s after which an unanswered tick is given again
_LOOK = 0.1  # real s between two looks at the processes
_READY = 60.0  # real s that all processes have to come up


class Conductor:
    """Drives one run on the processes of a stage; made before its control link is opened."""

    def __init__(self, clock: ScaledClock | VirtualClock, stage: Stage, on_look: Callable[[], None]) -> None:
        self._clock = clock
        self._stage = stage
        self._control, self._tree = stage.control, stage.tree
        self._on_look = on_look
        self._ready = False
        self._done: queue.SimpleQueue[TickDone] = queue.SimpleQueue()
        self._foreign: str | None = None
        self.states: dict[str, State] = {}
        self._ended: dict[str, dict[str, float]] = {}
        self._control.handle(self._tree.tick, self._on_tick_done)
        self._control.handle(self._tree.state("+"), self._note_state)

    def wait_ready(self, names: set[str]) -> None:
        """Wait until all these processes have told their state. Raises BenchFault when one does not come up."""
        deadline = self._clock.monotonic() + _READY
        while not names <= self.states.keys():
            if self._clock.monotonic() > deadline:
                absent = ", ".join(sorted(names - self.states.keys()))
                raise BenchFault(f"not up after {_READY:.0f} s: {absent}; see their logs in the run folder")
            self._watch()
            self._stage.rest(_LOOK)
        self._ready = True

    def conduct(self, tick: float, until: float) -> None:
        """Let time pass until the head-end is finished, or until ``until`` (simulated Unix s) at the latest.

        ``tick`` is the grid of virtual time in seconds. Raises Aborted, BenchFault.
        """
        if isinstance(self._clock, VirtualClock):
            self._conduct_virtual(self._clock, tick, until)
        else:
            while self._clock.now() < until and not self._head_end_finished():
                self._watch()
                self._stage.rest(_LOOK)

    def figure(self, name: str) -> float:
        """Sum of one figure over all processes and all their epochs."""
        ended = sum(figures.get(name, 0.0) for figures in self._ended.values())
        return ended + sum(state.figures.get(name, 0.0) for state in self.states.values())

    def figures(self, prefix: str) -> dict[str, float]:
        """Sums of all figures whose names begin so, as :meth:`figure` sums them; what no process has told is absent."""
        told = [*self._ended.values(), *(state.figures for state in self.states.values())]
        names = {name for figures in told for name in figures if name.startswith(prefix)}
        return {name: self.figure(name) for name in sorted(names)}

    def _conduct_virtual(self, clock: VirtualClock, tick: float, until: float) -> None:
        number, moment = 1, clock.now()
        while True:
            clock.move_to(moment)
            done = self._give(Tick(number=number, time=moment))
            if done.finished or moment >= until:
                return
            grid = moment + tick if done.due is None else math.ceil(done.due / tick) * tick
            number, moment = number + 1, min(max(grid, moment + tick), until)

    def _give(self, tick: Tick) -> TickDone:
        while True:
            self._control.publish(self._tree.clock, tick)
            deadline = self._clock.monotonic() + _ASK_AGAIN
            while (left := deadline - self._clock.monotonic()) > 0:
                self._watch()
                try:
                    done = self._done.get(timeout=min(left, _LOOK))
                except queue.Empty:
                    continue
                if done.number == tick.number:
                    return done

    def _watch(self) -> None:
        if self._foreign:
            raise InputError(
                f"bus: run {self._foreign} is using topic root {self._tree.root}; give bus.root another name"
            )
        self._stage.look()
        self._on_look()

    def _head_end_finished(self) -> bool:
        state = self.states.get(HEAD_END)
        return state is not None and state.figures.get("finished") == 1.0

    def _on_tick_done(self, topic: str, payload: bytes) -> None:
        self._done.put(read(payload, TickDone))

    def _note_state(self, topic: str, payload: bytes) -> None:
        state = read_state(payload)
        if state.run != self._stage.run:
            if not self._ready:  # later on it may be anybody's message; the run goes on
                self._foreign = state.run
            return
        before = self.states.get(state.process)
        if before is not None and before.epoch > state.epoch:
            return  # the last words of a process that has been started again since
        if before is not None and before.epoch < state.epoch:
            self._ended[f"{before.process}/{before.epoch}"] = before.figures
        self.states = self.states | {state.process: state}
