"""Level (b) of the field: statistics of concentrators, fitted from the event engine.

Tables (:mod:`~twins.field.statistics.tables`) hold what a set of *sites* did: how many meters at which depth, what they
lost and why, how long it took. They are fitted by running level (a) on those sites
(:mod:`~twins.field.statistics.fit`), found by kind of mesh and number of meters
(:mod:`~twins.field.statistics.store`), and used by :mod:`twins.field.media.mesh`.
"""
