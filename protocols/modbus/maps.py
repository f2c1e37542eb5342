"""Register maps: what stands where in a device, as data, and the codec that follows from it.

The tables are ``data/*.toml``. A map has ``source``, ``verified``, and

* ``word_order``: which word of a 32-bit number has the lower address, ``high first`` or ``low first``;
* ``absent``: what stands for a value that does not exist, ``sunspec`` (the codes of :mod:`protocols.modbus.types`) or
  ``zero``;
* ``functions``: the function codes that read it;
* optionally ``first`` and ``last``: the addresses of the map when registers between and around its points read 0.
  Without them a register that no point has is an illegal address.

A point has ``at`` (address), ``name``, ``type``, and optionally ``unit``, ``scale`` (a power of ten) or
``scale_factor`` (the point that holds that power), ``words`` (of text), ``constant``, ``modulus`` (where a counter
wraps), ``access`` (``r`` or ``rw``: what the real device lets clients do), and its own ``source`` and ``verified``.

Addresses are those on the wire, from 0. Values are in the point's unit and exact: int or Decimal, float for ``f32``,
str, or None for a value that does not exist. Counters are cut, so they should be given exactly; other numbers are
rounded to the nearest count.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from typing import Any, TypeAlias

from protocols.modbus.errors import IllegalAddressError, RegisterMapError, RegisterValueError
from protocols.modbus.types import (
    FLOAT,
    TEXT,
    WHOLE_TYPES,
    pack_float,
    pack_text,
    unpack_float,
    unpack_text,
    words_of,
)

Value: TypeAlias = int | float | Decimal | str | None
ValueOf: TypeAlias = Callable[[str], Value]
"""Gives the value of a point by its name; it is asked only for what is read."""

KW8M = "kw8m"
_SUNSPEC_METERS = "sunspec_meters"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a map."""

    name: str
    address: int
    kind: str
    words: int
    unit: str = ""
    scale: int = 0
    scale_factor: str | None = None
    constant: int | None = None
    modulus: int | None = None
    access: str = "r"
    source: str = ""
    verified: bool = True

    @property
    def end(self) -> int:
        """The address behind its last register."""
        return self.address + self.words


@dataclass(frozen=True)
class RegisterMap:
    """The points of one map. ``first`` to ``last`` is what it answers for, points or not (``unlisted_zero``)."""

    name: str
    title: str
    points: tuple[Point, ...]
    first: int
    last: int
    low_word_first: bool
    has_absent: bool
    unlisted_zero: bool
    functions: frozenset[int]
    source: str
    verified: bool

    def point(self, name: str) -> Point:
        """A point by its name; raises :class:`RegisterMapError`."""
        try:
            return self._by_name[name]
        except KeyError:
            raise RegisterMapError(f"{self.title} has no point {name!r}") from None

    def at(self, address: int) -> RegisterMap:
        """The same map with its first register at another address."""
        shift = address - self.first
        points = tuple(replace(point, address=point.address + shift) for point in self.points)
        return replace(self, points=points, first=address, last=self.last + shift)

    def encode(self, value_of: ValueOf, start: int, count: int) -> list[int]:
        """The registers ``start … start + count - 1``.

        Raises :class:`IllegalAddressError` for a register that the map does not have, :class:`RegisterValueError` for a
        value that does not fit.
        """
        registers: list[int] = []
        address, stop = start, start + count
        while address < stop:
            point = self._by_address.get(address)
            if point is not None:
                registers += self._pack(point, value_of)[address - point.address : stop - point.address]
                address = point.end
            elif self.unlisted_zero and self.first <= address <= self.last:
                registers.append(0)
                address += 1
            else:
                raise IllegalAddressError(f"{self.title} has no register {address}")
        return registers

    def decode(self, start: int, registers: Sequence[int]) -> dict[str, Value]:
        """The values of all points that lie wholly in the registers from ``start`` on.

        Raises :class:`RegisterValueError` when the scale factor of one of them is missing.
        """
        stop = start + len(registers)
        inside = [point for point in self.points if start <= point.address and point.end <= stop]
        taken = {point.name: registers[point.address - start : point.end - start] for point in inside}
        return {point.name: self._unpack(point, taken) for point in inside}

    @cached_property
    def _by_name(self) -> Mapping[str, Point]:
        return {point.name: point for point in self.points}

    @cached_property
    def _by_address(self) -> Mapping[int, Point]:
        return {address: point for point in self.points for address in range(point.address, point.end)}

    def _pack(self, point: Point, value_of: ValueOf) -> Sequence[int]:
        value = point.constant if point.constant is not None else value_of(point.name)
        try:
            if point.kind == TEXT:
                return pack_text(None if value is None else str(value), point.words)
            if point.kind == FLOAT:
                words = pack_float(None if value is None else float(value))
            else:
                words = WHOLE_TYPES[point.kind].pack(self._raw(point, value, value_of))
        except RegisterValueError as error:
            raise RegisterValueError(f"{self.title}, {point.name}: {error}") from None
        return words[::-1] if self.low_word_first else words

    def _raw(self, point: Point, value: Value, value_of: ValueOf) -> int:
        """The whole number that stands for a value."""
        kind = WHOLE_TYPES[point.kind]
        absent = kind.absent if self.has_absent else 0
        if value is None:
            return absent
        exponent = point.scale
        if point.scale_factor is not None:
            factor = value_of(point.scale_factor)
            if factor is None:
                raise RegisterValueError(f"{value} has no scale factor {point.scale_factor}")
            exponent += int(factor)
        counter = kind.wraps or point.modulus is not None
        try:
            counts = Decimal(value).scaleb(-exponent)
            raw = int(counts.to_integral_value(ROUND_FLOOR if counter else ROUND_HALF_EVEN))
        except (ArithmeticError, ValueError):
            raise RegisterValueError(f"{value!r} is no number") from None
        if counter:
            return raw % (point.modulus or kind.bounds[1] + 1)
        if self.has_absent and raw == absent and point.constant is None:
            raise RegisterValueError(f"{value} would read as a value that does not exist")
        return raw

    def _unpack(self, point: Point, taken: Mapping[str, Sequence[int]]) -> Value:
        words = taken[point.name]
        if point.kind == TEXT:
            return unpack_text(words)
        if self.low_word_first:
            words = words[::-1]
        if point.kind == FLOAT:
            return unpack_float(words)
        kind = WHOLE_TYPES[point.kind]
        raw = kind.unpack(words)
        if self.has_absent and raw == kind.absent and not kind.wraps and point.constant is None:
            return None
        exponent = point.scale
        if point.scale_factor is not None:
            factor = self._scale_factor(point, taken)
            if factor is None:  # an accumulator that is not kept: its 0 has no scale
                return None
            exponent += factor
        return Decimal(raw).scaleb(exponent) if exponent else raw

    def _scale_factor(self, point: Point, taken: Mapping[str, Sequence[int]]) -> int | None:
        factor = self.point(str(point.scale_factor))
        if factor.name not in taken:
            raise RegisterValueError(f"{self.title}: {point.name} needs {factor.name}, which is not in these registers")
        kind = WHOLE_TYPES[factor.kind]
        raw = kind.unpack(taken[factor.name])
        return None if raw == kind.absent else raw


