"""Where a served meter can be spoken to, and the service that answers there."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One meter on one protocol: all that a client from outside needs.

    Either ``address`` (and ``ipv6`` where there is one too) with ``port``, or the ``path`` of a terminal. ``ids`` are
    names and credentials that a client gives, ``keys`` secrets in hex, ``about`` what else is good to know.
    """

    meter: str
    protocol: str
    address: str | None = None
    ipv6: str | None = None
    port: int | None = None
    path: str | None = None
    ids: dict[str, str] = {}
    keys: dict[str, str] = {}
    about: dict[str, str] = {}

    def to_json(self) -> bytes:
        """One line: the fields that hold something, what is in ``about`` among them."""
        fields = msgspec.to_builtins(self)
        about = fields.pop("about")
        return msgspec.json.encode({name: value for name, value in (fields | about).items() if value})

    @property
    def place(self) -> str:
        """The address as people write it."""
        if self.path is not None:
            return self.path
        return f"{self.address}:{self.port}" + (f" and [{self.ipv6}]:{self.port}" if self.ipv6 else "")


class Service(Protocol):
    """The twins on one protocol."""

    def open(self) -> None:
        """Take the endpoints; raises :class:`protocols.errors.MeterBenchError` for one that cannot be had."""

    def endpoints(self) -> list[Endpoint]:
        """What was opened, meter by meter."""

    async def run(self) -> None:
        """Serve until cancelled."""

    def close(self) -> None:
        """Let go of the endpoints."""
