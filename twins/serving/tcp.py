"""A listening socket at an address of a twin."""

from __future__ import annotations

import socket

from twins.echonet.addresses import AddressError

_WAITING = 64  # connections that the system keeps until they are accepted


def listening(address: str, port: int) -> socket.socket:
    """A TCP socket that listens; raises :class:`AddressError` where the address or the port cannot be had.

    It shares its address with connections that are not forgotten yet (``SO_REUSEADDR``), so that a restarted process
    gets its addresses back at once; two who listen at one address are still refused by the system.
    """
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((address, port))
        own.listen(_WAITING)
    except OSError as error:
        own.close()
        raise AddressError(f"{address} port {port} (TCP) cannot be had: {error.strerror}") from None
    return own
