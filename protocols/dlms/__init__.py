"""DLMS/COSEM as far as the A-route needs it (IEC 62056; facts in ``reference/meter-protocols`` §3).

From the bottom up: :mod:`~protocols.dlms.axdr` (typed data), :mod:`~protocols.dlms.clock` (date-times),
:mod:`~protocols.dlms.apdu` (services), :mod:`~protocols.dlms.profile` (the 30-minute profile),
:mod:`~protocols.dlms.security` (ciphering of one APDU). The hot path has modules of its own that speak the same
bytes for thousands of meters at once: :mod:`~protocols.dlms.gcm`, :mod:`~protocols.dlms.readings`,
:mod:`~protocols.dlms.keys`, :mod:`~protocols.dlms.replay`.
"""
