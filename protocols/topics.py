"""The bus's topic tree: one place that knows how topics are spelt.

::

    {root}/{area}/{concentrator}/{meter}/up     meter to head-end, one ciphered APDU a message
    {root}/{area}/{concentrator}/{meter}/down   head-end to meter, one ciphered APDU a message
    {root}/_/marks/{sender}/up|down             in-band marks: what lies before them in the stream has been delivered
    {root}/_/clock                              conductor: the tick that all shards may work up to
    {root}/_/ack/{shard}                        head-end: the last mark of a shard that it has worked off
    {root}/_/tick                               head-end: a tick is complete
    {root}/_/state/{process}                    every process: alive, epoch, how far it is
    {root}/_/rack/{rack}/ask                    clients of a rack's gateway: requests
    {root}/_/rack/{rack}/reply/{client}         the gateway: one reply to each

An area is never called ``_``, so that level tells the bench's own traffic from meters'. Marks travel under the same
filters as readings because a broker keeps the order of one publisher only within one subscription.
The machine-readable description is ``docs/bus.asyncapi.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass

METER_ID_BYTES = 15  # three-letter maker code and twelve digits, the printed form of a DLMS system title
HEAD_END = "head-end"  # the head-end's name as a process, in marks and states
UP = "up"
DOWN = "down"


@dataclass(frozen=True, slots=True)
class TopicTree:
    """All topics under one root; two benches share a broker by having different roots."""

    root: str = "ami"

    @property
    def up_filter(self) -> str:
        """Everything that meters send, and the shards' marks."""
        return f"{self.root}/+/+/+/{UP}"

    @property
    def down_filter(self) -> str:
        """Everything that is sent to meters, and the head-end's marks."""
        return f"{self.root}/+/+/+/{DOWN}"

    @property
    def clock(self) -> str:
        """Ticks of the virtual clock."""
        return f"{self.root}/_/clock"

    @property
    def tick(self) -> str:
        """Ticks that the head-end has completed."""
        return f"{self.root}/_/tick"

    def meter(self, area: str, concentrator: str, meter: str, direction: str) -> str:
        """A meter's own topic."""
        return f"{self.root}/{area}/{concentrator}/{meter}/{direction}"

    def mark(self, sender: str, direction: str) -> str:
        """Where a process puts its in-band marks."""
        return f"{self.root}/_/marks/{sender}/{direction}"

    def ack(self, shard: str) -> str:
        """Acknowledged marks of one shard."""
        return f"{self.root}/_/ack/{shard}"

    def state(self, process: str) -> str:
        """State of one process; ``+`` for all."""
        return f"{self.root}/_/state/{process}"

    def rack_ask(self, rack: str) -> str:
        """Requests to the gateway of a rack."""
        return f"{self.root}/_/rack/{rack}/ask"

    def rack_reply(self, rack: str, client: str) -> str:
        """Replies of the gateway of a rack to one client."""
        return f"{self.root}/_/rack/{rack}/reply/{client}"

    @property
    def own_prefix(self) -> bytes:
        """How every topic of the bench itself begins."""
        return f"{self.root}/_/".encode()
