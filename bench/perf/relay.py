"""The plain relay: how fast the broker carries messages of equal size when nobody ciphers, checks or stores anything.

``python -m bench.perf.relay source|sink PORT MESSAGES TOPICS PAYLOAD`` is one end; :func:`measure_relay` runs both.
"""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec
import numpy as np

from bench.errors import BenchFault
from protocols import mqtt
from protocols.topics import TopicTree
from twins.bus.address import BusAddress
from twins.bus.bulk import BulkLink
from twins.shard.frames import up_topics

_ROOT = "relay"
_AREA = "relay"
_BATCH = 2048
_START = 60.0  # s that the source has to start and to make its messages
_SILENCE = 5.0  # s without a further message after which the sink stops waiting


def measure_relay(port: int, messages: int, topics: int, payload: int) -> dict[str, float]:
    """Relay ``messages`` on ``topics`` topics through the broker at ``port``: messages/s, and how many got lost.

    Raises BenchFault when none arrives.
    """
    command = [sys.executable, "-m", "bench.perf.relay"]
    numbers = [str(n) for n in (port, messages, topics, payload)]
    with subprocess.Popen([*command, "sink", *numbers], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        sink.stdout.readline()  # it has subscribed
        if subprocess.run([*command, "source", *numbers], check=False).returncode:
            sink.kill()
        told = sink.stdout.read()
    result = msgspec.json.decode(told, type=dict[str, float]) if told else {"received": 0.0}
    if not result["received"]:
        raise BenchFault("the plain relay carried no message")
    return {"messages_per_second": result["received"] / result["seconds"], "lost": messages - result["received"]}


def _source(port: int, messages: int, topics: int, payload: int) -> None:
    link = BulkLink(BusAddress(port=port, root=_ROOT), "relay-source")
    index = np.arange(topics, dtype=np.int64)
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (topics, payload), dtype=np.uint8)
    packets = mqtt.publish_batch(up_topics(_ROOT, _AREA, index // 250, index), noise)
    link.open()
    for start in range(0, messages, _BATCH):
        turn = np.arange(start, min(start + _BATCH, messages)) % topics
        link.send(packets[turn].data)
    link.close()


def _sink(port: int, messages: int) -> None:
    link = BulkLink(BusAddress(port=port, root=_ROOT), "relay-sink", TopicTree(_ROOT).up_filter)
    link.open()
    print("ready", flush=True)
    received, first, last = 0, 0.0, time.perf_counter()
    while received < messages and time.perf_counter() - last < (_SILENCE if received else _START):
        for run in link.receive(0.2):
            last = time.perf_counter()
            first = first or last
            received += len(run)
    link.close()
    seconds = max(last - first, 1e-6)  # few messages may all come at once
    print(msgspec.json.encode({"received": float(received), "seconds": seconds}).decode())


if __name__ == "__main__":
    port, messages, topics, payload = map(int, sys.argv[2:])
    if sys.argv[1] == "source":
        _source(port, messages, topics, payload)
    else:
        _sink(port, messages)
