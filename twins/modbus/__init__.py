"""Twins that answer Modbus TCP: :mod:`protocols.modbus` in front, :mod:`twins.meter` behind.

:mod:`~twins.modbus.values` says what the points of the maps are in terms of a meter, :mod:`~twins.modbus.units` which
unit id has which maps, :mod:`~twins.modbus.tcp` serves the clients of one twin, :mod:`~twins.modbus.service` all twins.
"""
