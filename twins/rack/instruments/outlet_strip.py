"""Switched outlets over HTTP, in two dialects.

* ``digital-loggers``: ``PUT /restapi/relay/outlets/<n>/state/`` with ``value=true`` and the header ``X-CSRF``, answered
  with 204; ``GET …/state/`` is what was asked, ``GET …/physical_state/`` what is; basic authentication. The path of
  ``state`` is in public drivers (``rack-instruments`` §4), the rest is from memory: not verified.
* ``shelly-gen2``: ``GET /rpc/Switch.Set?id=<n>&on=true``, ``/rpc/Switch.GetStatus?id=<n>`` → ``output``,
  ``/rpc/Shelly.GetDeviceInfo``; ``/rpc`` and Switch.Set as in §4, the rest from memory: not verified.

Outlets count from 0 on the wire. An outlet follows its command after its operating time; with ``pending-outlet`` never.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from twins.rack.faults import Conversation, Fault, RackError
from twins.rack.instruments.contacts import Contacts
from twins.rack.instruments.relay_board import set_stuck
from twins.rack.instruments.texts import Http

DIGITAL_LOGGERS, SHELLY = "digital-loggers", "shelly-gen2"
FAULTS = frozenset({Fault.STUCK_RELAY, Fault.WRONG_IDENTITY, Fault.ERROR_TEXT, Fault.PENDING_OUTLET})
"""What it can have."""

_OUTLET = re.compile(r"/restapi/relay/outlets/(\d+)/(state|physical_state)/")
_NOT_FOUND = 404, "Not Found"
_BOOLEANS = {"true": True, "false": False}


class OutletStrip:
    """Serves ``contacts`` in one dialect; ``login`` is ``(user, password)`` where one is asked for.

    Raises :class:`RackError` for a dialect that there is not.
    """

    def __init__(
        self, name: str, contacts: Contacts, dialect: str = DIGITAL_LOGGERS, login: tuple[str, str] | None = None
    ) -> None:
        if dialect not in _PAGES:
            raise RackError(f"{name}: there is no outlet dialect {dialect}; take one of {', '.join(_PAGES)}")
        self.contacts = contacts
        self.faults: set[Fault] = set()
        self._name, self._dialect, self._operating_s = name, dialect, contacts.operating_s
        self._login = None if login is None else base64.b64encode(":".join(login).encode()).decode()

    def connect(self, now: float) -> Conversation:
        """A client has connected."""
        return Http(self._page)

    def afflict(self, fault: Fault, present: bool, now: float) -> None:
        """Begin or end a fault; raises :class:`RackError` for one it cannot have."""
        if fault not in FAULTS:
            raise RackError(f"{self._name}: an outlet strip cannot have the fault {fault}")
        (self.faults.add if present else self.faults.discard)(fault)
        if fault is Fault.STUCK_RELAY:
            set_stuck(self.contacts, present, now)
        elif fault is Fault.PENDING_OUTLET:
            self.contacts.operating_s = math.inf if present else self._operating_s

    def _page(self, method: str, target: str, body: str, headers: dict[str, str], now: float) -> tuple[int, str]:
        if self._login is not None and headers.get("authorization") != f"Basic {self._login}":
            return 401, "Unauthorized"
        if Fault.ERROR_TEXT in self.faults:
            return 200, "Error: the outlet controller does not respond"
        return _PAGES[self._dialect](self, method, target, body, headers, now)

    def _digital_loggers(
        self, method: str, target: str, body: str, headers: dict[str, str], now: float
    ) -> tuple[int, str]:
        if target == "/restapi/config/=hostname/":
            return 200, json.dumps("input-strip" if Fault.WRONG_IDENTITY in self.faults else "outlet-strip")
        found = _OUTLET.fullmatch(target)
        if found is None or int(found[1]) >= self.contacts.count:
            return _NOT_FOUND
        number = int(found[1])
        if method == "GET":
            state = self.contacts.asked(number) if found[2] == "state" else self.contacts.closed(number, now)
            return 200, json.dumps(state)
        wanted = _BOOLEANS.get(body.removeprefix("value="))
        if method != "PUT" or found[2] != "state" or wanted is None:
            return 400, "Bad Request"
        if "x-csrf" not in headers:
            return 403, "Forbidden"
        self.contacts.ask(number, wanted, now)
        return 204, ""

    def _shelly(self, method: str, target: str, body: str, headers: dict[str, str], now: float) -> tuple[int, str]:
        parts = urlsplit(target)
        given = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/rpc/Shelly.GetDeviceInfo":
            app = "Input4" if Fault.WRONG_IDENTITY in self.faults else "Pro4PM"
            return 200, json.dumps({"id": "outlet-strip", "gen": 2, "app": app, "ver": "1.0.0"})
        number, wanted = given.get("id", ""), _BOOLEANS.get(given.get("on", ""))
        if not number.isdecimal() or int(number) >= self.contacts.count:
            return _NOT_FOUND
        if parts.path == "/rpc/Switch.GetStatus":
            return 200, json.dumps({"id": int(number), "output": self.contacts.closed(int(number), now)})
        if parts.path == "/rpc/Switch.Set" and wanted is not None:
            was_on = self.contacts.closed(int(number), now)
            self.contacts.ask(int(number), wanted, now)
            return 200, json.dumps({"was_on": was_on})
        return _NOT_FOUND


_Page = Callable[[OutletStrip, str, str, str, dict[str, str], float], tuple[int, str]]
_PAGES: dict[str, _Page] = {DIGITAL_LOGGERS: OutletStrip._digital_loggers, SHELLY: OutletStrip._shelly}
