"""Data as a type, whoever asks for it first.

msgspec (0.22) looks at a struct when it is met for the first time, and two threads that do so at once end the process
by a segmentation fault. Instruments are opened side by side, in an emergency too, so this goes one by one.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_one_by_one = threading.Lock()


def converted(data: Any, kind: type[T]) -> T:
    """The data as this type; raises :class:`msgspec.ValidationError`."""
    with _one_by_one:
        return msgspec.convert(data, kind)
