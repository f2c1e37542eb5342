"""All fuzz targets. A further protocol is a module with ``TARGETS`` in this package and its name in :data:`GROUPS`."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

GROUPS = ("echonet", "wisun", "pana", "dlms", "dlms_servers", "hdlc", "modbus", "bus", "bench", "twins", "twin_dlms")


def targets_of(group: str) -> dict[str, Target]:
    """The targets of one group by name; imports what they test."""
    return {target.name: target for target in import_module(f"{__name__}.{group}").TARGETS}


def all_targets() -> dict[str, tuple[str, Target]]:
    """Name to group and target."""
    return {name: (group, target) for group in GROUPS for name, target in targets_of(group).items()}
