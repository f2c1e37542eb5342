"""What every table of figures in a data file has: where the figures are from, and whether that really gives them."""

from __future__ import annotations

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any table of figures; a subclass adds the figures. Names that it does not know are refused."""

    source: str
    verified: bool
