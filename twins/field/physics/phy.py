"""Frame times and channels of the Japanese PHY modes (``field-network`` §1.2, §1.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twins.field.checks import known, need, numbers
from twins.field.physics.parameters import ChannelPlan, Mode, phy_modes


def mode(name: str) -> Mode:
    """The mode of that name (``1b``, ``2b``, ``3``, ``4b``, ``5``); raises :class:`twins.field.checks.FieldError`."""
    table = phy_modes().mode
    return table[known(name, list(table))]


def plan_of(mode: Mode) -> ChannelPlan:
    """The channel plan that a mode uses."""
    return phy_modes().plan[mode.plan]


def frame_seconds(mode: Mode, psdu: ArrayLike, *, coded: bool = False) -> NDArray[np.float64]:
    """Air time of frames with a PSDU of so many bytes (FCS not counted); ``coded`` with forward error correction."""
    frame = phy_modes().frame
    octets = numbers("PSDU", psdu, least=0.0)
    need((octets + frame.fcs_bytes <= frame.longest_psdu).all(), f"a PSDU has at most {frame.longest_psdu} bytes")
    covered = (octets + frame.fcs_bytes + frame.phr_bytes) * (2 if coded else 1)
    return np.asarray((covered + frame.sfd_bytes + mode.preamble_bytes) * 8 / (mode.rate_kbps * 1000))


def ack_seconds(mode: Mode) -> float:
    """Air time of an acknowledgement."""
    return float(frame_seconds(mode, phy_modes().frame.ack_bytes))


def unit_backoff_seconds(mode: Mode) -> float:
    """The step of the random wait before a frame: turnaround and 8 symbols of listening."""
    frame = phy_modes().frame
    return frame.turnaround_us * 1e-6 + frame.cca_symbols / (mode.rate_kbps * 1000)


def bandwidth_hz(mode: Mode) -> float:
    """Width of the receiver's filter by Carson's rule: twice deviation plus half the rate."""
    return 2 * (mode.deviation_khz + mode.rate_kbps / 2) * 1000


def channels(plan: ChannelPlan) -> NDArray[np.int64]:
    """The numbers of the channels that may be used."""
    first, last = plan.allowed
    return np.arange(first, last + 1)


def centre_mhz(plan: ChannelPlan, channel: ArrayLike) -> NDArray[np.float64]:
    """Centre frequencies of allowed channels; raises :class:`twins.field.checks.FieldError` for all else."""
    wanted = numbers("channel", channel, least=plan.allowed[0], most=plan.allowed[1])
    need((wanted == np.floor(wanted)).all(), "channel must be a whole number")
    return np.asarray(plan.first_mhz + wanted * plan.spacing_khz / 1000)
