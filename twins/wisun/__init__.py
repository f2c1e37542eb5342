"""Radio sticks on pseudo-terminals, the meters around them, and the air between.

:mod:`~twins.wisun.parameters` (the figures), :mod:`~twins.wisun.station` (a meter's place on the air),
:mod:`~twins.wisun.air_time` (how long a stick may send), :mod:`~twins.wisun.radio` (what one stick asks of the air),
:mod:`~twins.wisun.air` (all sticks and meters), :mod:`~twins.wisun.service` (all of it in time, on pseudo-terminals).
"""
