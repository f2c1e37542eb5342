"""What is switched on behind some meters: the appliances of a home, as strong as the class of meters has them."""

from __future__ import annotations

import msgspec
import numpy as np

from twins.fleet import Fleet
from twins.meter.minutes import MinuteModel
from twins.meter.noise import Ints
from twins.meter.parameters import minute_parameters

_PER_MILLE = 1000


class Appliances:
    """The appliances behind a fleet's rows (index - ``fleet.start``)."""

    def __init__(self, fleet: Fleet, minutes: MinuteModel) -> None:
        strength = msgspec.structs.asdict(minute_parameters().strength)
        self._fleet, self._minutes = fleet, minutes
        self._by_area = np.array([strength[area.meter_class] for area in fleet.plan.areas], dtype=np.int64)
        self._alike = bool((self._by_area == _PER_MILLE).all())

    def watts(self, rows: Ints, slots: Ints) -> Ints:
        """Watts that are switched on in each minute, ``(n, m, 30)``, of rows ``(n,)`` and slots ``(m,)``."""
        watts = self._minutes.switched_watts(self._fleet.homes.key[rows], slots)
        if self._alike:
            return watts
        strength = self._by_area[self._fleet.plan.area_of(rows + self._fleet.start)]
        return watts * strength[:, None, None] // _PER_MILLE
