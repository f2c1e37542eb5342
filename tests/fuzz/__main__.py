"""``python -m tests.fuzz``: run the fuzz targets, replay an input, or keep what was found with the tests."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.campaign import FOLDER, ROOT, Outcome, fuzz
from tests.fuzz.keep import worth_keeping
from tests.fuzz.seeds import seeds_of, write_found
from tests.fuzz.target import Target
from tests.fuzz.targets import all_targets

_HEAD = f"{'target':<22}{'inputs':>11}{'seconds':>9}{'edges':>14}{'new':>6}{'memory, kB':>18}  result"


def main() -> int:
    """The exit code: 1 when something broke, 3 without a fuzzer."""
    arguments = _arguments()
    chosen = all_targets()
    if arguments.target:
        chosen = {name: chosen[name] for name in arguments.target}
    if arguments.replay:
        return _replay([target for _, target in chosen.values()], arguments.replay)
    if arguments.keep:
        return _keep([target for _, target in chosen.values()])
    if find_spec("atheris") is None:
        print("the fuzzer is not installed: make fuzz installs it, on Linux x86-64 with Python 3.11 to 3.13")
        return 3
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the child would run on
    return _campaign(chosen, arguments.runs, arguments.seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, help="inputs in all, split by the targets' shares")
    parser.add_argument("--seconds", type=int, help="at most so many seconds a target")
    parser.add_argument("--target", action="append", choices=sorted(all_targets()), help="only this one; repeatable")
    parser.add_argument("--replay", type=Path, nargs="+", help="run these inputs once, without the fuzzer")
    parser.add_argument("--keep", action="store_true", help="write what the corpus reaches into the tests' seeds")
    return parser.parse_args()


def _campaign(chosen: dict[str, tuple[str, Target]], runs: int | None, seconds: int | None) -> int:
    shares = sum(target.inputs for _, target in chosen.values())
    total = runs or shares * 1000
    outcomes: list[Outcome] = []
    print(_HEAD)
    for group, target in chosen.values():
        outcomes.append(fuzz(group, target, max(1, total * target.inputs // shares), seconds))
        print(_row(outcomes[-1]), flush=True)
        if outcomes[-1].ended == "interrupted":
            break
    return _summary(outcomes)


def _row(outcome: Outcome) -> str:
    edges, memory = ("{:,} → {:,}".format(*pair) for pair in (outcome.edges, outcome.memory_kb))
    return (
        f"{outcome.name:<22}{outcome.inputs:>11,}{outcome.seconds:>9.1f}{edges:>14}{outcome.found:>6}{memory:>18}"
        f"  {outcome.ended}"
    )


def _summary(outcomes: list[Outcome]) -> int:
    inputs, seconds = sum(outcome.inputs for outcome in outcomes), sum(outcome.seconds for outcome in outcomes)
    bad = [outcome for outcome in outcomes if not outcome.good]
    print(f"{len(outcomes)} targets, {inputs:,} inputs, {seconds:,.0f} s, {len(bad)} broken")
    for outcome in bad:
        print(f"{outcome.name}: see {(FOLDER / outcome.name / 'log.txt').relative_to(ROOT)}")
        for file in outcome.broken_by:
            print(f"    python -m tests.fuzz --target {outcome.name} --replay {file}")
    summary = {
        "inputs": inputs,
        "seconds": round(seconds, 1),
        "broken": len(bad),
        "targets": [outcome.as_json() for outcome in outcomes],
    }
    path = FOLDER / "summary.json"
    path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(f"summary: {path.relative_to(ROOT)}")
    return 1 if bad else 0


def _replay(targets: list[Target], files: list[Path]) -> int:
    for target in targets:
        for file in files:
            target.run(file.read_bytes())
            print(f"{target.name}: {file}: good")
    return 0


def _keep(targets: list[Target]) -> int:
    for target in targets:
        files = sorted((FOLDER / target.name / "corpus").glob("*"))
        write_found(target, [])
        found = worth_keeping(target.run, seeds_of(target), [file.read_bytes() for file in files])
        size = write_found(target, found)
        print(f"{target.name:<22}{len(files):>6} in the corpus, {len(found):>4} kept, {size:>6} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
