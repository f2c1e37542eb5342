"""``python -m twins.field.mesh``: have the event engine compiled and kept now, not when a run first needs it."""

from __future__ import annotations

import numpy as np

from twins.field.mesh.simulation import network, readings, simulate

_HEARD_DBM = -60.0
_ROUND_S, _PSDU = 300.0, 100

if __name__ == "__main__":
    net = network(np.full((3, 3), _HEARD_DBM), 0)
    simulate(net, readings(3, 0, _ROUND_S, _PSDU), 0, _ROUND_S)
