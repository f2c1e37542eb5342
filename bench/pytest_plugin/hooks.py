"""The hooks of a session that names a topology: what runs, whose fault a failure is, and what is kept of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.night.model import FLEET, Incident, Key, Result, Value
from bench.night.quarantine import Entry, covering
from bench.night.quarantine_file import load_quarantine
from bench.night.sessions import FORMAT, Ended, Session, SessionWriter, Told, read_sessions
from bench.pytest_plugin import TARGET
from bench.pytest_plugin.allure_results import allure_of
from bench.pytest_plugin.identity import in_shard, shard_of, test_id
from bench.pytest_plugin.measuring import measure_of, taken_by
from bench.pytest_plugin.outcomes import BenchError, TwinDivergence, first_line, is_products, outcome_of
from bench.pytest_plugin.session import BenchSession, Options
from bench.record.model import iso_utc
from bench.record.provenance import git_commit, versions
from protocols.errors import MeterBenchError
from protocols.slots import jst

_SESSION: Final = pytest.StashKey[BenchSession]()
_KEY: Final = pytest.StashKey[Key]()
_TOLD: Final = pytest.StashKey[Told]()
_SHOWN: Final = 20


def session_of(config: pytest.Config) -> BenchSession | None:
    """The session of the bench, if a topology is named."""
    return config.stash.get(_SESSION, None)


def activate(config: pytest.Config) -> None:
    """Make the session and register its hooks; what does not fit is a usage error of pytest."""
    option = config.getoption
    try:
        hooks = BenchHooks(config)
        options = Options(
            topology=Path(option("bench_env")),
            mode=option("bench_mode"),
            places=tuple(option("bench_place") or ()),
            scale=option("bench_scale"),
            patience=option("bench_patience"),
        )
        config.stash[_SESSION] = hooks.session = BenchSession(options, hooks.note, time.time())
        hooks.session.targets  # noqa: B018 - what is named and is not there is told now, not amid the tests
    except MeterBenchError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(hooks, "bench-hooks")


class BenchHooks:
    """Registered in pytest while a session of the bench runs."""

    session: BenchSession

    def __init__(self, config: pytest.Config) -> None:
        """Raises InputError, QuarantineError for options that do not hold."""
        option = config.getoption
        shard, results = option("bench_shard"), option("bench_results")
        self._part, self._parts = shard_of(shard) if shard else (1, 1)
        files, day = option("bench_quarantine") or (), jst(time.time()).date()
        self._quarantine: list[Entry] = [
            entry for file in files for entry in load_quarantine(_existing(Path(file)), day)
        ]
        if option("bench_resume") and results is None:
            raise InputError("--bench-resume needs --bench-results, where the results are")
        self._results = None if results is None else Path(results)
        self._done: set[Key] = set()
        self._passed_on_rack: set[str] = set()
        if self._results is not None:
            self._recall(resume=option("bench_resume"))
        self._writer = self._open() if self._results is not None and not option("collectonly") else None
        self._allure = allure_of(config)
        self._counts: dict[str, int] = {}
        self._failures: list[tuple[str, Key, str]] = []
        self._present: pytest.Item | None = None
        self._began = 0.0

    # --- what runs -------------------------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        """SIGTERM, as services and CI send it, ends the session as Ctrl-C does: in order, in safe state."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _interrupt)

    def pytest_report_header(self) -> str:
        """Topology, mode, pace, and what there is to test."""
        session = self.session
        pace = f"{session.clock_spec.scale:g} times real time" if session.clock_spec.scale != 1 else "real time"
        return f"bench: {session.what}, {pace}: {', '.join(session.targets)}"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Name every test; leave out other shards, and on resuming what is done."""
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        for item in items:
            key = self._name(item)
            other = not in_shard(key or item.nodeid, self._part, self._parts)
            (left if other or (key is not None and key in self._done) else kept).append(item)
        if left:
            config.hook.pytest_deselected(items=left)
            items[:] = kept
        if self._writer is not None:
            self._writer.begin(self._first_line([item.stash[_KEY] for item in kept if _KEY in item.stash]))

    def _name(self, item: pytest.Item) -> Key | None:
        """What the record calls a test; None for one that meets no meter."""
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        target = self.session.targets.get(parameters.get(TARGET, ""))
        if target is not None:
            item.stash[_KEY] = target.key(test_id(item, target.id))
        elif TARGET not in parameters and "head_end" in getattr(item, "fixturenames", ()):
            item.stash[_KEY] = Key(test_id(item, None), "twin", FLEET)
        return item.stash.get(_KEY, None)

    # --- one test --------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test from its begin to its end."""
        self._present, self._began = item, time.monotonic()
        found = yield
        self._present = None
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Skip what is not for this target, or in quarantine by *skip*; then the fixtures."""
        key = item.stash.get(_KEY, None)
        if key is not None:
            self._skip_unfit(item, key)
        yield from self._told_apart(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """The test itself, then its measurements."""
        yield from self._told_apart(item)

    def _skip_unfit(self, item: pytest.Item, key: Key) -> None:
        target = self.session.targets.get(f"{key.kind}-{key.place}")
        for mark in item.iter_markers("needs"):
            if target is not None and (lacking := target.lacks(mark.args)) is not None:
                pytest.skip(f"needs {lacking.replace('|', ' or ')}, which {target.id} has not")
        entry = covering(self._quarantine, key, jst(time.time()).date())
        if entry is not None:
            item.user_properties.append(("quarantine", f"{entry.issue}: {entry.reason}"))
            if entry.mode == "skip":
                pytest.skip(f"in quarantine until {entry.expires} ({entry.issue}): {entry.reason}")

    def _told_apart(self, item: pytest.Item) -> Generator[None, None, None]:
        """Let a phase run; an error of it becomes what it really is while bench and meter stand as they stood then."""
        try:
            yield
            if (measure := taken_by(item)) is not None and _KEY in item.stash:
                measure.settle()
        except (Exception, pytest.fail.Exception) as error:
            if (other := self._really(item, error)) is not error:
                raise other from error
            raise

    def _really(self, item: pytest.Item, error: BaseException) -> BaseException:
        key = item.stash.get(_KEY, None)
        if key is None:
            return error
        if not is_products(error):
            return BenchError(f"{type(error).__name__}: {error}") if isinstance(error, MeterBenchError) else error
        wrong = self.session.unsound()
        if wrong is not None:
            return BenchError(f"{wrong}; so this says nothing about the product: {first_line(error)}")
        if key.kind == "twin" and key.test in self._passed_on_rack:
            return TwinDivergence(f"{key.place} fails what the real meters pass: {first_line(error)}")
        return error

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what came of a phase; with the last one the test is written down."""
        key = item.stash.get(_KEY, None)
        if key is not None:
            self._take(item, key, call)
            if call.when == "call" or (call.when == "setup" and call.excinfo is not None):
                self._tell_others(item, key)
        report = yield
        if key is not None and call.when == "teardown":
            self._write(item, key)
        return report

    def _take(self, item: pytest.Item, key: Key, call: pytest.CallInfo[None]) -> None:
        error = None if call.excinfo is None else call.excinfo.value
        outcome, category = outcome_of(error)
        before = item.stash.get(_TOLD, None)
        if before is not None and before.result.outcome != "pass":
            if call.when == "teardown" and outcome != "pass":  # what came before stays; this is the bench's own
                self.note(first_line(error), key.place if key.kind == "rack" else "")
            return
        result = Result(
            test=key.test,
            outcome=outcome,
            kind=key.kind,  # type: ignore[arg-type]  # a Key of ours has a Kind
            place=key.place,
            requirements=_requirements(item),
            message=first_line(error),
        )
        item.stash[_TOLD] = Told(result=result, category=category)

    def _tell_others(self, item: pytest.Item, key: Key) -> None:
        """JUnit and Allure, while they still listen to this test."""
        told, measure = item.stash[_TOLD], taken_by(item)
        item.user_properties += [("bench", key.kind), ("place", key.place)]
        item.user_properties += [("requirements", " ".join(rows))] if (rows := _requirements(item)) else []
        item.user_properties += [("category", told.category)] if told.category else []
        for each in measure.taken if measure else ():
            item.user_properties.append((f"{each.name} [{each.unit}]", each.value))
        if self._allure is not None:
            self._allure.began(key.kind, key.place, rows)
            if measure is not None:
                self._allure.measured(measure)
            for name, content, kind in measure_of(item).attached:
                self._allure.attach(name, content, kind)

    def _write(self, item: pytest.Item, key: Key) -> None:
        told, measure = item.stash[_TOLD], taken_by(item)
        seconds = round(time.monotonic() - self._began, 3)
        result, values = told.result, measure.values(key) if measure else []
        told = Told(result=replace(result, seconds=seconds), category=told.category)
        if result.outcome == "pass" and key.kind == "rack":
            self._passed_on_rack.add(key.test)
        word = told.category or result.outcome
        self._counts[word] = self._counts.get(word, 0) + 1
        if told.category:
            self._failures.append((told.category, key, result.message))
        if result.outcome == "error":
            self.note(f"{key.test}: {result.message}", key.place if key.kind == "rack" else "")
        self._put(told, values)

    # --- the end ---------------------------------------------------------------------------------------------------

    def pytest_keyboard_interrupt(self) -> None:
        """The test that was running is *aborted*."""
        item = self._present
        if item is not None and (key := item.stash.get(_KEY, None)) is not None:
            result = Result(test=key.test, outcome="aborted", kind=key.kind, place=key.place)  # type: ignore[arg-type]
            item.stash[_TOLD] = Told(result=result)
            self._put(Told(result=replace(result, seconds=round(time.monotonic() - self._began, 3))), [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """All fixtures are down: end the processes, close the books."""
        try:
            self.session.close()
        finally:
            if self._writer is not None:
                aborted = exitstatus == pytest.ExitCode.INTERRUPTED
                self._writer.end(Ended(time=iso_utc(time.time()), aborted=aborted))
                self._writer = None
            if self._allure is not None:
                self._allure.finish(self._environment())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Whose faults there were."""
        if not self._failures:
            return
        counts = ", ".join(f"{count} {word}" for word, count in self._counts.items())
        terminalreporter.section(f"bench: {counts}")
        for category, key, message in self._failures[:_SHOWN]:
            terminalreporter.line(f"{category}: {key}: {message}")
        if len(self._failures) > _SHOWN:
            terminalreporter.line(f"… and {len(self._failures) - _SHOWN} more")

    def note(self, what: str, place: str = "") -> None:
        """Keep what the bench itself could not do."""
        if self._writer is not None:
            self._writer.incident(Incident(time=iso_utc(time.time()), what=what, place=place))

    def _put(self, told: Told, values: Iterable[Value]) -> None:
        if self._writer is not None:
            self._writer.result(told, list(values))

    # --- the books -------------------------------------------------------------------------------------------------

    def _open(self) -> SessionWriter:
        assert self._results is not None
        return SessionWriter(self._results, os.environ.get("BENCH_SHARD") or os.environ.get("PYTEST_XDIST_WORKER", ""))

    def _recall(self, *, resume: bool) -> None:
        """What earlier sessions of this folder have found."""
        assert self._results is not None
        for key, result in read_sessions(self._results).results.items():
            if resume and result.outcome not in ("error", "aborted"):
                self._done.add(key)
            if result.outcome == "pass" and key.kind == "rack":
                self._passed_on_rack.add(key.test)

    def _first_line(self, tests: list[Key]) -> Session:
        loaded = self.session.loaded
        return Session(
            format=FORMAT,
            started=iso_utc(time.time()),
            topology=loaded.topology.name,
            topology_sha256=loaded.sha256,
            mode=self.session.mode,
            scale=self.session.clock_spec.scale,
            git=git_commit(),
            environment=self._environment(),
            tests=tuple(tests),
        )

    def _environment(self) -> dict[str, str]:
        session = self.session
        return versions() | {"topology": session.topology.name, "mode": session.mode, "pytest": pytest.__version__}


def _requirements(item: pytest.Item) -> tuple[str, ...]:
    """Rows that a test bears, and those of its measurements."""
    marked = [row for mark in item.iter_markers("requirement") for row in mark.args]
    return tuple(dict.fromkeys((*marked, *measure_of(item).requirements)))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"--bench-quarantine {path}: there is no such file")
    return path


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
