"""Property data as quantities: numbers with their unit, scaled by what the meter says of itself.

``kWh = register × D3 × E1`` for 0x0288, with other properties for other classes: the tables name them. A coefficient
that the class leaves optional counts as 1 while it is unknown (D3 of 0x0288, ``meter-protocols`` §8 trap 8); one that
the class demands must have been read first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from protocols.echonet.classes import ObjectClass, PropertyRule
from protocols.echonet.errors import MissingCoefficientError, UnknownPropertyError
from protocols.echonet.frame import Property
from protocols.echonet.history import DayHistory, Series, Stamped


@dataclass(frozen=True, slots=True)
class Quantity:
    """A decoded property.

    ``value`` is what its data type gives, with every number of it a ``Decimal`` in ``unit`` when there is one; numbers
    that do not exist stay :class:`~protocols.echonet.values.Special`.
    """

    name: str
    value: Any
    unit: str


class Quantities:
    """Decodes the properties of one object, remembering its coefficients."""

    def __init__(self, object_class: ObjectClass) -> None:
        self._class = object_class
        self._coefficient_epcs = {epc for rule in object_class.properties.values() for epc in rule.times}
        self._coefficients: dict[int, Decimal] = {}

    def learn(self, properties: Iterable[Property]) -> None:
        """Remember the coefficients among these properties; raises ``ProtocolError`` for malformed ones."""
        for item in properties:
            if item.epc in self._coefficient_epcs and item.edt:
                self._coefficients[item.epc] = Decimal(self._rule(item.epc).codec.decode(item.edt))

    def decode(self, item: Property) -> Quantity:
        """The property as a quantity.

        Raises ``ProtocolError`` for malformed data, :class:`UnknownPropertyError` for a property that is not in the
        class's table, :class:`MissingCoefficientError` when the unit was never read.
        """
        rule = self._rule(item.epc)
        value = rule.codec.decode(item.edt)
        if rule.unit:
            factor = self._factor(rule)
            value = _scaled(value, lambda number: number * factor)
        return Quantity(rule.name, value, rule.unit)

    def _factor(self, rule: PropertyRule) -> Decimal:
        factor = rule.factor
        for epc in rule.times:
            if epc not in self._coefficients and self._rule(epc).access.get != "o":
                raise MissingCoefficientError(f"{rule.name}: EPC {epc:02X} was never read")
            factor *= self._coefficients.get(epc, Decimal(1))
        return factor

    def _rule(self, epc: int) -> PropertyRule:
        try:
            return self._class.properties[epc]
        except KeyError:
            raise UnknownPropertyError(f"{self._class.title}: no EPC {epc:02X}") from None


def _scaled(value: Any, scale: Callable[[int], Decimal]) -> Any:
    """The same shape with every number scaled."""
    match value:
        case int():
            return scale(value)
        case tuple():
            return tuple(_scaled(item, scale) for item in value)
        case Stamped() | DayHistory():
            return replace(value, values=_scaled(value.values, scale))
        case Series():
            return replace(value, rows=_scaled(value.rows, scale))
    return value
