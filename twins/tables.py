"""What every table of figures in a data file has: where the figures are from, and whether that really gives them.

msgspec (0.22) looks at a struct when it is met for the first time, and two threads that do so at once end the process
by a segmentation fault. Tables that threads may want first are therefore read by :func:`converted`.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_one_by_one = threading.Lock()


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any table of figures; a subclass adds the figures. Names that it does not know are refused."""

    source: str
    verified: bool


def converted(data: Any, kind: type[T]) -> T:
    """The data as this type, one thread at a time; raises :class:`msgspec.ValidationError`."""
    with _one_by_one:
        return msgspec.convert(data, kind)
