"""The points of the register maps in terms of a meter: name of the point, and how its value follows from the twin.

Rules of this file: all values of a request belong to one :class:`Moment`. A point without a rule, and a rule that gives
None, is a value that the twin does not have; what stands in its registers then is the map's matter. Energies are the
twin's exact registers, not the counts of its display.

SunSpec's phases A and B are the legs R and T. W is positive for import (unverified: the model's JSON does not say).
Currents and the power factor are magnitudes. Import and export count into the same two reactive registers of a twin, so
only a meter without export can say which quadrant they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

from protocols.modbus.maps import Value, ValueOf
from twins.meter.view import Active, Electric, MeterView, Reactive

MAKER = "Meter Bench"
"""What twins give as their maker in registers; no maker of real meters is impersonated."""

_CT_RATINGS_A = (5, 50, 100, 250, 400, 600)  # of the KW8M and KW1M-H: point ct_type, KW1M-H p. 68
_MILLI, _PERCENT = -3, 100


class Moment:
    """One twin at one instant (true Unix s); what is asked for is computed once."""

    def __init__(self, view: MeterView, at: float) -> None:
        self.view, self._at = view, at

    @cached_property
    def active(self) -> Active:
        """Active registers."""
        return self.view.active(self._at)

    @cached_property
    def reactive(self) -> Reactive:
        """Reactive registers."""
        return self.view.reactive(self._at)

    @cached_property
    def electric(self) -> Electric:
        """Power, currents, voltages."""
        return self.view.electric(self._at)

    @property
    def apparent_va(self) -> float:
        """Apparent power."""
        return abs(self.electric.power_w) / self.electric.power_factor


Rule: TypeAlias = Callable[[Moment], Value]


def values(rules: Mapping[str, Rule], moment: Moment) -> ValueOf:
    """The values of a map's points at a moment."""

    def value_of(name: str) -> Value:
        rule = rules.get(name)
        return None if rule is None else rule(moment)

    return value_of


def _always(value: Value) -> Rule:
    return lambda moment: value


def _thousandth(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value).scaleb(_MILLI)


def _magnitude(milli: int | None) -> Decimal | None:
    return None if milli is None else _thousandth(abs(milli))


def _total_current(moment: Moment) -> Value:
    now = moment.electric
    return _thousandth(abs(now.current_r_ma) + abs(now.current_t_ma or 0))


def _mean_voltage(moment: Moment) -> Value:
    now = moment.electric
    legs = [mv for mv in (now.voltage_r_mv, now.voltage_t_mv) if mv is not None]
    return Decimal(sum(legs)).scaleb(_MILLI) / len(legs)


def _between_legs(moment: Moment) -> Value:
    now = moment.electric
    return None if now.voltage_t_mv is None else _thousandth(now.voltage_r_mv + now.voltage_t_mv)


def _if_import_only(rule: Rule) -> Rule:
    return lambda moment: None if moment.view.has_generator else rule(moment)


COMMON: Mapping[str, Rule] = {
    "Mn": _always(MAKER),
    "Md": lambda moment: moment.view.identity.product,
    "Vr": lambda moment: moment.view.identity.firmware,
    "SN": lambda moment: moment.view.identity.serial,
    "DA": _always(1),
}
"""SunSpec model 1."""

SUNSPEC_METER: Mapping[str, Rule] = {
    "A_SF": _always(-2),
    "A": _total_current,
    "AphA": lambda moment: _magnitude(moment.electric.current_r_ma),
    "AphB": lambda moment: _magnitude(moment.electric.current_t_ma),
    "V_SF": _always(-1),
    "PhV": _mean_voltage,
    "PhVphA": lambda moment: _thousandth(moment.electric.voltage_r_mv),
    "PhVphB": lambda moment: _thousandth(moment.electric.voltage_t_mv),
    "PPV": _between_legs,
    "PhVphAB": _between_legs,
    "PPVphAB": _between_legs,
    "W_SF": _always(0),
    "W": lambda moment: moment.electric.power_w,
    "VA_SF": _always(0),
    "VA": lambda moment: moment.apparent_va,
    "VAR_SF": _always(0),
    "VAR": lambda moment: moment.electric.reactive_var,
    "PF_SF": _always(-2),
    "PF": lambda moment: moment.electric.power_factor * _PERCENT,
    "TotWh_SF": _always(0),
    "TotWhImp": lambda moment: moment.active.import_wh,
    "TotWhExp": lambda moment: moment.active.export_wh,
    "TotVArh_SF": _if_import_only(_always(0)),
    "TotVArhImpQ1": _if_import_only(lambda moment: moment.reactive.plus_varh),
    "TotVArhExpQ4": _if_import_only(lambda moment: moment.reactive.minus_varh),
    "Evt": _always(0),
}
"""SunSpec models 201 to 203."""

KW8M: Mapping[str, Rule] = {
    "ct_type": lambda moment: next((a for a in _CT_RATINGS_A if a >= moment.view.contract_a), _CT_RATINGS_A[-1]),
    "vt_ratio": _always(1),
    "energy": lambda moment: _thousandth(moment.active.import_wh),
    "voltage_l1": lambda moment: _thousandth(moment.electric.voltage_r_mv),
    "voltage_l2": lambda moment: _thousandth(moment.electric.voltage_t_mv),
    "active_power": lambda moment: _thousandth(max(moment.electric.power_w, 0)),
    "reactive_power": lambda moment: _thousandth(moment.electric.reactive_var),
    "apparent_power": lambda moment: moment.apparent_va / 1000,
}
"""The Japanese panel meter. It knows import alone: while energy flows out its unsigned power is 0 (our own choice)."""
