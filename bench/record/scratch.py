"""Folders of a process: gone when it ends, and, where it was killed outright, when the next one of its kind begins.

A killed process cannot clean, and the kernel does not clean for it. But it lets go of locks: a folder that nobody holds
has no owner any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A fresh temporary folder for the block; others with this prefix whose owners have been killed are removed first.

    ``prefix`` has to belong to this function alone: a folder that was made otherwise counts as left.
    """
    for left in _without_owner(Path(tempfile.gettempdir()).glob(f"{prefix}*")):
        shutil.rmtree(left, ignore_errors=True)
    with contextlib.ExitStack() as held:
        folder = _fresh(prefix, held)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fresh(prefix: str, held: contextlib.ExitStack) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        with contextlib.suppress(FileNotFoundError):  # somebody cleaned before it was held
            held.enter_context(owning(folder))
            if folder.exists():
                return folder


@contextmanager
def owning(folder: Path) -> Iterator[None]:
    """Hold a folder for the block, or until this process is killed; several may."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without such locks: there nothing is cleared either
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def clear_left(folders: Iterable[Path], pattern: str) -> None:
    """Remove files of a pattern from those of these folders that nobody holds."""
    for folder in _without_owner(folders):
        for file in folder.glob(pattern):
            with contextlib.suppress(OSError):  # somebody else's, or gone already
                file.unlink()


def _without_owner(folders: Iterable[Path]) -> Iterator[Path]:
    """Those that are there and that nobody holds, each held while the caller looks at it."""
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid == os.getuid():
                yield folder
        except OSError:  # held, or on a file system that knows no such locks
            continue
        finally:
            os.close(descriptor)
