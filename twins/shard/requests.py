"""Requests of the head-end as a meter hears them: authentic, fresh, and for a range of its 30-minute rows.

What has been heard is forgotten with the process; a request replayed after that gets rows that the head-end has, under
a new counter.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.dlms.keys import KeyRing
from protocols.dlms.profile import parse_range_request
from protocols.dlms.security import protect_general, unprotect_general
from protocols.errors import ProtocolError
from twins.plan import HEAD_END_TITLE, system_title


class RangeRequest(NamedTuple):
    """Rows stamped ``first`` to ``last`` (Unix s), asked for under the head-end's counter ``heard``."""

    invoke_id: int
    first: int
    last: int
    heard: int


class Requests:
    """Reads requests for meters of a fleet, and ciphers the answers; ``refused`` counts what was no request."""

    def __init__(self, keys: KeyRing, key_epoch: int = 0) -> None:
        self._keys, self._key_epoch = keys, key_epoch
        self._heard: dict[int, int] = {}  # highest counter of the head-end that each meter has heard
        self.refused = 0

    def read(self, index: int, request: bytes) -> RangeRequest | None:
        """The request to the meter with this index; None when it is not authentic, not fresh, or none."""
        keys = self._keys.for_title(system_title(index), self._key_epoch)
        try:
            _, heard, plain = unprotect_general(request, lambda name: keys if name == HEAD_END_TITLE else None)
            if heard <= self._heard.get(index, -1):
                raise ProtocolError("an invocation counter that was heard before")
            self._heard[index] = heard
            return RangeRequest(*parse_range_request(plain), heard)
        except ProtocolError:
            self.refused += 1
            return None

    def protect(self, index: int, answer: bytes, counter: int) -> bytes:
        """An answer of this meter, ciphered under its own invocation counter."""
        title = system_title(index)
        return protect_general(answer, title, counter, *self._keys.for_title(title, self._key_epoch))
