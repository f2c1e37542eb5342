"""Twins that answer ECHONET Lite: :mod:`protocols.echonet` in front, :mod:`twins.meter` behind.

From the meter outwards: :mod:`~twins.echonet.registers` and :mod:`~twins.echonet.meter_object` (what all meters tell),
:mod:`~twins.echonet.lv_meter`, :mod:`~twins.echonet.hv_meter` with :mod:`~twins.echonet.demand`, and
:mod:`~twins.echonet.volume_meter` (the classes), :mod:`~twins.echonet.kinds` (which of them a twin shows),
:mod:`~twins.echonet.node` (its node),
:mod:`~twins.echonet.notices` (who tells its half-hour when), :mod:`~twins.echonet.addresses` and
:mod:`~twins.echonet.udp` (sockets), :mod:`~twins.echonet.service` (all of it in time).
"""
