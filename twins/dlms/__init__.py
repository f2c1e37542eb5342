"""A twin over DLMS/COSEM: its objects out of view and memory, its security, and the service on TCP.

``logical_device`` puts the device together out of ``instruments`` (what it measures), ``records`` (its profiles),
``control`` (what can be done to it), ``push`` and ``security``; ``service`` is the thin edge. Which objects there are
is told in ``docs/dlms-server.md``.
"""
