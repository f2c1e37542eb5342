"""Media behind one interface (requirement A1): what carries messages can be replaced, and nobody above notices.

A medium (:mod:`~twins.field.media.base`) answers for the meters of one area: the mesh by level (b)
(:mod:`~twins.field.media.mesh`), 1:N (:mod:`~twins.field.media.cellular`), power line (:mod:`~twins.field.media.plc`),
or nothing but a wire (:mod:`~twins.field.media.direct`). Links behind concentrators are
:mod:`~twins.field.media.wide_area`. Their figures are data (``data/media.toml``).
"""
