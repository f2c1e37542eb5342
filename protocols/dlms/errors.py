"""What can go wrong in DLMS/COSEM beyond malformed bytes and failed authentication."""

from __future__ import annotations

from protocols.errors import MeterBenchError, ProtocolError


class EncodeError(MeterBenchError):
    """A value that its place in the message cannot carry: our own fault, so no :class:`ProtocolError`."""


class AccessRefusedError(ProtocolError):
    """The peer answered in good order, with a refusal; ``result`` is its DataAccessResult code."""

    def __init__(self, result: int, name: str) -> None:
        super().__init__(f"access refused: {name} ({result})")
        self.result = result
