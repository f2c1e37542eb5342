"""Files that appear whole or not at all.

A run is killed now and then, on purpose too. A file that a reader may open is therefore written beside its place,
forced to the disk and renamed onto it: whatever name a reader knows, what stands there is complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, what was written there becomes ``path``.

    After an exception or a kill the temporary file stays as it is; the next writer of ``path`` overwrites it.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    yield temporary
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
