"""Inputs that are kept: those of the code (:class:`~tests.fuzz.target.Target`) and those in this folder.

A target's folder has ``bugs.txt``, inputs that once broke something and say so in their names, written by hand, and
``found.txt``, written by ``python -m tests.fuzz --keep``. A line is ``name hexadecimal``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.target import Target

_FOLDER = Path(__file__).parent


def seeds_of(target: Target) -> list[bytes]:
    """All seeds of a target, in a fixed order and each once."""
    kept = [seed for name in ("bugs", "found") for seed in _read(_FOLDER / target.name / f"{name}.txt")]
    return list(dict.fromkeys([*target.seeds(), *kept]))


def write_found(target: Target, found: Iterable[bytes]) -> int:
    """Replace what the fuzzer found by this; the size of the file."""
    path = _FOLDER / target.name / "found.txt"
    lines = [f"{hashlib.sha1(seed, usedforsecurity=False).hexdigest()[:8]} {seed.hex()}\n" for seed in sorted(found)]
    if not lines:
        path.unlink(missing_ok=True)
        return 0
    path.parent.mkdir(exist_ok=True)
    return path.write_text("".join(lines), encoding="ascii")


def _read(path: Path) -> list[bytes]:
    if not path.is_file():
        return []
    lines = path.read_text("ascii").splitlines()
    return [bytes.fromhex(line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]
