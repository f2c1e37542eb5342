"""The meters' topics as the head-end needs them: whose an ``up`` topic is, and where a meter hears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.topics import DOWN, METER_ID_BYTES, UP, TopicTree
from twins.plan import MAKER, FleetPlan, concentrator_id, meter_id
from twins.shard.frames import up_topics

_LEAF_BYTES = len(f"/{UP}")
_SERIAL_DIGITS = METER_ID_BYTES - len(MAKER)
_CONCENTRATOR_DIGITS = len(concentrator_id(0).lstrip("c"))


class _Pattern(NamedTuple):
    """Up topics of one length: each area's with all digits 0, how far each byte may be above that, where digits are."""

    zeros: NDArray[np.uint8]  # (areas, T); rows of areas whose topics have another length are not used
    above: NDArray[np.uint8]  # (T,): 9 for a digit, 0 for what is constant
    digits: NDArray[np.intp]  # of the concentrator, then of the meter


class MeterTopics:
    """The topics of a plan's meters under one root."""

    def __init__(self, plan: FleetPlan, root: str) -> None:
        self._plan = plan
        self._tree = TopicTree(root)
        self._sizes = np.array([len(_up_topic(root, area.name, 0)) for area in plan.areas])
        self._patterns = {size: self._pattern(root, size) for size in set(self._sizes.tolist())}

    def own(self, topics: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of these topics (n, T) is the ``up`` topic of the meter (n,), which is one of the plan's."""
        pattern = self._patterns.get(topics.shape[1])
        if pattern is None:
            return np.zeros(len(topics), dtype=np.bool_)
        areas = self._plan.area_of(rows)
        offsets = topics - pattern.zeros[areas]  # wraps where a byte is below
        numbers = offsets[:, pattern.digits].astype(np.float64) @ _WEIGHTS  # exact: 12 digits are below 2^53
        own = (numbers[:, 1] == rows) & (numbers[:, 0] == self._plan.concentrator_of(rows))
        own &= self._sizes[areas] == topics.shape[1]
        misspelt = offsets > pattern.above
        if misspelt.any():
            own &= ~misspelt.any(axis=1)
        return np.asarray(own, dtype=np.bool_)

    def row_of(self, topic: bytes) -> int:
        """The meter whose ``up`` topic this is, -1 when it is nobody's."""
        serial = topic[-_LEAF_BYTES - _SERIAL_DIGITS : -_LEAF_BYTES]
        if len(serial) != _SERIAL_DIGITS or not serial.isdigit() or (row := int(serial)) >= self._plan.meters:
            return -1
        return row if self.own(np.frombuffer(topic, np.uint8)[np.newaxis], np.array([row]))[0] else -1

    def down(self, rows: NDArray[np.int64]) -> Iterator[str]:
        """The topics on which these meters hear their head-end."""
        names = [area.name for area in self._plan.areas]
        columns = self._plan.area_of(rows), self._plan.concentrator_of(rows), rows
        for area, concentrator, row in zip(*(column.tolist() for column in columns), strict=True):
            yield self._tree.meter(names[area], concentrator_id(concentrator), meter_id(row), DOWN)

    def _pattern(self, root: str, size: int) -> _Pattern:
        zeros = np.zeros((len(self._sizes), size), dtype=np.uint8)
        is_digit = np.zeros(size, dtype=np.bool_)
        for area in np.flatnonzero(self._sizes == size).tolist():
            name = self._plan.areas[area].name
            zeros[area] = _up_topic(root, name, 0)
            is_digit = _up_topic(root, name, 1) != zeros[area]
        return _Pattern(zeros, np.where(is_digit, 9, 0).astype(np.uint8), np.flatnonzero(is_digit))


def _up_topic(root: str, area: str, digit: int) -> NDArray[np.uint8]:
    """An up topic in which every digit is this one."""
    concentrator, serial = (np.array([int(str(digit) * width)]) for width in (_CONCENTRATOR_DIGITS, _SERIAL_DIGITS))
    return up_topics(root, area, concentrator, serial).ravel()


def _weights() -> NDArray[np.float64]:
    """What a digit counts: (18, 2), for the number of the concentrator and that of the meter."""
    weights = np.zeros((_CONCENTRATOR_DIGITS + _SERIAL_DIGITS, 2))
    weights[:_CONCENTRATOR_DIGITS, 0] = 10.0 ** np.arange(_CONCENTRATOR_DIGITS)[::-1]
    weights[_CONCENTRATOR_DIGITS:, 1] = 10.0 ** np.arange(_SERIAL_DIGITS)[::-1]
    return weights


_WEIGHTS = _weights()
