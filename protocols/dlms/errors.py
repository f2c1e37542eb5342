"""What can go wrong in DLMS/COSEM beyond malformed bytes and failed authentication."""

from __future__ import annotations

from protocols.errors import MeterBenchError, ProtocolError, SecurityError


class EncodeError(MeterBenchError):
    """A value that its place in the message cannot carry: our own fault, so no :class:`ProtocolError`."""


class AccessRefusedError(ProtocolError):
    """The peer answered in good order, with a refusal; ``result`` is its DataAccessResult code."""

    def __init__(self, result: int, name: str) -> None:
        super().__init__(f"access refused: {name} ({result})")
        self.result = result


class RefusalError(MeterBenchError):
    """We refuse a request in good order: raised by an object, answered by the server with ``result``."""

    def __init__(self, result: int, why: str) -> None:
        super().__init__(f"refused with {result}: {why}")
        self.result = result


class StaleCounterError(SecurityError):
    """A genuine message with an invocation counter that was used before; ``expected`` is the lowest fresh one."""

    def __init__(self, counter: int, expected: int) -> None:
        super().__init__(f"invocation counter {counter}, at least {expected} is fresh")
        self.expected = expected


class AssociationRefusedError(ProtocolError):
    """The server did not let us in; ``diagnostic`` is its ACSE code."""

    def __init__(self, diagnostic: int, why: str) -> None:
        super().__init__(f"association refused: {why} ({diagnostic})")
        self.diagnostic = diagnostic


class ExceptionReceivedError(ProtocolError):
    """The server answered with an exception-response: its two codes, and the counter it expects where it says so."""

    def __init__(self, state: int, service: int, counter: int | None) -> None:
        super().__init__(f"exception-response {state}/{service}, expected counter {counter}")
        self.state = state
        self.service = service
        self.counter = counter
