"""Which meters there are and how to reach them: what ``bench serve`` writes while it runs, a file like it, or a URL.

A file has one endpoint a line, as ``bench serve --json`` prints them, and may end with a line ``{"ready": true, "pid":
N, …}``. Endpoints hold keys, so a file of ours is for its owner alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
import psutil

from bench.errors import InputError
from bench.serving.watch import endpoint_of
from twins.serving.endpoint import Endpoint

ENDPOINTS: Final = Path("results/.serving/endpoints.jsonl")
"""What ``bench serve`` writes, from the working directory."""

PROTOCOLS: Final[Mapping[str, str]] = {
    "dlms": "dlms",
    "echonet": "echonet",
    "echonet-lite": "echonet",
    "wi-sun": "wi-sun",
    "wisun": "wi-sun",
    "modbus": "modbus",
    "modbus-tcp": "modbus",
    "modbus-rtu": "modbus-rtu",
    "optical": "optical",
}
"""Names in endpoints and URLs to the protocols of the meter contract."""

_SERIAL: Final = frozenset({"wi-sun", "optical", "modbus-rtu"})
_SHOWN: Final = 5


def endpoints_of(meter: str, file: Path | None) -> list[Endpoint]:
    """The endpoints of one meter in a file, or in what ``bench serve`` wrote; not empty.

    Raises :class:`InputError` for a file that is not there or cannot be read, for one whose server has ended, and for a
    meter that is not in it.
    """
    path = ENDPOINTS if file is None else file
    hint = "is `bench serve` running here?" if file is None else "it holds what `bench serve --json` prints"
    known = read_endpoints(path, hint)
    found = [endpoint for endpoint in known if endpoint.meter == meter]
    if not found:
        names = list(dict.fromkeys(endpoint.meter for endpoint in known))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise InputError(f"{path}: no meter {meter}; there are {', '.join(names[:_SHOWN]) or 'none'}{more}")
    return found


def read_endpoints(path: Path, hint: str = "it holds what `bench serve --json` prints") -> list[Endpoint]:
    """All endpoints in a file; raises as :func:`endpoints_of`, with a hint where there is no such file."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; {hint}") from None
    return [each for number, line in enumerate(lines, start=1) if (each := _entry(path, number, line)) is not None]


def endpoint_of_url(meter: str, url: str) -> Endpoint:
    """An endpoint from ``dlms://host:port``, ``echonet://host``, ``modbus://host?map=kw8m``, ``wisun:/path?dialect=…``.

    ``optical:/path?baud=9600`` and ``modbus-rtu:/path?map=kw8m&unit=1`` are serial ports too. Options behind ``?`` go
    to ``about``. Raises :class:`InputError`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{url}: {error}") from None
    protocol = PROTOCOLS.get(parts.scheme)
    if protocol is None:
        raise InputError(f"{url}: no protocol {parts.scheme or '(none)'}; there are {', '.join(PROTOCOLS)}")
    about = dict(parse_qsl(parts.query))
    if protocol in _SERIAL:
        if parts.netloc or not parts.path:
            raise InputError(f"{url}: give a serial port, as in {parts.scheme}:/dev/ttyUSB0")
        return Endpoint(meter=meter, protocol=protocol, path=parts.path, about=about)
    if not parts.hostname:
        raise InputError(f"{url}: give a host, as in {parts.scheme}://127.0.0.2")
    return Endpoint(meter=meter, protocol=protocol, address=parts.hostname, port=port, about=about)


def _entry(path: Path, number: int, line: bytes) -> Endpoint | None:
    """The endpoint in a line; the ready line has none, but the server that wrote it must still run."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        if not fields.get("ready"):
            return endpoint_of(line)
    except msgspec.DecodeError as error:
        raise InputError(f"{path}, line {number}: no endpoint: {error}") from None
    pid = fields.get("pid")
    if isinstance(pid, int) and not _was_there(pid, path.stat().st_mtime):
        raise InputError(f"{path}: the `bench serve` that wrote it (process {pid}) has ended; start it again")
    return None


def _was_there(pid: int, written: float) -> bool:
    """Whether this process lives, and lived when the file was written: numbers are given again."""
    try:
        return psutil.Process(pid).create_time() <= written + 1.0  # file systems keep coarser times than processes
    except psutil.Error:
        return False
