"""Numbers that the core and its surroundings agree on: outcomes, traffic classes, states of nodes, kinds of packets."""

from __future__ import annotations

NOBODY = -1

# Targets that are no node: all neighbours in the broadcast dwell; all neighbours on every channel in turn.
EVERYBODY, EVERYWHERE = -2, -3

# What a node does.
IDLE, WAITING, LISTENING, TURNING, SENDING, AWAITING = range(6)

# What became of a packet. WEAK to NO_POWER are also what became of one try, and rise in what they tell: a packet whose
# tries failed for several reasons is put down to the highest, because without that it would have come through.
(
    DELIVERED,
    UNDER_WAY,
    NO_ROUTE,
    NOT_JOINED,
    WEAK,
    DEAF,
    COLLISION,
    SHADED,
    JAMMED,
    NO_POWER,
    ACCESS,
    QUEUE,
    AIR_TIME,
    CIRCLE,
    SPARED,
) = range(15)

OUTCOMES = (
    "delivered",
    "under way",
    "no route",
    "not joined",
    "signal too weak",
    "receiver busy with another frame",
    "collision",
    "link shaded",
    "jammed",
    "without power",
    "channel never free",
    "queue full",
    "air time used up",
    "went in a circle",
    "not needed",
)
"""Names of the outcomes, in the order of their numbers."""

CAUSES = OUTCOMES
"""Why a reading is missing: every one that did not come has exactly one of these; 0 for those that came."""

# Classes of traffic.
READING, REQUEST, ANSWER, POLL, FIVE_MINUTE, CONTROL, FIRMWARE, JOIN, ROUTING = range(9)

CLASSES = (
    "reading",
    "request",
    "answer",
    "poll",
    "five-minute",
    "control",
    "firmware",
    "join",
    "routing",
)
"""Names of the traffic classes, in the order of their numbers."""

RANKS = (2, 1, 1, 1, 3, 0, 4, 0, 0)
"""By class: of what a node holds it sends the lowest rank first, and of one rank the oldest.

Our own choice: orders and the network's own messages before questions and their answers, these before what comes by
itself, and bulk last. FAN 1.0 knows no priorities.
"""

# Kinds of packets: DATA goes from node to node; BLOCK is the root's wish to flood; the others are the network's own.
DATA, BLOCK, FLOOD, PAS, PA, PCS, PC, DIS, DIO, EXCHANGE, PROBE = range(11)
KINDS = 11

# Join states of the FAN, and no power before them.
OFF, SELECTING, AUTHENTICATING, CONFIGURING, ROUTES, OPERATIONAL = range(6)

JOIN_STATES = ("off", "select PAN", "authenticate", "acquire PAN configuration", "configure routing", "operational")
"""Names of the join states, in the order of their numbers."""

# Kinds of events; of those at one time, ends of frames come first and begins last.
(
    END,
    GIVE_UP,
    ANSWERING,
    LISTEN,
    LISTENED,
    BEGIN,
    CAME,
    TRICKLE,
    FLOODING,
    JOINING,
    REFRESH,
    JAM,
    CHANGE,
    SEND,
) = range(14)

# Places in World.counts.
ON_AIR, LOGGED, EARS, ARRIVALS, TRAFFIC, POOL, UNSENT, ON_JAM, ACKS, SPENT = range(10)
"""``ACKS``: ns of acknowledgements; from ``SPENT`` on: ns of frames by kind of packet."""

# Patterns of a jammer.
PATTERNS = ("constant", "random", "reactive", "deceptive")
CONSTANT, RANDOM, REACTIVE, DECEPTIVE = range(4)

# What changes at a moment: a link's loss, or a node's power.
SHADE, POWER = range(2)
