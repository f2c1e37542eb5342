"""The COSEM objects of a logical device: what each client may read, write and call.

A provider declares :class:`CosemObject` values whose attributes are constants or callables, and hands them to an
:class:`ObjectModel`. The model knows rights and types, so that a callable only sees requests that are allowed and of
the right type. Callables refuse with :class:`~protocols.dlms.errors.RefusalError`; whatever else they raise is the
provider's own fault and is not caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from protocols.dlms.apdu import Access, Attribute, DataAccessResult, Method
from protocols.dlms.axdr import NULL, Data, array, encode, octets, structure
from protocols.dlms.errors import EncodeError, RefusalError
from protocols.dlms.interface_classes import CLASSES, LOGICAL_NAME, AttributeSpec, InterfaceClass
from protocols.dlms.roles import EVERYBODY, MANAGERS, NOBODY
from protocols.dlms.values import enum, int8, uint8, uint16

_T = TypeVar("_T")

Readable: TypeAlias = Data | bytes
"""A value, or its A-XDR encoding where the provider has it at hand (long buffers)."""

_READ, _WRITE = 1, 2  # access modes of an object list: 0 none, 1 read, 2 write, 3 both


@dataclass(frozen=True, slots=True)
class Attr:
    """One attribute of one object.

    ``get`` is a constant or gives the value; ``set`` takes one; ``select`` serves selective access by selector and
    parameters, ``selectors`` names those it knows. ``read`` and ``write`` are client addresses.
    """

    get: Readable | Callable[[], Readable]
    set: Callable[[Data], None] | None = None
    select: Callable[[int, Data], Readable] | None = None
    selectors: tuple[int, ...] = ()
    read: frozenset[int] = EVERYBODY
    write: frozenset[int] = MANAGERS


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one object: takes its parameters, may return data."""

    run: Callable[[Data | None], Data | None]
    clients: frozenset[int] = MANAGERS


