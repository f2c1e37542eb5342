"""The records of a simulation as numpy types: node, frame, packet, jammer, timer …

State in records instead of one array a field keeps a node's figures together in memory, and compiling short. Times are
whole ns since the simulation's begin; numbers of states and kinds are those of :mod:`twins.field.mesh.codes`.
"""

from __future__ import annotations

import numpy as np

NODE = np.dtype(
    [
        ("state", np.int64),
        ("parent", np.int64),  # next hop towards the root; NOBODY at the root and where there is none
        ("told", np.int64),  # the parent that the root knows of
        ("cost", np.float64),  # of the way to the root, as the node tells it to others
        ("join", np.int64),
        ("packet", np.int64),  # being sent, or NOBODY
        ("to", np.int64),  # where it goes
        ("tries", np.int64),
        ("stage", np.int64),  # how often the window has doubled
        ("refused", np.int64),  # busy channels in a row
        ("blame", np.int64),  # the strongest reason of failed tries
        ("sweep", np.int64),  # channel of a frame that goes to every channel
        ("tuned", np.int64),  # channel it listens or sends on
        ("slots", np.int64),  # left to count
        ("since", np.int64),  # when counting began
        ("expiry", np.int64),  # when counting ends; NOBODY while it is held
        ("free_from", np.int64),  # when the channel became free
        ("token", np.int64),  # a timer with another token is void
        ("loud", np.bool_),  # the channel was busy while listening
        ("crowded", np.bool_),  # it would have been without jammers
        ("hearing", np.int64),  # sender of the frame being received, or NOBODY
        ("settled", np.int64),  # until when its chance is reckoned
        ("chance", np.float64),  # logarithm of the chance that all bits so far are right
        ("calm", np.float64),  # the same without jammers
        ("alone", np.float64),  # the same in noise only
        ("usual", np.float64),  # the same without shades either
        ("deceived_until", np.int64),  # it follows a jammer's frame
        ("answers_until", np.int64),  # an acknowledgement is due or being sent
        ("head", np.int64),  # first and last packet of the queue
        ("tail", np.int64),
        ("queued", np.int64),
        ("cause", np.int64),  # why the last try failed
        ("governed", np.bool_),  # waits for the air-time rule
        ("rested", np.int64),  # end of the pause
        ("air", np.int64),  # ns sent, acknowledgements included
        ("hour", np.int64),  # most that ever counted within the rule's window
        ("sent", np.int64),  # data frames
        ("acked", np.int64),
        ("busy", np.int64),  # channels found busy
        ("forwarded", np.int64),  # packets taken over for others
        ("exchange", np.int64),  # being held with the root, or NOBODY
        ("step", np.int64),
        ("attempts", np.int64),
        ("join_token", np.int64),
        ("via", np.int64),  # best neighbour that offered the network
        ("via_cost", np.float64),
        ("keys", np.bool_),  # it has been authenticated before
        ("session_until", np.int64),  # the root keeps a place for its authentication
        ("since_state", np.int64),  # when it took its join state
        ("joined_at", np.int64),  # when it last became operational; NOBODY before
        ("switches", np.int64),  # changes of parent
    ],
    align=True,
)
"""What a node is and does."""

FRAME = np.dtype(
    [
        ("to", np.int64),
        ("channel", np.int64),
        ("answer", np.bool_),  # an acknowledgement
        ("packet", np.int64),
        ("serial", np.int64),  # which of its frames this is
        ("missed", np.int64),  # why its receiver does not follow it
        ("bit_rate", np.float64),  # bits that must be right, for each ns
    ],
    align=True,
)
"""What is on the air, by sender."""

PACKET = np.dtype(
    [
        ("at", np.int64),
        ("origin", np.int64),
        ("target", np.int64),
        ("kind", np.int64),
        ("rank", np.int64),  # a node sends the lowest rank that it holds first
        ("word", np.int64),  # number of a flooded block, step of an exchange
        ("subject", np.int64),  # the node that an exchange is about
        ("reply", np.int64),  # packet that the target sends when it has this one, or NOBODY
        ("unless", np.int64),  # not sent if that packet has come by then, or NOBODY
        ("air", np.int64),  # ns of a frame that carries it
        ("bits", np.int64),  # that must be right
        ("holder", np.int64),
        ("held", np.int64),  # how many nodes have it in their hands
        ("next", np.int64),  # behind it in a queue
        ("hops", np.int64),
        ("tries", np.int64),
        ("outcome", np.int64),
        ("end", np.int64),  # when it was delivered or lost
        ("lost_at", np.int64),  # the node that lost it
        ("lost_to", np.int64),  # the node it did not reach from there
    ],
    align=True,
)
"""A packet. Those of the traffic come first, in the order of their time; the network's own use the places behind."""

