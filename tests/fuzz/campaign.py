"""Targets one after the other, each in a child under libFuzzer, and what came of each.

Everything that a campaign leaves is under one folder: the corpus, what broke a target, the log. An interrupted campaign
leaves the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.seeds import seeds_of
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"

TIMEOUT_S = 10
"""One input that takes longer is a hang."""

RSS_MB = 600
"""A child that grows beyond this keeps what it should not."""

_PROGRESS = re.compile(r"#(\d+)\s+(?:INITED|NEW|REDUCE|RELOAD|pulse|DONE)\s+cov: (\d+) ")
_PATIENCE_S = 20.0


@dataclass(slots=True)
class Outcome:
    """What became of one target.

    ``edges`` of the code reached by the seeds and at the end; ``memory_kb`` of a process that runs the inputs without
    the fuzzer, warm and four seconds later (:mod:`tests.fuzz.steady`).
    """

    name: str
    inputs: int = 0
    seconds: float = 0.0
    edges: tuple[int, int] = (0, 0)
    memory_kb: tuple[int, int] = (0, 0)
    found: int = 0
    ended: str = "done"
    broken_by: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing broke, be it that the campaign was cut short."""
        return self.ended in ("done", "interrupted")

    def as_json(self) -> dict[str, Any]:
        """For the summary."""
        return asdict(self)


def fuzz(group: str, target: Target, runs: int, seconds: int | None) -> Outcome:
    """Run one target for so many inputs, or so many seconds if that is less."""
    home = FOLDER / target.name
    corpus, seeds, broken = (_folder(home / name) for name in ("corpus", "seeds", "broken"))
    for old in broken.iterdir():
        old.unlink()
    _write_all(seeds, seeds_of(target))
    options = [
        f"-runs={runs}",
        f"-max_len={target.longest}",
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={RSS_MB}",
        f"-artifact_prefix={broken}/",
        *([f"-dict={_dictionary(home, target.words)}"] if target.words else []),
        *([f"-max_total_time={seconds}"] if seconds else []),
    ]
    command = [sys.executable, "-m", "tests.fuzz.child", group, target.name, *options, str(corpus), str(seeds)]
    before = len(list(corpus.iterdir()))
    start = time.monotonic()
    outcome = _watch(target.name, command, home)
    outcome.seconds = round(time.monotonic() - start, 1)
    outcome.found = max(0, len(list(corpus.iterdir())) - before)
    outcome.broken_by = sorted(str(path.relative_to(ROOT)) for path in broken.iterdir())
    if outcome.broken_by:
        outcome.ended = "broken"
    elif outcome.ended == "done":
        _measure_memory(outcome, group, corpus, seeds)
    shutil.rmtree(home / "tmp", ignore_errors=True)
    return outcome


def _watch(name: str, command: list[str], home: Path) -> Outcome:
    """Read what a child says until it ends."""
    outcome = Outcome(name)
    environment = {**os.environ, "TMPDIR": str(_folder(home / "tmp"))}
    with (
        (home / "log.txt").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
        ) as child,
    ):
        assert child.stdout is not None
        try:
            for line in child.stdout:
                log.write(line)
                _note(outcome, line)
            if child.wait():
                outcome.ended = "failed"
        except KeyboardInterrupt:
            outcome.ended = "interrupted"
            _stop(child)
    return outcome


def _note(outcome: Outcome, line: str) -> None:
    """Take the numbers of one of libFuzzer's lines."""
    found = _PROGRESS.match(line)
    if found is not None:
        outcome.inputs, edges = int(found[1]), int(found[2])
        outcome.edges = (outcome.edges[0] or edges, edges)


def _measure_memory(outcome: Outcome, group: str, corpus: Path, seeds: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.steady", group, outcome.name, str(corpus), str(seeds)]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except KeyboardInterrupt:
        outcome.ended = "interrupted"
    except subprocess.CalledProcessError:
        outcome.ended = "failed"
    else:
        before, after = json.loads(told)["kb"]
        outcome.memory_kb = (before, after)


def _stop(child: subprocess.Popen[str]) -> None:
    """The child has had the same Ctrl-C, or gets it now."""
    for ask in (lambda: child.send_signal(signal.SIGINT), child.kill):
        try:
            child.wait(_PATIENCE_S if child.poll() is None else 0)
            return
        except subprocess.TimeoutExpired:
            ask()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _write_all(folder: Path, seeds: Iterable[bytes]) -> None:
    for seed in seeds:
        (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)


def _dictionary(home: Path, words: Iterable[bytes]) -> Path:
    path = home / "words.txt"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    path.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
    return path
