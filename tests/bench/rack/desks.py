"""A desk without its gateway: rules, drivers and a virtual rack on real sockets, all but the bus."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.rack.audit import Audit, read_audit
from bench.rack.desk import Desk
from bench.rack.instruments import Instruments
from bench.rack.inventory import read_inventory
from bench.rack.journal import Journal
from bench.rack.messages import Power, Source
from bench.rack.rig import Rig


class OwnDesk(Desk):
    """A desk with its instruments and what its audit log says."""

    def __init__(self, topology: Path, folder: Path) -> None:
        self.inventory = read_inventory(topology)
        self.folder = folder
        self.instruments = Instruments(self.inventory)
        self.journal, self.audit = Journal(folder / "leases.jsonl"), Audit(folder / "audit.jsonl", time.time)
        super().__init__(self.inventory, self.journal, self.audit, self.instruments.opened, time.time)

    def lines(self, what: str) -> list[dict[str, Any]]:
        return [line for line in read_audit(self.folder / "audit.jsonl") if line["what"] == what]

    def lease(self, place: str = "lv-1") -> str:
        return str(self.acquire("ann", (place,), {}, 1, 600.0)["token"])

    def energise(self, token: str, volts: float = 100.0) -> None:
        """The supply of lv-1 on."""

        def act(rig: Rig) -> None:
            rig.power(Power("lv-1", token, "on"))
            rig.source(Source("lv-1", token, "on", volts=volts))

        self.operate("ann", token, "lv-1", "on", act)

    def health(self, place: str) -> str:
        return str(self.place(place)["health"])


@contextlib.contextmanager
def desk_of(topology: Path, folder: Path) -> Iterator[OwnDesk]:
    """A desk for the block; then everything is safe and let go of."""
    desk = OwnDesk(topology, folder)
    try:
        yield desk
    finally:
        for lease in desk.living():
            desk.end(lease, "end of the test")
        desk.instruments.close()
        desk.journal.close()
        desk.audit.close()
