"""ECHONET Lite for meters of the B-route, sans-I/O (facts in ``reference/meter-protocols`` §1, §6, §8).

From the bottom up: :mod:`~protocols.echonet.frame` (messages), :mod:`~protocols.echonet.values`,
:mod:`~protocols.echonet.history` and :mod:`~protocols.echonet.lists` (what property data is made of),
:mod:`~protocols.echonet.epc` (data types by name), :mod:`~protocols.echonet.classes` (property tables, from ``data/``),
:mod:`~protocols.echonet.route_b` (rules above the frames).

The meter's side: :mod:`~protocols.echonet.objects`, :mod:`~protocols.echonet.notify`, :mod:`~protocols.echonet.node`.
The home's side: :mod:`~protocols.echonet.controller`, :mod:`~protocols.echonet.quantities`.
Between them and a socket: :mod:`~protocols.echonet.transport`.
"""
