"""What an emulated meter has counted, and the rows of it that it keeps at the ends of periods of its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Registers(NamedTuple):
    """Cumulative registers: active in and out (Wh), reactive + and - (varh)."""

    import_wh: float = 0.0
    export_wh: float = 0.0
    plus_varh: float = 0.0
    minus_varh: float = 0.0

    def with_energy(self, energy: complex) -> Registers:
        """These and an energy more (Wh and varh), which goes where its signs say."""
        return Registers(
            self.import_wh + max(0.0, energy.real),
            self.export_wh + max(0.0, -energy.real),
            self.plus_varh + max(0.0, energy.imag),
            self.minus_varh + max(0.0, -energy.imag),
        )


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record: its period, and for how long its rows are kept, both in seconds."""

    period_s: int
    keep_s: int


class Kept(NamedTuple):
    """One row: the registers at the end of the period, and the mean V of its elements while the meter ran in it."""

    registers: Registers
    volts: tuple[float, ...]


class Record:
    """The rows of one period by their stamps (Unix s of the meter's own clock), the first kept first."""

    def __init__(self, keep: Keep) -> None:
        self.period_s = keep.period_s
        self.rows: dict[int, Kept] = {}
        self._most = keep.keep_s // keep.period_s
        self._number, self._seconds = -1, 0.0
        self._volt_seconds: tuple[float, ...] = ()

    def count(self, own: float, volts: Sequence[float], seconds: float) -> None:
        """A stretch in which the meter ran, from ``own`` on by its clock; it lies within one period."""
        number = int(own // self.period_s)
        if number != self._number:
            self._number, self._seconds, self._volt_seconds = number, 0.0, (0.0,) * len(volts)
        self._seconds += seconds
        self._volt_seconds = tuple(sum_ + each * seconds for sum_, each in zip(self._volt_seconds, volts, strict=True))

    def close(self, stamp: int, registers: Registers) -> None:
        """Keep the row that ends at a stamp; a second one, after the clock was set back, does not replace the first."""
        if stamp in self.rows:
            return
        seconds = self._seconds if self._number == stamp // self.period_s - 1 else 0.0
        means = tuple(sum_ / seconds if seconds else 0.0 for sum_ in self._volt_seconds)
        self.rows[stamp] = Kept(registers, means)
        if len(self.rows) > self._most:
            del self.rows[next(iter(self.rows))]
