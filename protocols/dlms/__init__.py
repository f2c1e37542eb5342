"""DLMS/COSEM as far as the A-route needs it (IEC 62056; facts in ``reference/meter-protocols`` §3).

From the bottom up: :mod:`~protocols.dlms.axdr` (typed data), :mod:`~protocols.dlms.clock` (date-times),
:mod:`~protocols.dlms.apdu`, :mod:`~protocols.dlms.get`, :mod:`~protocols.dlms.set`, :mod:`~protocols.dlms.action`
(services), :mod:`~protocols.dlms.services` (any of them by its tag), :mod:`~protocols.dlms.blocks` (long values),
:mod:`~protocols.dlms.acse` and :mod:`~protocols.dlms.initiate` (associations), :mod:`~protocols.dlms.security`
(ciphering of one APDU), :mod:`~protocols.dlms.wrapper` (frames of TCP and UDP).

The server: :mod:`~protocols.dlms.objects` and its classes and roles say what there is, :mod:`~protocols.dlms.device`
what a provider hands in, :mod:`~protocols.dlms.server` is one client's session and :mod:`~protocols.dlms.connection`
all of them on one connection. Objects with a behaviour of their own: :mod:`~protocols.dlms.profile_generic`,
:mod:`~protocols.dlms.image`, :mod:`~protocols.dlms.disconnect`, :mod:`~protocols.dlms.limiter`,
:mod:`~protocols.dlms.security_setup`. The other side is :mod:`~protocols.dlms.client`.

The hot path has modules of its own that speak the same bytes for thousands of meters at once:
:mod:`~protocols.dlms.profile` (the 30-minute profile), :mod:`~protocols.dlms.gcm`, :mod:`~protocols.dlms.readings`,
:mod:`~protocols.dlms.keys`, :mod:`~protocols.dlms.replay`.
"""
