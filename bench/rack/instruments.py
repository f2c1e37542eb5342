"""The open instruments of a rack: opened when first needed, identity checked, each told of with its line."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

from bench.rack.inventory import Inventory
from hil_drivers.errors import IdentityError
from hil_drivers.registry import DRIVERS, Instrument, open_instrument
from protocols.errors import MeterBenchError


class Instruments:
    """One owner's instruments; :meth:`opened` may be called from any thread."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._open: dict[str, Instrument] = {}
        self._locks = {name: threading.Lock() for name in inventory.instruments}

    def load_drivers(self) -> None:
        """Import the drivers that will be needed: in an emergency there is no time for it."""
        for instrument in self._inventory.instruments.values():
            import_module(DRIVERS[instrument.driver].factory.partition(":")[0])

    def opened(self, name: str) -> Instrument:
        """The open instrument; raises the driver's errors, and IdentityError when another one answers."""
        with self._locks[name]:
            if name not in self._open:
                instrument = self._connected(name)
                try:
                    self._check(name, instrument)
                except BaseException:
                    instrument.close()
                    raise
                self._open[name] = instrument
            return self._open[name]

    def _connected(self, name: str) -> Instrument:
        described: Any = self._inventory.instruments[name]
        channels = {"channels": described.channels} if DRIVERS[described.driver].channels else {}
        return open_instrument(described.driver, described.address, described.settings | channels)

    def _check(self, name: str, instrument: Instrument) -> None:
        words = self._inventory.instruments[name].identity
        if words is None:  # then it may be one that cannot say
            return
        if words not in (told := str(instrument.identity())):
            where = self._inventory.line("instruments", name, "identity")
            raise IdentityError(f"{where}: {name} should be {words}, and says that it is {told}")

    def close(self) -> None:
        """Let go of all; errors of single ones are of no use any more."""
        for name, instrument in self._open.items():
            with self._locks[name]:
                try:
                    instrument.close()
                except (MeterBenchError, OSError):
                    continue
        self._open.clear()
