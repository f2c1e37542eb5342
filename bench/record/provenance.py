"""Where a run came from: versions, machine, process and the bench's own commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("numpy", "cryptography", "iotcore", "paho-mqtt", "pyarrow", "duckdb")
_START_TOLERANCE = 5.0  # seconds; the start of a process is told relative to a boot time that clock changes move


def versions() -> dict[str, str]:
    """Versions of the bench, of Python and of the packages that bear on a result."""
    found = {"bench": _version("meter-bench"), "python": platform.python_version()}
    return found | {name: _version(name) for name in _PACKAGES}


def host() -> dict[str, Any]:
    """The machine (name, os, cpu, cores, memory in bytes) and this process (pid, its start in Unix seconds)."""
    process = psutil.Process()
    return {
        "name": platform.node(),
        "os": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "pid": process.pid,
        "process_started": process.create_time(),
    }


def is_alive(host: dict[str, Any]) -> bool:
    """Whether the process that wrote these host facts still runs on this machine.

    The start time tells it from a later process with the same number; a zombie counts as gone.
    """
    try:
        process = psutil.Process(int(host["pid"]))
        same = abs(process.create_time() - float(host["process_started"])) < _START_TOLERANCE
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except (KeyError, TypeError, ValueError, psutil.Error):
        return False


def git_commit() -> str | None:
    """Commit of the checkout that the bench runs from, with ``-dirty`` when files differ; null when there is none."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # an installed copy may lie inside somebody else's repository
        return None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    return commit + ("-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    """Model name from ``/proc/cpuinfo``: :func:`platform.processor` is empty on most Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
