"""The radio part of the world: paths between sticks and meters through attenuator channels.

``path loss = insertion(f) + sum over the path's channels of (setting + error of that setting)``; level = sent power -
path loss. A frame is lost by noise alone, with the power, the noise and the bit errors of :mod:`twins.field.physics`.

Rules of this file:

* A pair without a path, and a channel that was never set, pass nothing: what is not wired is not heard.
* A new setting is there after the settling time; until then the old one holds.
* Chances are looked up, not drawn in a common order: what happens to one pair does not change another's.

Times are the clock's ``now`` in seconds; frequencies are MHz, levels dBm, losses dB.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from twins.field.physics.fsk import packet_error_rate, sensitivity_dbm
from twins.field.physics.noise import noise_dbm
from twins.field.physics.parameters import phy_modes, radio
from twins.field.physics.phy import mode
from twins.rack.faults import RackError
from twins.rack.world.radio_parameters import RadioWorldParameters, check_rising, radio_world_parameters
from twins.random import salt


class Port(NamedTuple):
    """One channel (counted from 1) of an attenuator, by the attenuator's name."""

    attenuator: str
    channel: int


class Path(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way between a stick and a meter. ``insertion`` (MHz, dB) is the shipped one where it is empty."""

    stick: str
    meter: str
    through: tuple[Port, ...] = ()
    insertion: tuple[tuple[float, float], ...] = ()


class Trip(NamedTuple):
    """What became of one frame: whether it arrived, whether its sender was told, how often it was sent."""

    arrived: bool
    acknowledged: bool
    tries: int


class _Setting(NamedTuple):
    """``db`` from ``since`` on, ``before`` until then."""

    db: float
    since: float
    before: float


class RadioWorld:
    """Paths and what the attenuators are set to.

    Raises :class:`RackError` for two paths of one pair, and for an insertion that does not rise in frequency.
    """

    def __init__(self, paths: Sequence[Path], seed: int = 0, parameters: RadioWorldParameters | None = None) -> None:
        self.parameters = parameters or radio_world_parameters()
        self._paths = {(path.stick, path.meter): path for path in paths}
        if len(self._paths) != len(paths):
            raise RackError("radio world: two paths between the same stick and meter")
        for path in paths:
            check_rising(path.insertion)
        self._mode = mode(self.parameters.frames.mode)
        self._seed = seed
        self._settings: dict[Port, _Setting] = {}
        self._deaf: dict[str, float] = {}
        self._loose: dict[str, float] = {}
        self._frames: Counter[tuple[str, str, bool]] = Counter()

    # --- attenuators -----------------------------------------------------------------------------------------------

    def attenuate(self, port: Port, db: float, now: float) -> None:
        """Set a channel; the first setting of a channel is there at once."""
        old = self._settings.get(port)
        if old is None:
            self._settings[port] = _Setting(db, now, db)
        else:
            self._settings[port] = _Setting(db, now + self.parameters.attenuator.settling_s, _in_force(old, now))

    def attenuation(self, port: Port, now: float) -> float:
        """What a channel really takes away: its setting and that setting's own error; infinite if never set."""
        setting = self._settings.get(port)
        return math.inf if setting is None else self._true(port, _in_force(setting, now))

    def _true(self, port: Port, db: float) -> float:
        largest = self.parameters.attenuator.step_error_db
        chance = _uniform(self._seed, "step error", *port, round(db * 1000))
        return max(0.0, db + largest * (2 * chance - 1))

    def deafen(self, meter: str, db: float) -> None:
        """Let a meter hear frames as if they were so much weaker."""
        self._deaf[meter] = db

    def loosen(self, meter: str, db: float) -> None:
        """Let a meter's antenna take so much away from whatever it sends and hears."""
        self._loose[meter] = db

    # --- levels ----------------------------------------------------------------------------------------------------

    def path_loss(self, stick: str, meter: str, mhz: float, now: float) -> float:
        """Loss between the two, either way."""
        path = self._paths.get((stick, meter))
        if path is None:
            return math.inf
        points = path.insertion or self.parameters.insertion.points
        insertion = float(np.interp(mhz, [f for f, _ in points], [db for _, db in points]))
        return insertion + self._loose.get(meter, 0.0) + sum(self.attenuation(port, now) for port in path.through)

    def level(self, stick: str, meter: str, mhz: float, now: float) -> float:
        """Level at the receiver, whoever of the two sends; minus infinity where nothing passes."""
        return radio().sender.power_dbm - self.path_loss(stick, meter, mhz, now)

    def frame_loss(self, level: float, size: int) -> float:
        """Chance that a frame of so many bytes is lost at a level."""
        bits_per_second = self._mode.rate_kbps * 1000
        noise = float(noise_dbm(bits_per_second))  # in a bandwidth of the bit rate
        return float(packet_error_rate(10 ** ((level - noise) / 10), size))

    def sensitivity(self, size: int, loss: float) -> float:
        """The level in dBm at which a frame of so many bytes is lost with this chance (above 0, below 1)."""
        return sensitivity_dbm(self._mode, loss, size)

    # --- frames ----------------------------------------------------------------------------------------------------

    def carry(
        self, stick: str, meter: str, size: int, mhz: float, now: float, *, to_meter: bool, repeat: bool = True
    ) -> Trip:
        """Send a frame, with ``repeat`` again and again until it is acknowledged or the tries are used up."""
        at_stick = self.level(stick, meter, mhz, now)
        at_meter = at_stick - self._deaf.get(meter, 0.0)
        there, back = (at_meter, at_stick) if to_meter else (at_stick, at_meter)
        lost, ack_lost = self.frame_loss(there, size), self.frame_loss(back, phy_modes().frame.ack_bytes)
        arrived = False
        tries = self.parameters.frames.tries if repeat else 1
        for number in range(1, tries + 1):
            this_one = self._chance(stick, meter, to_meter) >= lost
            arrived |= this_one
            if repeat and this_one and self._chance(stick, meter, to_meter) >= ack_lost:
                return Trip(arrived, True, number)
        return Trip(arrived, False, tries)

    def _chance(self, stick: str, meter: str, to_meter: bool) -> float:
        pair = (stick, meter, to_meter)
        self._frames[pair] += 1
        return _uniform(self._seed, "frame", *pair, self._frames[pair])


def _in_force(setting: _Setting, now: float) -> float:
    return setting.db if now >= setting.since else setting.before


def _uniform(seed: int, *words: int | str) -> float:
    """A number from 0 up to 1 by what it is for."""
    return float(salt(seed, *words)) / 2**32
