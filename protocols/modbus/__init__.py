"""Modbus for meters, sans-I/O (facts in ``reference/rack-instruments`` §6).

Registers: :mod:`~protocols.modbus.types` (what a number is made of), :mod:`~protocols.modbus.maps` (register maps, from
``data/``), :mod:`~protocols.modbus.sunspec` (the chain of SunSpec models).

The server's side of Modbus TCP: :mod:`~protocols.modbus.mbap` (frames on a stream), :mod:`~protocols.modbus.server`
(requests and their answers). On a serial line: :mod:`~protocols.modbus.rtu` (frames, and who answers them). The
client's side is a library, pymodbus (``docs/decisions/0008-modbus-server.md``).
"""