def register_map(name: str) -> RegisterMap:
    """A map by its name; raises :class:`RegisterMapError` for a name outside :func:`map_names`."""
    try:
        return _maps()[name]
    except KeyError:
        raise RegisterMapError(f"no register map {name!r}; there are {', '.join(_maps())}") from None


def map_names() -> tuple[str, ...]:
    """Names of all maps; those of SunSpec models are ``sunspec_`` and the model's id."""
    return tuple(_maps())


@cache
def _maps() -> Mapping[str, RegisterMap]:
    maps = [_read_map("sunspec_1", _table("sunspec_1")), _read_map(KW8M, _table(KW8M))]
    meters = _table(_SUNSPEC_METERS)
    for model in meters["models"]:
        names = model.get("rename", {})
        rows = [{**row, "name": names.get(row["name"], row["name"])} for row in meters["points"]]
        rows[0] = {**rows[0], "constant": model["id"]}
        maps.append(_read_map(f"sunspec_{model['id']}", {**meters, **model, "points": rows}))
    return {each.name: each for each in maps}


def _table(name: str) -> dict[str, Any]:
    text = (resources.files("protocols.modbus") / "data" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _read_map(name: str, table: Mapping[str, Any]) -> RegisterMap:
    points = tuple(_read_point(row) for row in table["points"])
    _check(table["title"], points)
    return RegisterMap(
        name=name,
        title=table["title"],
        points=points,
        first=table.get("first", points[0].address),
        last=table.get("last", points[-1].end - 1),
        low_word_first={"high first": False, "low first": True}[table["word_order"]],
        has_absent={"sunspec": True, "zero": False}[table["absent"]],
        unlisted_zero="first" in table,
        functions=frozenset(table["functions"]),
        source=table["source"],
        verified=table["verified"],
    )


def _read_point(row: Mapping[str, Any]) -> Point:
    rest = {key: value for key, value in row.items() if key not in ("at", "type", "words")}
    return Point(address=row["at"], kind=row["type"], words=words_of(row["type"], row.get("words")), **rest)


def _check(title: str, points: Sequence[Point]) -> None:
    """Raises :class:`RegisterMapError` for points out of order, names given twice, scale factors that are not there."""
    names = [point.name for point in points]
    if len(set(names)) != len(names):
        raise RegisterMapError(f"{title}: a name is given twice")
    for before, point in pairwise(points):
        if point.address < before.end:
            raise RegisterMapError(f"{title}: {point.name} lies on {before.name}")
    for point in points:
        if point.scale_factor is not None and point.scale_factor not in names:
            raise RegisterMapError(f"{title}: {point.name} has no scale factor {point.scale_factor}")


def encode_maps(maps: Iterable[tuple[RegisterMap, ValueOf]], start: int, count: int) -> list[int]:
    """Registers of a device that has several maps, one behind the other; raises as :meth:`RegisterMap.encode`."""
    registers: list[int] = []
    for each, value_of in maps:
        at = start + len(registers)
        if each.first <= at <= each.last and len(registers) < count:
            registers += each.encode(value_of, at, min(start + count, each.last + 1) - at)
    if len(registers) < count:
        raise IllegalAddressError(f"no register {start + len(registers)}")
    return registers
