"""The root of the one error hierarchy, and the errors of the wire.

Every error that the bench raises on purpose is a :class:`MeterBenchError`. Its ``exit_code`` is what the command line
ends with when nobody handles it: 2 bad input, 3 the bench's own fault, 4 lease denied (0 and 1 are verdicts).
"""

from __future__ import annotations


class MeterBenchError(Exception):
    """Anything the bench raises on purpose; by default the bench's own fault."""

    exit_code = 3


class ProtocolError(MeterBenchError):
    """Bytes that break the rules of their protocol: the sender's fault, never ours."""


class SecurityError(ProtocolError):
    """A message whose tag, counter or sender does not hold."""