@dataclass(frozen=True, slots=True)
class CosemObject:
    """An object: attributes and methods by the names that its interface class gives them.

    Raises :class:`~protocols.dlms.errors.EncodeError` for a class or a name that does not exist.
    """

    class_id: int
    obis: bytes
    attributes: Mapping[str, Attr]
    methods: Mapping[str, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = CLASSES.get(self.class_id)
        if known is None or len(self.obis) != 6:
            raise EncodeError(f"no interface class {self.class_id}, or {self.obis.hex()} is no logical name")
        unknown = self.attributes.keys() - known.attributes.keys() | self.methods.keys() - known.methods.keys()
        if unknown:
            raise EncodeError(f"{known.name} has no {', '.join(sorted(unknown))}")

    @property
    def interface(self) -> InterfaceClass:
        """The class."""
        return CLASSES[self.class_id]

    def attribute(self, number: int) -> tuple[AttributeSpec, Attr] | None:
        """Attribute by number, or None when this object has none there."""
        for name, attr in self.attributes.items():
            spec = self.interface.attributes[name]
            if spec.number == number:
                return spec, attr
        return None

    def method(self, number: int) -> Call | None:
        """Method by number, or None when this object has none there."""
        found = (call for name, call in self.methods.items() if self.interface.methods[name] == number)
        return next(found, None)

    def readers(self) -> frozenset[int]:
        """Clients that may do anything at all with this object, and so may see its name."""
        rights = [attr.read | (attr.write if attr.set else NOBODY) for attr in self.attributes.values()]
        return NOBODY.union(*rights, *(call.clients for call in self.methods.values()))


class ObjectModel:
    """Objects by class and logical name, served with their rights; every refusal is a ``RefusalError``."""

    def __init__(self, objects: Iterable[CosemObject]) -> None:
        self._objects: dict[tuple[int, bytes], CosemObject] = {}
        self._names: set[bytes] = set()
        for found in objects:
            self.add(found)

    def add(self, new: CosemObject) -> None:
        """Add an object, or replace the one with its class and name."""
        self._objects[new.class_id, new.obis] = new
        self._names.add(new.obis)

    def extended(self, *objects: CosemObject) -> ObjectModel:
        """These objects and some more, without a change of this model."""
        return ObjectModel([*self._objects.values(), *objects])

    def read(self, client: int, attribute: Attribute, access: Access | None) -> bytes:
        """Encoded value of an attribute."""
        found = self._find(attribute.class_id, attribute.obis)
        if attribute.number == LOGICAL_NAME:
            _allow(client in found.readers(), "the logical name")
            return encode(octets(found.obis))
        spec, attr = _existing(found.attribute(attribute.number), "attribute", attribute.number)
        _allow(client in attr.read, f"reading {spec.name}")
        if access is None:
            value = attr.get() if callable(attr.get) else attr.get
        elif attr.select is not None and access[0] in attr.selectors:
            value = attr.select(*access)
        else:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"selector {access[0]} of {spec.name}")
        return _checked(spec, value)

    def write(self, client: int, attribute: Attribute, value: Data, access: Access | None) -> None:
        """Set an attribute."""
        found = self._find(attribute.class_id, attribute.obis)
        _allow(attribute.number != LOGICAL_NAME, "writing the logical name")
        spec, attr = _existing(found.attribute(attribute.number), "attribute", attribute.number)
        if attr.set is None or client not in attr.write:
            raise RefusalError(DataAccessResult.READ_WRITE_DENIED, f"writing {spec.name}")
        if access is not None:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "writing with selective access")
        if spec.types and value.type not in spec.types:
            raise RefusalError(DataAccessResult.TYPE_UNMATCHED, f"{spec.name} is no {value.type.name}")
        attr.set(value)

    def call(self, client: int, method: Method, parameters: Data | None) -> Data | None:
        """Call a method; what it returned."""
        found = self._find(method.class_id, method.obis)
        call = _existing(found.method(method.number), "method", method.number)
        _allow(client in call.clients, f"method {method.number} of {found.interface.name}")
        return call.run(parameters)

    def object_list(self, client: int) -> Data:
        """Attribute 2 of an association (IC15 version 1): what this client sees, with its rights."""
        seen = (found for found in self._objects.values() if client in found.readers())
        return array(*(_list_element(found, client) for found in seen))

    def _find(self, class_id: int, obis: bytes) -> CosemObject:
        found = self._objects.get((class_id, obis))
        if found is not None:
            return found
        if obis in self._names:
            raise RefusalError(DataAccessResult.OBJECT_CLASS_INCONSISTENT, f"{obis.hex()} is not of class {class_id}")
        raise RefusalError(DataAccessResult.OBJECT_UNDEFINED, f"no object {obis.hex()}")


def _allow(allowed: bool, what: str) -> None:
    if not allowed:
        raise RefusalError(DataAccessResult.READ_WRITE_DENIED, what)


def _existing(found: _T | None, what: str, number: int) -> _T:
    if found is None:
        raise RefusalError(DataAccessResult.OBJECT_UNAVAILABLE, f"no {what} {number}")
    return found


def _checked(spec: AttributeSpec, value: Readable) -> bytes:
    """The encoding; a type that the class does not allow is the provider's fault."""
    raw = value if isinstance(value, bytes) else encode(value)
    if spec.types and raw[0] not in spec.types:
        raise EncodeError(f"{spec.name} is of data type {raw[0]}, against its class")
    return raw


def _list_element(found: CosemObject, client: int) -> Data:
    rights = [structure(int8(LOGICAL_NAME), enum(_READ), NULL)]
    for name, attr in found.attributes.items():
        mode = _READ * (client in attr.read) + _WRITE * (attr.set is not None and client in attr.write)
        selectors = array(*map(int8, attr.selectors)) if attr.selectors else NULL
        rights.append(structure(int8(found.interface.attributes[name].number), enum(mode), selectors))
    methods = [
        structure(int8(found.interface.methods[name]), enum(int(client in call.clients)))
        for name, call in found.methods.items()
    ]
    access = structure(array(*rights), array(*methods))
    return structure(uint16(found.class_id), uint8(found.interface.version), octets(found.obis), access)
