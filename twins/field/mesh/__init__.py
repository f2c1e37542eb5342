"""Level (a) of the field: an event engine for the mesh of one concentrator.

From outside: :mod:`~twins.field.mesh.simulation` (a network, traffic, what became of it) over the routing tree
(:mod:`~twins.field.mesh.tree`); :mod:`~twins.field.mesh.saturation` runs the engine with 802.11 constants.

The core: figures (:mod:`~twins.field.mesh.parameters`), the arrays it works on (:mod:`~twins.field.mesh.state`), frames
on the air (:mod:`~twins.field.mesh.air`), access to the channel (:mod:`~twins.field.mesh.access`), packets on their way
(:mod:`~twins.field.mesh.engine`). It is Python that numba compiles (:mod:`~twins.field.mesh.compiled`).
"""
