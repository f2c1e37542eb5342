"""Attenuators, relay boards and outlet strips of the virtual rack, by the names of their drivers in a topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twins.rack.faults import FrontEnd, RackError
from twins.rack.instruments.contacts import Contacts, Heed
from twins.rack.instruments.jfw import Jfw
from twins.rack.instruments.mini_circuits import MiniCircuits, MiniCircuitsHttp, MiniCircuitsTelnet
from twins.rack.instruments.outlet_strip import DIGITAL_LOGGERS, OutletStrip
from twins.rack.instruments.relay_board import RelayBoard
from twins.rack.world.radio import RadioWorld

_CHANNELS: Final = 8
_BOX: Final = ("model", "serial", "channels", "max_db", "matrix")
_JFW: Final = ("model", "channels", "max_db")

Settings = Mapping[str, Any]


def _mini_circuits(name: str, radio: RadioWorld, now: float, settings: Settings, heed: Heed | None) -> MiniCircuits:
    return MiniCircuits(name, radio, now, **{key: settings[key] for key in _BOX if key in settings})


def _jfw(name: str, radio: RadioWorld, now: float, settings: Settings, heed: Heed | None) -> FrontEnd:
    given = {key: settings[key] for key in _JFW if key in settings}
    return Jfw(name, radio, now, **{**given, "max_db": int(given.get("max_db", 127))})


def _relay_board(name: str, radio: RadioWorld, now: float, settings: Settings, heed: Heed | None) -> FrontEnd:
    coils = settings.get("first_coil", 0) + settings.get("channels", _CHANNELS)
    return RelayBoard(name, Contacts(coils, heed=heed), settings.get("unit", 1))


def _outlet_strip(name: str, radio: RadioWorld, now: float, settings: Settings, heed: Heed | None) -> FrontEnd:
    login = (settings["user"], settings.get("password", "")) if "user" in settings else None
    contacts = Contacts(settings.get("channels", _CHANNELS), heed=heed)
    return OutletStrip(name, contacts, settings.get("dialect", DIGITAL_LOGGERS), login)


BOXES: Final[Mapping[str, Callable[[str, RadioWorld, float, Settings, Heed | None], FrontEnd]]] = {
    "mini-circuits-telnet": lambda *given: MiniCircuitsTelnet(_mini_circuits(*given)),
    "mini-circuits-http": lambda *given: MiniCircuitsHttp(_mini_circuits(*given)),
    "jfw": _jfw,
    "relay-modbus": _relay_board,
    "outlets-http": _outlet_strip,
}
"""Builders by driver name."""


def box(
    driver: str,
    name: str,
    radio: RadioWorld,
    now: float,
    settings: Settings | None = None,
    heed: Heed | None = None,
) -> FrontEnd:
    """The front end that a driver with these settings finds its match in.

    ``name`` is what the radio world's paths call an attenuator; ``heed`` is told of contacts that move. Settings that
    concern the driver alone are passed over. Raises :class:`RackError` for a driver there is no box for.
    """
    if driver not in BOXES:
        raise RackError(f"virtual instrument {driver!r}; there are {', '.join(BOXES)}")
    return BOXES[driver](name, radio, now, settings or {}, heed)
