"""What a request over a stick should be lost by: theory, and two twins of the event engine at the same level.

A request is lost when the stick has no acknowledgement after all its tries. Both ways have the same loss, and noise is
all that disturbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.rack.readings import PROBE
from twins.field.physics.fsk import packet_error_rate
from twins.field.physics.noise import noise_dbm
from twins.field.physics.parameters import phy_modes
from twins.field.physics.phy import mode
from twins.wisun.parameters import radio_parameters

MODE: Final = "2b"
REQUEST_BYTES: Final = len(PROBE) + radio_parameters().frame.overhead_bytes

_STEP: Final = 0.05  # dB
_SHIFTS: Final = np.arange(-40.0, 40.0 + _STEP, _STEP)
_LIKELY: Final = 3.32  # half of the chi-square of one degree of freedom at 99 %
_TWIN_PACKETS: Final = 1500
_SURE: Final = -60.0  # dBm at which nothing is lost: the twins' tree is built there


class Shift(NamedTuple):
    """By how many dB a measured curve lies above an expected one, and how far off that may be (99 %)."""

    db: float
    bound: float


def lost(level_dbm: ArrayLike, tries: int) -> NDArray[np.float64]:
    """Share of requests that are not acknowledged, at a level of both ways."""
    rate = mode(MODE).rate_kbps * 1000
    ratio = 10 ** ((np.asarray(level_dbm, dtype=np.float64) - float(noise_dbm(rate))) / 10)
    good = 1 - packet_error_rate(ratio, REQUEST_BYTES)
    known = 1 - packet_error_rate(ratio, phy_modes().frame.ack_bytes)
    return np.asarray((1 - good * known) ** tries)


def twin_lost(levels_dbm: Sequence[float], tries: int, seed: int) -> NDArray[np.float64]:
    """The same of two twins in the event engine: requests that were not acknowledged at the first try, to the power.

    Each level is a run of its own of some thousand frames.
    """
    from twins.field.mesh.simulation import network, readings, simulate  # the compiled engine takes a second to load

    psdu = REQUEST_BYTES - phy_modes().frame.fcs_bytes
    standing = network(np.array([[-np.inf, _SURE], [_SURE, -np.inf]]), seed, together=False)
    found = []
    for level in levels_dbm:
        gain = np.array([[0.0, 1.0], [1.0, 0.0]]) * 10 ** (level / 10)
        pair = standing._replace(ether=standing.ether._replace(gain_mw=gain), mac=standing.mac._replace(retries=1))
        window = 2.0 * _TWIN_PACKETS  # s: a request at a time, and far from the hour's limit
        meter = readings(2, seed, 0.0, psdu)
        at = np.linspace(0.0, window, _TWIN_PACKETS, endpoint=False)
        traffic = meter._replace(
            at=at,
            origin=np.ones(len(at), np.int64),
            target=np.zeros(len(at), np.int64),
            psdu=np.full(len(at), psdu, np.int64),
        )
        outcome = simulate(pair, traffic, seed, window + 60.0)
        found.append((1 - float((outcome.tries == 1).mean())) ** tries)
    return np.array(found)


def fitted_shift(
    level_dbm: NDArray[np.float64], sent: NDArray[np.int64], failed: NDArray[np.int64], tries: int
) -> Shift | None:
    """The shift of theory that makes counts most likely; None where they hold no edge: nothing lost, or everything."""
    if not 0 < failed.sum() < sent.sum():
        return None
    chance = np.clip(lost(level_dbm[None, :] - _SHIFTS[:, None], tries), 1e-9, 1 - 1e-9)
    likely = (failed * np.log(chance) + (sent - failed) * np.log1p(-chance)).sum(axis=1)
    inside = _SHIFTS[likely >= likely.max() - _LIKELY]
    best = float(_SHIFTS[int(np.argmax(likely))])
    return Shift(best, float(max(best - inside[0], inside[-1] - best)) + _STEP)


def level_fit(db: NDArray[np.float64], rssi: NDArray[np.float64]) -> tuple[float, float]:
    """The level at 0 dB of attenuation, with a slope of -1, and the slope that the points have by themselves.

    The slope is NaN of fewer than three points.
    """
    at_zero = float(np.median(rssi + db))
    slope = float(np.polyfit(db, rssi, 1)[0]) if len(db) > 2 else float("nan")
    return at_zero, slope