SENT = np.dtype(
    [
        ("sender", np.int64),
        ("begin", np.int64),
        ("end", np.int64),
        ("answer", np.bool_),
        ("kind", np.int64),
    ],
    align=True,
)
"""A frame that was sent."""

JAMMER = np.dtype(
    [
        ("pattern", np.int64),
        ("on", np.bool_),
        ("only", np.int64),  # the one channel it disturbs now; NOBODY: all of its channels
        ("begin", np.int64),
        ("end", np.int64),
        ("burst", np.int64),  # how long it sends at a time (random: mean; deceptive: its frame)
        ("rest", np.int64),  # how long it is still between
        ("level_mw", np.float64),  # what a reactive one must hear
        ("reaction", np.int64),
        ("prey", np.int64),  # whose frame a reactive one answers
        ("air", np.int64),  # ns it has sent
    ],
    align=True,
)
"""A jammer."""

CHANGING = np.dtype(
    [("at", np.int64), ("kind", np.int64), ("node", np.int64), ("other", np.int64), ("factor", np.float64)], align=True
)
"""A change: SHADE multiplies the power of a link (other NOBODY: of all links of the node); POWER is on above 0."""

FLOODED = np.dtype(
    [
        ("packet", np.int64),  # the one that carried it first
        ("at", np.int64),  # when the node had it; NOBODY before
        ("count", np.int64),  # times heard within the interval
        ("left", np.int64),  # intervals to go
        ("interval", np.int64),
        ("begin", np.int64),
        ("due", np.int64),
        ("fired", np.bool_),
    ],
    align=True,
)
"""What a node knows of a flooded block."""

TIMER = np.dtype(
    [
        ("on", np.bool_),
        ("interval", np.int64),
        ("begin", np.int64),
        ("count", np.int64),
        ("token", np.int64),
        ("fired", np.bool_),
    ],
    align=True,
)
"""A Trickle timer of a node."""

PACE = np.dtype([("least", np.int64), ("most", np.int64), ("enough", np.int64)], align=True)
"""How a Trickle timer runs: shortest and longest interval, how many messages of others silence it."""

STEP = np.dtype([("up", np.bool_), ("air", np.int64), ("bits", np.int64)], align=True)
"""A message of an exchange between a node and the root."""

SIZE = np.dtype([("air", np.int64), ("bits", np.int64)], align=True)
"""Of a frame."""

LIMITS = np.dtype(
    [
        ("gather", np.int64),  # how long a node listens for offers before it chooses
        ("boot", np.int64),  # within which time nodes begin after power comes
        ("auth_wait", np.int64),  # until an authentication is begun anew: least and most
        ("auth_most", np.int64),
        ("sessions", np.int64),  # authentications at a time
        ("session", np.int64),  # how long the root keeps a place
        ("dao_wait", np.int64),
        ("dao_tries", np.int64),
        ("give_up", np.int64),  # a join state that lasts longer begins anew
        ("refresh", np.int64),  # of a neighbour's ETX
        ("etx_tries", np.int64),
        ("etx_time", np.int64),
        ("etx_share", np.float64),  # of a new value in the mean
        ("etx_most", np.float64),
        ("etx_first", np.float64),  # of a neighbour that was never tried
        ("link_most", np.float64),
        ("path_most", np.float64),
        ("better", np.float64),  # how much cheaper a new parent must be
        ("weakest_mw", np.float64),
        ("leave_mw", np.float64),
        ("flood_least", np.int64),
        ("flood_most", np.int64),
        ("flood_enough", np.int64),
        ("flood_times", np.int64),
        ("reply", np.int64),  # from a request's coming to its answer
    ],
    align=True,
)
"""Figures of the protocols; see ``data/protocols.toml``."""

CANDIDATE = np.dtype(
    [
        ("who", np.int64),  # NOBODY: a free place
        ("cost", np.float64),  # as it told
        ("etx", np.float64),
        ("measured", np.bool_),
        ("level_mw", np.float64),  # mean of what was heard of it
        ("tried", np.int64),
        ("acked", np.int64),
        ("since", np.int64),  # when its ETX was last reckoned
    ],
    align=True,
)
"""A neighbour that may become the parent."""
