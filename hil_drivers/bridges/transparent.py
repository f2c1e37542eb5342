"""A PLC bridge that only forwards: whoever sends to its meter's address speaks to the meter.

::

    - id: plc-1
      driver: plc-transparent
      address: "[fe80::1%eth1]:3610"   # the meter as seen from here; IPv4 and host without port (3610) too
      settings:
        maker: "000077"      # optional: manufacturer code of the node behind it; another one is refused
        number: "FE000077"   # optional: its identification number begins so; another one is refused
        timeout_s: 2.0       # for the answer to one question, there and back over the power line

Sources: ECHONET Lite on UDP, ``meter-protocols`` §1.1; what a bridge is, :mod:`hil_drivers.bridge`. Not verified: no
bridge was at hand. That one forwards without being told anything, that it keeps addresses and ports, and that a meter
answers for its node profile to anybody behind the bridge, are assumptions.

Such a box says nothing of itself. Its identity is that of the node behind it (node profile, 8A manufacturer and 83
identification number), so it is known only while the meter runs and the line carries. Opening sends nothing: the node
is asked when somebody wants to know. It answers to port 3610 of who asks, see :mod:`hil_drivers.meters.echonet`.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from typing import Final

from hil_drivers.bridge import LineLink, PlcBridge, meter_behind
from hil_drivers.errors import AnswerError, EnvelopeError, IdentityError, LinkError, RefusedError
from hil_drivers.guard import DeviceIdentity
from hil_drivers.meters.echonet import EchonetAddress, UdpCarrier
from protocols.echonet.controller import Controller, Request, Response
from protocols.echonet.frame import NODE_PROFILE, parse
from protocols.errors import ProtocolError

_STATUS, _NUMBER, _MAKER = 0x80, 0x83, 0x8A
_MOST_PROBES: Final = 1000


class _SilenceError(LinkError):
    """Nothing came back, although the question could be sent."""


class TransparentBridge(PlcBridge):
    """One bridge; see the module for its settings. Raises :class:`~hil_drivers.errors.AddressError`."""

    def __init__(
        self, address: str, *, maker: str | None = None, number: str | None = None, timeout_s: float = 2.0
    ) -> None:
        self._carrier = UdpCarrier(EchonetAddress(*meter_behind(address)))
        self.place = self._carrier.place
        self._described = (("manufacturer", maker), ("identification number", number))
        self._timeout_s = timeout_s
        self._controller = Controller()
        self._lock = threading.Lock()

    def identity(self) -> DeviceIdentity:
        """Ask the node behind it; raises :class:`~hil_drivers.errors.IdentityError` for another than described."""
        told = self._ask(_MAKER, _NUMBER)
        found = DeviceIdentity(told[_MAKER].hex().upper(), "node", told[_NUMBER].hex().upper())
        for (name, wanted), shown in zip(self._described, (found.maker, found.serial), strict=True):
            if wanted is not None and not shown.startswith(str(wanted).upper()):
                raise IdentityError(f"{self.place}: {name} {wanted} was described, {shown} answers")
        return found

    def link(self, probes: int = 5) -> LineLink:
        """Ask the node behind it so often for its operation status, whoever it is; garbage is no answer.

        Raises LinkError for what cannot be sent: that our port is taken, say, tells nothing of the line.
        """
        if not 1 <= probes <= _MOST_PROBES:
            raise EnvelopeError(f"{self.place}: {probes} probes are not within 1 to {_MOST_PROBES}")
        taken = []
        for _ in range(probes):
            began = time.monotonic()
            try:
                self._ask(_STATUS)
            except (_SilenceError, AnswerError):
                continue
            taken.append(time.monotonic() - began)
        median = statistics.median(taken) if taken else None
        return LineLink(probes, len(taken), median, max(taken, default=None))

    def safe(self) -> None:
        """Nothing to do: a bridge switches nothing, and one that only forwards cannot be told anything."""

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _ask(self, *epcs: int) -> dict[int, bytes]:
        """Properties of the node profile behind the bridge. The port is given back: the meter's reader needs it too."""
        with self._lock:
            try:
                request = self._controller.get(self.place, NODE_PROFILE, epcs, 0.0)
                self._carrier.send(request.outgoing.data)
                response = self._response(request)
            finally:
                self._carrier.close()
                self._controller.expired(math.inf)
        if response.refused:
            refused = ", ".join(f"{epc:02X}" for epc in response.refused)
            raise RefusedError(f"{self.place}: the node behind the bridge refuses {refused} of its profile")
        return {item.epc: item.edt for item in response.served}

    def _response(self, request: Request) -> Response:
        """The answer to a request; late ones to earlier requests, and notifications, are passed over."""
        deadline = time.monotonic() + self._timeout_s
        while (data := self._carrier.receive(deadline)) is not None:
            try:
                parse(data)
            except ProtocolError as error:
                raise AnswerError(f"{self.place}: {data[:40].hex(' ')} is no ECHONET Lite: {error}") from error
            found = self._controller.receive(data, self.place)
            if isinstance(found, Response) and found.request is request:
                return found
        raise _SilenceError(f"{self.place}: nothing comes back through the bridge within {self._timeout_s:g} s")
