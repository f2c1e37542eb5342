"""One ECHONET Lite object at the far end of any carrier: requests, waiting times, and properties as quantities.

Rules of this file:

* One request at a time. Waiting times are those of the AIF, 20 s for one property and 60 s for several (trap 22 of
  ``meter-protocols`` §8); a carrier's own wait can replace both.
* Only what the meter's map of readable properties names is asked for: one refused property refuses a whole Get. Where
  a Get of several is refused whole, they are asked one by one.
* A notification that wants a confirmation gets it, whenever it comes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from hil_drivers.errors import AnswerError, LinkError, RefusedError
from hil_drivers.meters.echonet_layout import GET_MAP
from protocols.echonet.classes import class_of_code
from protocols.echonet.controller import Controller, Notification, Request, Response
from protocols.echonet.errors import MissingCoefficientError, UnknownPropertyError
from protocols.echonet.frame import Eoj, Property
from protocols.echonet.quantities import Quantities, Quantity
from protocols.errors import ProtocolError

T = TypeVar("T")


class Carrier(Protocol):
    """Datagrams to one meter and back; connects when it is used and not connected."""

    @property
    def place(self) -> str:
        """The address as people write it."""

    @property
    def wait_s(self) -> float | None:
        """How long an answer may take, None: as the AIF says."""

    def send(self, data: bytes) -> None:
        """Send a datagram; raises :class:`~hil_drivers.errors.LinkError`."""

    def receive(self, deadline: float) -> bytes | None:
        """The next datagram of the meter, None when there is none until ``deadline`` (monotonic seconds)."""

    def close(self) -> None:
        """Let go of the connection."""


class EchonetNode:
    """Asks one object, and knows its coefficients and its readable properties once it has asked."""

    def __init__(self, carrier: Carrier, eoj: Eoj) -> None:
        self.object_class = class_of_code(eoj.class_code)
        self._coefficients: dict[int, Decimal] = {}
        self._carrier, self._eoj = carrier, eoj
        self._controller = Controller()
        self._quantities = Quantities(self.object_class)
        self._readable: frozenset[int] = frozenset()

    @property
    def place(self) -> str:
        """The address as people write it."""
        return self._carrier.place

    def close(self) -> None:
        """Let go of the carrier."""
        self._carrier.close()

    def readable(self) -> frozenset[int]:
        """EPCs that can be read, asked for once, coefficients with them."""
        if not self._readable:
            (got,) = self._answered(self._ask_get((GET_MAP,)))
            readable: frozenset[int] = self._decode(got).value
            factors = {epc for rule in self.object_class.properties.values() for epc in rule.times} & readable
            if factors:
                served = self._get(sorted(factors))
                self._checked(lambda: self._quantities.learn(served))
                self._coefficients = {item.epc: Decimal(self._decode(item).value) for item in served}
            self._readable = readable
        return self._readable

    def read(self, epcs: Iterable[int]) -> dict[int, Quantity]:
        """Those of the properties that the meter has, all of one moment where it answers them together."""
        wanted = sorted(self.readable() & set(epcs))
        return {item.epc: self._decode(item) for item in self._get(wanted)} if wanted else {}

    def count(self, epc: int) -> Decimal:
        """What one count of a register stands for, in the property's unit."""
        rule = self.object_class.properties[epc]
        return math.prod((self._coefficients.get(each, Decimal(1)) for each in rule.times), start=rule.factor)

    def select(self, epc: int, value: Any) -> None:
        """Set a property; raises :class:`~hil_drivers.errors.RefusedError`."""
        item = Property(epc, self.object_class.properties[epc].codec.encode(value))
        self._answered(self._ask(lambda now: self._controller.set(self.place, self._eoj, (item,), now)))

    def _get(self, epcs: Sequence[int]) -> tuple[Property, ...]:
        """What is served of some properties, asked one by one where all of them are refused together."""
        served = self._ask_get(epcs).served
        if served or len(epcs) == 1:
            return served
        return tuple(item for epc in epcs for item in self._ask_get((epc,)).served)

    def _ask_get(self, epcs: Iterable[int]) -> Response:
        return self._ask(lambda now: self._controller.get(self.place, self._eoj, epcs, now))

    def _answered(self, response: Response) -> tuple[Property, ...]:
        if response.refused:
            names = ", ".join(f"{epc:02X}" for epc in response.refused)
            raise RefusedError(f"{self.place}: the meter refused {names} ({response.frame.esv.name})")
        return response.served

    def _ask(self, make: Callable[[float], Request]) -> Response:
        now = time.monotonic()
        request = make(now)
        wait = request.deadline - now if self._carrier.wait_s is None else self._carrier.wait_s
        try:
            self._carrier.send(request.outgoing.data)
            deadline = time.monotonic() + wait  # not before: a stick may have had to join first, which takes minutes
            while (data := self._carrier.receive(deadline)) is not None:
                found = self._controller.receive(data, self.place)
                if isinstance(found, Notification) and found.confirmation is not None:
                    self._carrier.send(found.confirmation.data)
                elif isinstance(found, Response) and found.request is request:
                    return found
        finally:
            self._controller.expired(math.inf)
        raise LinkError(f"{self.place}: no answer within {wait:g} s")

    def _decode(self, item: Property) -> Quantity:
        return self._checked(lambda: self._quantities.decode(item))

    def _checked(self, decode: Callable[[], T]) -> T:
        try:
            return decode()
        except (ProtocolError, MissingCoefficientError, UnknownPropertyError) as error:
            raise AnswerError(f"{self.place}: {error}") from error
