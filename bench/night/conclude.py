"""The end of a night: its results into the history, held against the nights before, judged, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from bench.measure import load_parameters
from bench.night.compare import Comparison, compare
from bench.night.folder import GATE_FILE, NIGHT_FILE, NIGHTS, PAGE_FILE, SUMMARY_FILE, NightFolder, nights_in
from bench.night.gate import Gate, load_rules
from bench.night.gate import gate as judge
from bench.night.history import History
from bench.night.model import FORMAT, Incident, Night
from bench.night.quarantine_file import load_quarantine
from bench.night.session import RESULTS
from bench.night.sessions import Sessions, read_sessions
from bench.night.summary import markdown
from bench.record.atomic import write_text
from bench.record.model import iso_utc
from bench.report.night_page import night_page
from protocols.slots import jst


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A night with what it means."""

    night: Night
    comparison: Comparison
    gate: Gate


def conclude(
    folder: NightFolder,
    history: History,
    quarantine: Path,
    rules: Path | None = None,
    *,
    cut_off: bool = False,
    now: Callable[[], float] = time.time,
) -> Conclusion:
    """Judge a night, put it into the history, and write its files; done again, it changes nothing.

    ``cut_off``: it never came to its end, and nobody will continue it: its verdict is *aborted*. Raises InputError for
    files that cannot be read, BenchFault when the history cannot be written.
    """
    night = folder.result()
    entries, limits = load_quarantine(quarantine, jst(now()).date()), load_rules(rules)
    if night is None:
        night = gathered(folder, "aborted" if cut_off else "pass", now())
        if not cut_off:
            first = compare(night, history.before(night))
            night = msgspec.structs.replace(night, verdict=judge(night, first, entries, limits).verdict)
        write_text(folder.path / NIGHT_FILE, msgspec.json.encode(night).decode() + "\n")
    history.append(night)
    comparison = compare(night, history.before(night))
    comparison = msgspec.structs.replace(comparison, problems=(*history.problems, *comparison.problems))
    verdict = judge(night, comparison, entries, limits)
    before = list(islice(history.before(night), int(load_parameters("night")["nights"].value)))
    write_text(folder.path / GATE_FILE, msgspec.json.format(msgspec.json.encode(verdict)).decode() + "\n")
    write_text(folder.path / SUMMARY_FILE, markdown(night, comparison, verdict))
    write_text(folder.path / PAGE_FILE, night_page(night, comparison, verdict, before, folder.plan.command))
    if not folder.ended:
        folder.note("ended", what=night.verdict)
    return Conclusion(night, comparison, verdict)


def close_cut_off(results: Path, present: NightFolder, history: History, quarantine: Path) -> None:
    """Put older nights that were cut off, and that nobody will continue now, into the history as *aborted*."""
    for folder in reversed(nights_in(results / NIGHTS)):
        if folder.path != present.path and folder.plan.started < present.plan.started and not folder.ended:
            conclude(folder, history, quarantine, cut_off=True)


def gathered(folder: NightFolder, verdict: str, ended: float) -> Night:
    """What a night has found so far, ``ended`` (Unix s) now. Raises InputError."""
    plan, found = folder.plan, read_sessions(folder.path / RESULTS)
    return Night(
        format=FORMAT,
        night=plan.night,
        started=plan.started,
        ended=iso_utc(ended),
        topology=plan.topology,
        topology_sha256=plan.topology_sha256,
        git=plan.git,
        environment=plan.environment,
        verdict=verdict,
        results=tuple(found.results[key] for key in sorted(found.results)),
        values=tuple(found.values[series] for series in sorted(found.values)),
        incidents=_incidents(folder, found),
    )


def _incidents(folder: NightFolder, found: Sessions) -> tuple[Incident, ...]:
    """The night's own, and those of its sessions but for tests that ended in a bench error: those are results."""
    tests = {key.test for key in found.results}
    own = [entry.incident for entry in folder.journal() if entry.incident is not None]
    of_sessions = [each for each in found.incidents if not any(each.what.startswith(f"{test}: ") for test in tests)]
    once = {(each.place, each.what, each.retired): each for each in (*of_sessions, *own)}
    return tuple(sorted(once.values(), key=lambda each: each.time))
