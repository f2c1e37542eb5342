"""Twins that answer ECHONET Lite: :mod:`protocols.echonet` in front, :mod:`twins.meter` behind.

From the meter outwards: :mod:`~twins.echonet.lv_meter` (values of one meter), :mod:`~twins.echonet.node` (its node),
:mod:`~twins.echonet.notices` (who tells its half-hour when), :mod:`~twins.echonet.addresses` and
:mod:`~twins.echonet.udp` (sockets), :mod:`~twins.echonet.service` (all of it in time).
"""
