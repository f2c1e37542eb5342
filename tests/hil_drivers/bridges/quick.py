"""A bridge over a line that loses nothing and takes a thousandth of the time, with a twin behind it."""

from __future__ import annotations

import msgspec

from tests.twins.echonet.twin import NOW
from twins.echonet.node import TwinNode
from twins.field.media.parameters import media
from twins.rack.instruments.plc_bridge import PlcBridge
from twins.rack.world.power_line import PowerLine


def quick_bridge(node: TwinNode, margin_db: float = 40.0) -> PlcBridge:
    """The bridge; the twin lives at an instant of its own, the line in the wire's time."""
    table = msgspec.structs.replace(media().plc, cycle=media().plc.cycle / 1000)
    bridge = PlcBridge("plc-1", PowerLine("plc-1", margin_db=margin_db, table=table))
    bridge.meter = lambda data, now: [item.data for item in node.receive(data, "elsewhere", NOW)]
    return bridge
