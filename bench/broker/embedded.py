"""The embedded broker: PyPI ``iotcore`` (rumqttd) as a child process of the run.

Started as ``python -m bench.broker.embedded PORT``. rumqttd bounds what it keeps for a slow subscriber, so the shards
keep to a window; its 20 kB payload limit is raised here.
"""

from __future__ import annotations

import logging
import sys

from iotcore import IotCoreBroker

from twins import lifeline

_MAX_PAYLOAD = 256 * 1024  # a day of one meter's rows takes 1.4 kB; room for firmware blocks and long records
_MAX_CONNECTIONS = 10_000


def main() -> None:
    """Run the broker on loopback until the parent ends or SIGTERM comes."""
    stop = lifeline.hold()
    # rumqttd writes a log record a packet at level ERROR; at 100,000 packets a second that would be the bottleneck.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    IotCoreBroker(
        listen="127.0.0.1", port=int(sys.argv[1]), max_payload_size=_MAX_PAYLOAD, max_connections=_MAX_CONNECTIONS
    ).start()
    stop.wait()


if __name__ == "__main__":
    main()
