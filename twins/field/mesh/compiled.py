"""Compiling of the engine's core, once for each state of its sources.

numba keeps compiled code on disk, but it looks only at the file of the outermost function to see whether that is stale.
So the cache lies in a folder named after the digest of all sources that the core is made of; folders of other digests
beside it are stale and go.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from twins.field.rules import sliding

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent
_CORE = (
    "compiled.py",
    "parameters.py",
    "codes.py",
    "records.py",
    "state.py",
    "shared.py",
    "air.py",
    "access.py",
    "packets.py",
    "flooding.py",
    "trickle.py",
    "routing.py",
    "joining.py",
    "disturbing.py",
    "engine.py",
)
_SOURCES = [*(_HERE / name for name in _CORE), Path(sliding.__file__)]


def _cache_folder() -> Path:
    """A folder that can be written to: beside the sources, or the user's own."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]
    beside = _HERE / "__pycache__"
    if os.access(beside if beside.exists() else _HERE, os.W_OK):
        for stale in beside.glob("core-*"):
            if stale.name != f"core-{digest}":
                shutil.rmtree(stale, ignore_errors=True)
        return beside / f"core-{digest}"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "meter-bench" / f"core-{digest}"


setattr(numba.config, "CACHE_DIR", str(_cache_folder()))  # noqa: B010 - numba declares no attribute of that name


def compiled(function: F) -> F:
    """The function as machine code; arithmetic as in numpy: divisions by zero give infinity."""
    return cast(F, numba.njit(cache=True, error_model="numpy")(function))
