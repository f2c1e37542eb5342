"""What a model of the field must answer. Everything above asks these two questions, whatever the medium is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Passage(NamedTuple):
    """The way of n messages through the field; arrays of length n."""

    cause: NDArray[np.uint8]  # place in twins.field.causes.CAUSES; 0: it arrives
    delay: NDArray[np.float64]  # s, from the meter's turn to send until the head-end has it; 0 or more, also where lost
    hops: NDArray[np.uint8]  # 0: no way

    @property
    def arrives(self) -> NDArray[np.bool_]:
        """Which messages arrive."""
        return np.asarray(self.cause == 0)


class Field(Protocol):
    """A field-area network. Draws depend on seed, meter and ``occasion`` only: one question, one answer."""

    def reading(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of each meter's reading of slot ``occasion``; the meter's own choice of when to send included."""

    def exchange(self, index: NDArray[np.int64], occasion: int, now: float) -> Passage:
        """The way of a request to each meter and of its answer back, both together; asked at ``now`` (Unix s)."""
