"""What a serving process is told at its start."""

from __future__ import annotations

from typing import Literal

import msgspec

from twins.clock import ClockSpec
from twins.plan import FleetPlan
from twins.shard.spec import DefectPlan

Protocols = Literal["echonet-lite", "wi-sun", "dlms", "modbus-tcp", "optical", "modbus-rtu"]


class ServeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The twins to serve (``meters``, fleet-wide indices, each with an IPv4 loopback address) and how.

    ``memory`` is the folder of what the meters remember, ``terminals`` that of sticks and serial lines; ``sticks`` is
    the number of homes that have one of each of ``dialects``, ``lines`` that of meters with serial lines to them.
    ``notify`` is the host of a controller that gets half-hours as INFC.
    """

    plan: FleetPlan
    clock: ClockSpec
    meters: tuple[int, ...]
    addresses: tuple[str, ...]
    master_key: bytes
    defects: tuple[DefectPlan, ...]
    protocols: tuple[Protocols, ...]
    memory: str
    terminals: str
    echonet_port: int
    dlms_port: int
    modbus_port: int
    dialects: tuple[str, ...]
    sticks: int
    lines: int = 0
    notify: str | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The last line that a serving process says when all is served."""

    pid: int
    twins: int
    clock: ClockSpec
    ready: bool = True


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The only line of one that cannot serve: why, and the exit code that belongs to it."""

    error: str
    exit_code: int
