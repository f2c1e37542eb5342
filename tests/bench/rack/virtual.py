"""A small virtual rack on real sockets: source, attenuator, relay board, and the topology that describes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.hil_drivers.bench_wires import Wired, wires
from twins.rack.faults import Fault, FrontEnd
from twins.rack.instruments.catalogue import front_end
from twins.rack.instruments.contacts import Contacts
from twins.rack.instruments.mini_circuits import MiniCircuits, MiniCircuitsTelnet
from twins.rack.instruments.relay_board import RelayBoard
from twins.rack.world.radio import Port, RadioWorld
from twins.rack.world.world import World, WorldSpec

PACE = 0.01
MOST_DB = 95.0

_TOPOLOGY = """\
name: small-rack
clock: {{ mode: wall, start: 2026-01-15T00:00 }}
areas:
  - {{ name: lab, utility: tepco, medium: cellular, concentrators: 1, meters_per_concentrator: 3 }}
rack:
{emulation}  health: {{ interval: {interval} }}
  instruments:
    - {{ id: source-1, driver: {dialect}, address: "{source}", limits: {{ volts_max: 240 }} }}
    - {{ id: attenuator-1, driver: mini-circuits-telnet, address: "{attenuator}", channels: 4 }}
{analyser_described}    - {{ id: relay-1, driver: relay-modbus, address: "{relay}", channels: 8 }}
  places:
    - id: lv-1
      meter: TWN000000000000
      tags: {{ route: wisun, generation: next }}
      wiring:
        source: {{ instrument: source-1 }}
{analyser_wired}        relay: {{ instrument: relay-1, channel: 1 }}
        attenuator: {{ instrument: attenuator-1, channel: 1 }}
    - id: lv-2
      meter: TWN000000000001
      tags: {{ route: wisun, generation: current }}
      limits: {{ volts_per_second: 40 }}
      wiring:
        source: {{ instrument: source-1 }}
        relay: {{ instrument: relay-1, channel: 2 }}
    - id: lv-3
      meter: TWN000000000002
      tags: {{ route: plc }}
      wiring:
        relay: {{ instrument: relay-1, channel: 3 }}
        attenuator: {{ instrument: attenuator-1, channel: 3 }}
"""

_ANALYSER = '    - {{ id: analyser-1, driver: yokogawa-wt, address: "{analyser}" }}\n'
_ANALYSER_TAP = "        analyser: { instrument: analyser-1 }\n"


def eventually(what: Callable[[], bool], patience: float = 10.0) -> float:
    """Wait until something is so; how long it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < patience, "it did not come to that"
        time.sleep(0.01)
    return time.monotonic() - began


@dataclass
class VirtualRack:
    """What the tests look at: the world itself, past all instruments; and the wires, for faults."""

    world: World
    radio: RadioWorld
    contacts: Contacts
    dialect: str
    wired: dict[str, Wired] = field(default_factory=dict)

    def describe(self, folder: Path, interval: float = 0.0, *, emulated: bool = False, **addresses: str) -> Path:
        """The topology of this rack as a file; ``interval`` is that of health rounds.

        ``emulated`` says so of it, although no emulation of the bench runs.
        """
        known = {name: wired.address for name, wired in self.wired.items()}
        for name in {"source", "analyser"} & known.keys():
            known[name] = f"TCPIP::127.0.0.1::{known[name].rpartition(':')[2]}::SOCKET"
        described = _ANALYSER.format(**known) if "analyser" in known else ""
        parts = {
            "analyser_described": described,
            "analyser_wired": _ANALYSER_TAP if described else "",
            "emulation": "  emulation: {}\n" if emulated else "",
        }
        path = folder / "rack.yaml"
        path.write_text(
            _TOPOLOGY.format(interval=interval, dialect=self.dialect, **parts, **known | addresses), encoding="utf-8"
        )
        return path

    def volts(self) -> float:
        def look() -> float:
            self.world.advance(time.time())
            return abs(self.world.state.phases[0].volts)

        return self.wired["source"].call(look)

    def db(self, channel: int) -> float:
        port = Port("attenuator-1", channel)
        return self.wired["attenuator"].call(lambda: round(self.radio.attenuation(port, time.time()), 0))

    def closed(self, channel: int) -> bool:
        return self.wired["relay"].call(lambda: self.contacts.closed(channel - 1, time.time()))

    def lose_network(self, how: str) -> None:
        """All instruments at once: their sockets are cut and nobody listens any more, or nothing is answered."""
        for wired in self.wired.values():
            if how == "sockets":
                wired.close()
            else:
                wired.inject(Fault.SILENCE, times=None)

    def regain_network(self, how: str) -> None:
        """All is as it was."""
        for wired in self.wired.values():
            if how == "sockets":
                wired.open()
            else:
                wired.clear(Fault.SILENCE)

    def is_safe(self) -> bool:
        """Nothing is energised, nothing radiates."""
        quiet = all(abs(self.db(channel) - MOST_DB) <= 2 for channel in (1, 3))
        return self.volts() < 1.0 and quiet and not any(self.closed(channel) for channel in (1, 2, 3))


@contextlib.contextmanager
def virtual_rack(dialect: str = "kikusui-pcr", *, analyser: bool = False) -> Iterator[VirtualRack]:
    """The rack, on free ports of loopback."""
    now = time.time()
    rack = VirtualRack(World(WorldSpec(), now), RadioWorld([]), Contacts(8), dialect)
    box = MiniCircuits("attenuator-1", rack.radio, now, model="RC4DAT-6G-95")
    front_ends: dict[str, FrontEnd] = {
        "source": front_end(dialect, rack.world, PACE),
        "attenuator": MiniCircuitsTelnet(box),
        "relay": RelayBoard("relay-1", rack.contacts),
    }
    if analyser:
        front_ends["analyser"] = front_end("yokogawa-wt", rack.world, PACE)
    with wires() as put:
        rack.wired = {name: put(each) for name, each in front_ends.items()}
        yield rack
