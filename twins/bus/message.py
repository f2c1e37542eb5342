"""JSON messages of the bench itself. A bus may carry anything, so whatever arrives is either a message or an error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from protocols.errors import ProtocolError

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


def read(payload: bytes, kind: type[_Kind]) -> _Kind:
    """The message of this kind in a payload; ProtocolError when it is none, whatever the bytes are."""
    try:
        return msgspec.json.decode(payload, type=kind)
    # Besides its own error msgspec lets out what text that is no UTF-8 and bottomless nesting end in.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a {kind.__name__}: {error}") from error
