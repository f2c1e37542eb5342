"""The meter's own side of the B-route: who may join, who is answered, and how often.

:mod:`~twins.route_b.limits` (the figures), :mod:`~twins.route_b.pace` (too frequent requests),
:mod:`~twins.route_b.sessions` (PANA with each controller), :mod:`~twins.route_b.meter` (all of it for one meter).
"""
