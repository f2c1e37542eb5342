"""Switched outlets over HTTP.

::

    - id: outlets-1
      driver: outlets-http
      address: 192.168.10.41       # port 80, or host:port
      channels: 8
      settings:
        dialect: digital-loggers   # or shelly-gen2
        user: admin                # optional; HTTP, so what is sent can be read on the way
        password: secret
        model: outlet-strip        # optional: host name (digital-loggers) or app (shelly-gen2); another one is refused
        settle_s: 2.0              # an outlet that has not followed by then is pending or stuck
        timeout_s: 1.0

Sources: ``rack-instruments`` §4 names both interfaces; of digital-loggers only the path and body of ``state`` were
read in public drivers, ``physical_state``, ``config`` and all of shelly-gen2's answers are from memory: not verified. A
strip answers before the outlet has switched, so it is asked until it has. Channel 1 is outlet 0 on the wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hil_drivers.addresses import host_and_port
from hil_drivers.errors import AddressError, AnswerError, InstrumentError
from hil_drivers.guard import DeviceIdentity, Guard, all_of, expect
from hil_drivers.relay import RelayCapabilities, check_channel, followed, word
from hil_drivers.web import Request, WebLink

PORT: Final = 80

_FORM: Final = (("Content-Type", "application/x-www-form-urlencoded"), ("X-CSRF", "x"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """Requests of one maker, and where their answers have what is asked for (None: the answer itself)."""

    maker: str
    who: Request
    model_at: str | None
    switch: Callable[[int, bool], Request]
    state: Callable[[int], Request]
    state_at: str | None


def _loggers_switch(outlet: int, on: bool) -> Request:
    return Request(f"/restapi/relay/outlets/{outlet}/state/", "PUT", f"value={json.dumps(on)}", _FORM)


DIALECTS: Final[Mapping[str, Dialect]] = {
    "digital-loggers": Dialect(
        maker="Digital Loggers",
        who=Request("/restapi/config/=hostname/"),
        model_at=None,
        switch=_loggers_switch,
        state=lambda outlet: Request(f"/restapi/relay/outlets/{outlet}/physical_state/"),
        state_at=None,
    ),
    "shelly-gen2": Dialect(
        maker="Shelly",
        who=Request("/rpc/Shelly.GetDeviceInfo"),
        model_at="app",
        switch=lambda outlet, on: Request(f"/rpc/Switch.Set?id={outlet}&on={json.dumps(on)}"),
        state=lambda outlet: Request(f"/rpc/Switch.GetStatus?id={outlet}"),
        state_at="output",
    ),
}
"""The interfaces by name."""


class Outlets:
    """One strip; see the module for its settings."""

    def __init__(
        self,
        address: str,
        *,
        dialect: str = "digital-loggers",
        channels: int = 8,
        user: str | None = None,
        password: str = "",
        model: str | None = None,
        settle_s: float = 2.0,
        timeout_s: float = 1.0,
    ) -> None:
        host, port = host_and_port(address, PORT)
        if dialect not in DIALECTS:
            raise AddressError(f"{address}: no dialect {dialect}; there are {', '.join(DIALECTS)}")
        self.place = f"{host}:{port}"
        self.capabilities = RelayCapabilities(channels, settle_s)
        self._dialect, self._model = DIALECTS[dialect], model
        self._link = WebLink(host, port, timeout_s, None if user is None else (user, password))
        self._guard = Guard(self.identity, self.close)
        self._guard.meet()

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.capabilities.channels

    def identity(self) -> DeviceIdentity:
        """Ask it; raises :class:`~hil_drivers.errors.IdentityError` for another one than described."""
        with self._guard.turn():
            model = self._value(self._dialect.who, self._dialect.model_at, str)
            return expect(self.place, DeviceIdentity(self._dialect.maker, model), self._model)

    def set(self, channel: int, closed: bool) -> None:
        """Switch an outlet, and look until it has followed."""
        self._switch(channel, closed)
        if not followed(lambda: self.get(channel) is closed, self.capabilities.settle_s):
            raise InstrumentError(
                f"{self.place} channel {channel}: switched {word(closed)}, and is {word(not closed)} "
                f"after {self.capabilities.settle_s:g} s: pending or stuck"
            )

    def get(self, channel: int) -> bool:
        """Whether an outlet is on."""
        check_channel(self.place, channel, self.channels)
        with self._guard.turn():
            return bool(self._value(self._dialect.state(channel - 1), self._dialect.state_at, bool))

    def safe(self) -> None:
        """All outlets off: all are told first, then looked at."""
        every = range(1, self.channels + 1)
        all_of([lambda channel=channel: self._switch(channel, False) for channel in every])  # type: ignore[misc]
        stays: list[int] = []

        def all_off() -> bool:
            stays[:] = [channel for channel in every if self.get(channel)]
            return not stays

        if not followed(all_off, self.capabilities.settle_s):
            raise InstrumentError(f"{self.place}: channels {', '.join(map(str, stays))} stay on: pending or stuck")

    def close(self) -> None:
        """Every request has a connection of its own: nothing to hang up."""

    def _switch(self, channel: int, closed: bool) -> None:
        check_channel(self.place, channel, self.channels)
        with self._guard.turn():
            text = self._link.ask(self._dialect.switch(channel - 1, closed))
            if text:  # who answers a switching says JSON, or nothing
                self._json(text)

    def _value(self, request: Request, at: str | None, kind: type[Any]) -> Any:
        answer = self._json(self._link.ask(request))
        if at is not None:
            answer = answer.get(at) if isinstance(answer, dict) else None
        if not isinstance(answer, kind):
            raise AnswerError(f"{self.place}: {request.target} is answered with {answer!r}")
        return answer

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise AnswerError(f"{self.place}: {text[:80]!r} is no JSON") from error
