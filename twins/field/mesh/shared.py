"""The world as the core hands it around: one object behind one pointer.

A named tuple of many arrays is taken apart and counted at every call of a compiled function; a structure behind a
pointer is not. It is made inside the compiled code and never seen outside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba.core import types
from numba.experimental import structref

from twins.field.mesh.compiled import compiled
from twins.field.mesh.state import World


class Figures(NamedTuple):
    """The ether's plain numbers; see :class:`twins.field.mesh.state.Ether`."""

    noise_mw: float
    ratio: float
    neighbour: float
    dwell: int
    interval: int
    together: int
    channels: int
    fading_db: float
    fading_time: int
    fading_key: int


@structref.register
class _SharedType(types.StructRef):
    """Type of :class:`Shared` in compiled code."""

    def preprocess_fields(self, fields: Any) -> Any:
        """Numbers are of their type, not of their value."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


_FIELDS = (
    "ether",
    "law",
    "mac",
    "living",
    "disturbed",
    "usual_mw",
    "channel",
    "offset",
    "common",
    *(name for name in World._fields if name not in ("ether", "law", "mac")),
)


class Shared:
    """A world's fields, with the ether's arrays beside them; ``living`` and ``disturbed``: protocols or jammers act."""

    def __getattr__(self, name: str) -> Any:
        """Only compiled code makes one."""
        raise AttributeError(name)


structref.define_constructor(Shared, _SharedType, _FIELDS)  # type: ignore[no-untyped-call]
structref.define_attributes(_SharedType)  # type: ignore[no-untyped-call]


@compiled
def share(world: World) -> Shared:
    """The world behind a pointer; its arrays stay the same."""
    e = world.ether
    figures = Figures(
        e.noise_mw,
        e.ratio,
        e.neighbour,
        e.dwell,
        e.interval,
        e.together,
        e.channels,
        e.fading_db,
        e.fading_time,
        e.fading_key,
    )
    return Shared(  # type: ignore[call-arg]
        figures,
        world.law,
        world.mac,
        world.protocols.living,
        len(world.jammers.state) > 0,
        e.gain_mw,
        e.channel,
        e.offset,
        e.common,
        world.gain_mw,
        world.near,
        world.first,
        world.nodes,
        world.frames,
        world.packets,
        world.log,
        world.active,
        world.ears,
        world.counts,
        world.bins,
        world.newest,
        world.ack_bits,
        world.jammers,
        world.changes,
        world.floods,
        world.protocols,
        world.timers,
        world.candidates,
        world.normal,
    )
