"""The Modbus units of one twin: SunSpec under one id, the Japanese panel meter under another.

Many devices know the ids 0 and 255 as *the device itself* when there is no serial line behind them (background
knowledge of the Modbus TCP guide); here they are the SunSpec unit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from protocols.modbus.maps import KW8M, RegisterMap, encode_maps, register_map
from protocols.modbus.server import Unit
from protocols.modbus.sunspec import COMMON, SINGLE_PHASE, SPLIT_PHASE, chain
from twins.clock import Clock
from twins.meter.view import MeterView
from twins.modbus import values
from twins.modbus.values import Moment, Rule

SUNSPEC_UNIT = 1
KW8M_UNIT = 2
_ITSELF = (0, 255)


class TwinUnit:
    """One unit of a twin: its maps, one behind the other, with the rules of their points."""

    def __init__(
        self,
        view: MeterView,
        clock: Clock,
        maps: Sequence[tuple[RegisterMap, Mapping[str, Rule]]],
        identification: Sequence[str] = (),
    ) -> None:
        self.identification = identification
        self.functions = frozenset.intersection(*(each.functions for each, _ in maps))
        self._view, self._clock, self._maps = view, clock, maps

    def read(self, start: int, count: int) -> list[int]:
        """Registers of this instant; raises :class:`protocols.modbus.errors.IllegalAddressError`."""
        moment = Moment(self._view, self._clock.now())
        return encode_maps(((each, values.values(rules, moment)) for each, rules in self._maps), start, count)


def sunspec_models(view: MeterView) -> tuple[int, ...]:
    """The SunSpec models of a twin, in the order of its chain."""
    return (COMMON, SPLIT_PHASE if view.three_wire else SINGLE_PHASE)


def units_of(view: MeterView, clock: Clock, defects: Collection[str] = ()) -> dict[int, Unit]:
    """All units of a twin by unit id. Of ``defects`` only ``high-word-first`` shows here."""
    who = view.identity
    rules: list[Mapping[str, Rule]] = [{}, values.COMMON, values.SUNSPEC_METER, {}]
    maps = list(zip(chain(sunspec_models(view)), rules, strict=True))
    sunspec = TwinUnit(view, clock, maps, (values.MAKER, who.product, who.firmware))
    panel = register_map(KW8M)
    if "high-word-first" in defects:
        panel = replace(panel, low_word_first=False)
    return {
        SUNSPEC_UNIT: sunspec,
        KW8M_UNIT: TwinUnit(view, clock, [(panel, values.KW8M)]),
        **dict.fromkeys(_ITSELF, sunspec),
    }
