"""Readings to MQTT packets: rows of a fleet in, whole packets out, one 2-D array an area."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from protocols import mqtt
from protocols.dlms.keys import KeyRing
from protocols.dlms.readings import encode_readings
from protocols.slots import slot_end
from protocols.topics import UP
from twins.plan import MAKER, FleetPlan, system_titles


def digits(numbers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Decimal digits as ASCII, (n, width), with leading zeros."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def up_topics(root: str, area: str, concentrators: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The ``up`` topics of meters of one area, (n, T); spelt as ``TopicTree.meter`` spells them."""
    parts = (f"{root}/{area}/c".encode(), 6, b"/" + MAKER, 12, f"/{UP}".encode())
    topics = np.empty((len(index), sum(p if isinstance(p, int) else len(p) for p in parts)), dtype=np.uint8)
    numbers = iter((concentrators, index))
    at = 0
    for part in parts:
        if isinstance(part, int):
            topics[:, at : at + part] = digits(next(numbers), part)
            at += part
        else:
            topics[:, at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)
            at += len(part)
    return topics


class ReadingFrames:
    """Ciphers readings and frames them for the bus."""

    def __init__(self, plan: FleetPlan, root: str, keys: KeyRing, key_epoch: int = 0) -> None:
        self._plan = plan
        self._root = root
        self._keys = keys
        self._key_epoch = key_epoch

    def apdus(
        self,
        index: NDArray[np.int64],
        counters: NDArray[np.uint32],
        slot: int,
        status: NDArray[np.uint8],
        import_wh: NDArray[np.uint64],
        export_wh: NDArray[np.uint64],
    ) -> NDArray[np.uint8]:
        """The readings of one slot, each ciphered with its meter's own key: (n, READING_BYTES)."""
        titles = system_titles(index)
        keys, auth_keys = self._keys.derive(titles, self._key_epoch)
        return encode_readings(keys, auth_keys, titles, counters, slot_end(slot), status, import_wh, export_wh)

    def packets(self, index: NDArray[np.int64], apdus: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """PUBLISH packets for APDUs of these meters, one array an area, in the given order within the area."""
        areas = self._plan.area_of(index)
        concentrators = self._plan.concentrator_of(index)
        for area in np.unique(areas):
            mask = areas == area
            rows = slice(None) if mask.all() else mask  # a slice copies nothing
            name = self._plan.areas[area].name
            yield mqtt.publish_batch(up_topics(self._root, name, concentrators[rows], index[rows]), apdus[rows])
