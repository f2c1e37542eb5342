"""Where the bus is and how to get in."""

from __future__ import annotations

import os
import ssl

import msgspec

from protocols.errors import MeterBenchError


class BusError(MeterBenchError):
    """The bus cannot be reached, or was lost."""


class BusAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's address. The password itself is never written down, only the environment variable that holds it."""

    host: str = "127.0.0.1"
    port: int
    user: str | None = None
    password_env: str | None = None
    tls: bool = False
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    root: str = "ami"

    @property
    def password(self) -> str | None:
        """The password out of the environment; BusError when the variable is named but not set."""
        if self.password_env is None:
            return None
        try:
            return os.environ[self.password_env]
        except KeyError:
            raise BusError(f"the bus password is expected in the environment variable {self.password_env}") from None

    def tls_context(self) -> ssl.SSLContext | None:
        """The TLS context for this broker, or None for a plain connection. BusError when a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except (OSError, ssl.SSLError) as error:
            raise BusError(f"TLS files of the bus cannot be used: {error}") from error
        return context

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
