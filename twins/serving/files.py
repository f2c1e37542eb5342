"""Open files: every served socket is one, and systems allow a process 1,024 unless it asks for more."""

from __future__ import annotations

import resource

import psutil

from twins.echonet.addresses import AddressError

_SPARE = 64  # for journals, pipes and whatever else the process opens


def make_room(least: int, wanted: int = 0) -> None:
    """Let this process open ``least`` files more, and ``wanted`` if the system allows so many.

    Raises :class:`AddressError` where it does not even allow the least.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = psutil.Process().num_fds() + _SPARE + least
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise AddressError(f"{needed:,} open files are needed and this system allows {hard:,}: serve fewer twins")
    limit = needed + max(0, wanted - least)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
