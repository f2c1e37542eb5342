"""One shard of a night from its first session to its last: retries of bench errors, lost tests, retired places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.measure import load_parameters
from bench.night.folder import NightFolder, Plan, Shard
from bench.night.model import Incident, Key, Result
from bench.night.rack_care import RackCare, incident
from bench.night.session import RESULTS, SessionEnd, command
from bench.night.sessions import SessionWriter, Told, read_sessions
from bench.pytest_plugin.identity import in_shard, shard_of

_LOST: Final = "night"
"""Name of the file in which the night itself tells results. It sorts before those of the shards: theirs come after."""

_ENDLESS: Final = 50  # sessions of one shard; each makes progress, so this is only reached when that is not so


@dataclass
class Shift:
    """What runs a shard. ``run`` runs one session (:func:`bench.night.session.run_session`), ``tell`` keeps incidents,
    ``retired`` are places that are out of service, shared by all shards; ``care`` is the rack, where there is one."""

    plan: Plan
    folder: NightFolder
    shard: Shard
    care: RackCare | None
    retired: set[str]
    run: Callable[[Sequence[str], Shard], SessionEnd]
    tell: Callable[[Incident], None]

    def work(self) -> bool:
        """Run sessions until every test has a result that counts; False when the user wants no more.

        Raises MeterBenchError for what makes the whole night impossible.
        """
        for _ in range(_ENDLESS):
            places = [place for place in self.shard.places if place not in self.retired]
            if self.shard.kind == "rack" and not places:
                return True
            left_out = [key for key in self._errors() if not self._again(key)]
            line = command(self.plan, self.folder, self.shard, places, left_out)
            ended = self.run(line, self.shard)
            if ended.ending == "aborted":
                return False
            if ended.ending in ("hung", "crashed") and ended.running is not None:
                self._lose(ended.running, ended)
            elif ended.ending in ("refused", "crashed", "hung"):
                self.tell(incident(f"{self.shard.name}: pytest ended with {ended.code}: {ended.words}"))
                return True
            again = [key for key in self._errors() if self._again(key)]
            if self.care is not None and self._errors():
                self._look_after(self.care, places)
            if ended.ending == "done" and not any(key.place not in self.retired for key in again):
                return True
        self.tell(incident(f"{self.shard.name}: given up after {_ENDLESS} sessions"))
        return True

    def _errors(self) -> dict[Key, Result]:
        """Tests of this shard that stand at a bench error."""
        found = read_sessions(self.folder.path / RESULTS).results
        return {key: result for key, result in found.items() if result.outcome == "error" and self._has(key)}

    def _has(self, key: Key) -> bool:
        if key.kind != self.shard.kind or (self.shard.places and key.place not in self.shard.places):
            return False
        return not self.shard.part or in_shard(key, *shard_of(self.shard.part))

    def _again(self, key: Key) -> bool:
        """Whether a test that stands at a bench error is to be tried again."""
        return self._errors()[key].attempts <= int(load_parameters("night")["retries"].value)

    def _lose(self, key: Key, ended: SessionEnd) -> None:
        """The test that a session hung in, or crashed in, is a bench error; one that hung is not tried again."""
        hung = ended.ending == "hung"
        retries = int(load_parameters("night")["retries"].value)
        how = "told nothing more" if hung else f"ended with {ended.code} ({ended.words})"
        result = Result(
            test=key.test,
            outcome="error",
            kind=self.shard.kind,
            place=key.place,
            attempts=1 + retries if hung else 1,
            message=f"bench error: the session {how} in this test",
        )
        SessionWriter(self.folder.path / RESULTS, _LOST).result(Told(result=result, category="bench"))

    def _look_after(self, care: RackCare, places: Sequence[str]) -> None:
        """After bench errors: safe state, then a look at the places; those that are not fit are retired."""
        at = [place for place in places if any(key.place == place for key in self._errors())]
        found = [*care.safe(at), *care.examine(at)]
        limit = int(load_parameters("night")["errors_in_a_row"].value)
        for place in at:
            spent = [key for key in self._errors() if key.place == place and not self._again(key)]
            if len(spent) >= limit and not any(each.place == place and each.retired for each in found):
                found.append(care.retire(place, f"{len(spent)} tests ended in bench errors, however often tried"))
        for each in found:
            self.tell(each)
            self.retired |= {each.place} if each.retired else set()
