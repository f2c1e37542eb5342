"""Readings as the head-end holds them between check and store."""

from __future__ import annotations

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

    def __len__(self) -> int:
        return len(self.rows)
