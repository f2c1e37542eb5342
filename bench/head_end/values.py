"""Readings as the head-end holds them between check and store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Values:
    """n values as columns: meter rows, slots, registers in Wh (mod 10^8), status bits, invocation counters."""

    rows: NDArray[np.int64]
    slots: NDArray[np.int64]
    import_wh: NDArray[np.uint32]
    export_wh: NDArray[np.uint32]
    status: NDArray[np.uint8]
    counters: NDArray[np.uint32]

    def pick(self, which: NDArray[Any]) -> Values:
        """The values at a mask or at positions."""
        return Values(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Values]) -> Values:
        """The values of all parts in their order; no parts, no values."""
        if not parts:
            return _NONE
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.rows)


def _none() -> Values:
    rows, register, status = np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint8)
    return Values(rows, rows, register, register, status, register)


_NONE = _none()
