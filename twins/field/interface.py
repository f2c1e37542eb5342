"""What a model of the field must answer. The statistical stand-in and the physical model both do."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Passage(NamedTuple):
    """The way of n messages through the field; arrays of length n."""

    arrives: NDArray[np.bool_]
    delay: NDArray[np.float64]  # s, from the meter's turn to send until the concentrator has it
    hops: NDArray[np.uint8]


class Field(Protocol):
    """A field-area network. Draws depend on seed, meter and ``occasion`` only: one question, one answer."""

    def reading(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of a periodic reading of each meter; the meter's own choice of when to send included."""

    def exchange(self, index: NDArray[np.int64], occasion: int) -> Passage:
        """The way of a request to each meter and of its answer back, both together."""
