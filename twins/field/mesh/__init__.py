"""Level (a) of the field: an event engine for the mesh of one concentrator.

From outside: :mod:`~twins.field.mesh.concentrator` (a layout and a :mod:`load <twins.field.mesh.loads>` in, when each
reading came and why others did not out) over :mod:`~twins.field.mesh.simulation` (a network, traffic, conditions), with
the cheapest :mod:`~twins.field.mesh.tree` and :mod:`~twins.field.mesh.disturbances`;
:mod:`~twins.field.mesh.saturation` runs the engine with 802.11 constants.

The core: figures (:mod:`~twins.field.mesh.parameters`, :mod:`~twins.field.mesh.protocols`), numbers of states and kinds
(:mod:`~twins.field.mesh.codes`), the arrays it works on (:mod:`~twins.field.mesh.records`,
:mod:`~twins.field.mesh.state`, :mod:`~twins.field.mesh.shared`), frames on the air (:mod:`~twins.field.mesh.air`),
access to the channel (:mod:`~twins.field.mesh.access`), packets in the hands of nodes
(:mod:`~twins.field.mesh.packets`), multicast (:mod:`~twins.field.mesh.flooding`), Trickle timers
(:mod:`~twins.field.mesh.trickle`), parents (:mod:`~twins.field.mesh.routing`), join states
(:mod:`~twins.field.mesh.joining`), what disturbs (:mod:`~twins.field.mesh.disturbing`), and the loop over events
(:mod:`~twins.field.mesh.engine`). It is Python that numba compiles (:mod:`~twins.field.mesh.compiled`).
"""
