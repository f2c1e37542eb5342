"""The bus of a topology: which broker carries the messages, and how to get in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bench.topology.base import SLUG, Table, WholeNumber
from bench.topology.problems import Fault, reject, shown


class _Bus(Table):
    """What every bus has."""

    broker: str
    root: str = Field(
        default="ami", pattern=SLUG, max_length=32, description="First level of every topic, as in ami/suburb/…"
    )
    window: Annotated[WholeNumber, Field(ge=1, le=1_000_000)] = Field(
        default=8192,
        description="Messages that a shard may have in flight before it waits for the head-end to catch up. "
        "Brokers bound their queues and drop what does not fit: a larger window is faster until messages are lost.",
    )


class EmbeddedBus(_Bus):
    """A broker inside the bench, in a process of its own on loopback; nothing needs to be installed."""

    broker: Literal["embedded"] = Field(description="The broker that comes with the bench.")


class MosquittoBus(_Bus):
    """An Eclipse Mosquitto that the bench starts on loopback and stops after the run."""

    broker: Literal["mosquitto"] = Field(description="A Mosquitto that is installed on this machine.")
    executable: str = Field(default="mosquitto", min_length=1, description="Its command, or the path to it.")


class ExternalBus(_Bus):
    """A broker or cluster that runs already. Passwords never stand in a topology."""

    broker: Literal["external"] = Field(description="A broker that others run.")
    url: str = Field(
        description="mqtt://host:port, or mqtts://host:port for TLS; the ports default to 1883 and 8883.",
        examples=["mqtts://broker.example:8883"],
    )
    user: str | None = Field(default=None, min_length=1, description="User name at the broker.")
    password_env: str | None = Field(
        default=None,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds the password of `user`.",
        examples=["BENCH_BUS_PASSWORD"],
    )
    ca: str | None = Field(
        default=None,
        description="PEM file of the authorities that vouch for the broker (mqtts only), seen from the topology file; "
        "without it those of the system.",
    )
    client_cert: str | None = Field(
        default=None, description="PEM file of the bench's certificate (mqtts only), seen from the topology file."
    )
    client_key: str | None = Field(
        default=None, description="PEM file of the key to `client_cert`, seen from the file."
    )

    @field_validator("url")
    @classmethod
    def _url_is_plain(cls, url: str) -> str:
        right = "give mqtt://host:port or mqtts://host:port"
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("mqtt", "mqtts") and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        if not sound or not url.isprintable() or " " in url:
            reject(Fault((), f"{shown(url)} is not the address of a broker", right))
        if parts.username is not None:
            reject(Fault((), "a user or password in the URL", "use the keys user and password_env"))
        if parts.path.strip("/") or parts.query or parts.fragment:
            reject(Fault((), f"{shown(url)} goes on after the port", right))
        return url

    @field_validator("ca", "client_cert", "client_key")
    @classmethod
    def _file_exists(cls, name: str | None, info: ValidationInfo) -> str | None:
        folder: Path | None = (info.context or {}).get("folder")
        if name is not None and folder is not None and not is_file(folder / name):
            reject(Fault((), f"there is no file {shown(name)}", "give a path as seen from the topology file's folder"))
        return name

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        faults = []
        if self.url.startswith("mqtt:"):
            tls = [key for key in ("ca", "client_cert", "client_key") if getattr(self, key) is not None]
            faults += [Fault((key,), "has a meaning with TLS only", "remove it, or use mqtts://", True) for key in tls]
        for key, partner in (("client_cert", "client_key"), ("client_key", "client_cert"), ("password_env", "user")):
            if getattr(self, key) is not None and getattr(self, partner) is None:
                faults.append(Fault((key,), f"is given without {partner}", f"add {partner}", True))
        if faults:
            reject(*faults)
        return self


def is_file(path: Path) -> bool:
    """Whether there is such a file; not for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


Bus: TypeAlias = Annotated[EmbeddedBus | MosquittoBus | ExternalBus, Field(discriminator="broker")]
