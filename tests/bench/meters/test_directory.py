"""Where a meter answers, told by a file or by a URL; and what is said when it cannot be told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.errors import InputError
from bench.meters.directory import ENDPOINTS, endpoint_of_url, endpoints_of
from twins.serving.endpoint import Endpoint

METER = "TWN000000000003"
DLMS = Endpoint(meter=METER, protocol="dlms", address="127.0.0.2", port=4059, keys={"encryption": "00" * 16})
STICK = Endpoint(meter=METER, protocol="wi-sun", path="/dev/pts/7", ids={"password": "x"}, about={"dialect": "J11"})
OTHER = Endpoint(meter="TWN000000000004", protocol="dlms", address="127.0.0.3", port=4059)


def written(path: Path, *endpoints: Endpoint, pid: int | None = None) -> Path:
    lines = [endpoint.to_json() for endpoint in endpoints]
    lines.append(msgspec.json.encode({"ready": True} | ({} if pid is None else {"pid": pid})))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_all_endpoints_of_a_meter_are_found_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path / "e.jsonl", DLMS, OTHER, STICK)
    assert endpoints_of(METER, path) == [DLMS, STICK]


def test_without_a_file_what_a_running_server_wrote_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is `bench serve` running here"):
        endpoints_of(METER, None)
    written(ENDPOINTS, DLMS, pid=os.getpid())
    assert endpoints_of(METER, None) == [DLMS]


def test_what_a_server_wrote_that_has_ended_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = written(tmp_path / "e.jsonl", DLMS, pid=gone.pid)
    with pytest.raises(InputError, match=f"process {gone.pid}.*has ended"):
        endpoints_of(METER, path)


def test_a_process_that_came_by_the_servers_number_later_is_another(tmp_path: Path) -> None:
    path = written(tmp_path / "e.jsonl", DLMS, pid=os.getpid())
    os.utime(path, (1_000_000_000, 1_000_000_000))
    with pytest.raises(InputError, match="has ended"):
        endpoints_of(METER, path)


def test_a_meter_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path / "e.jsonl", DLMS, OTHER)
    with pytest.raises(InputError, match=rf"no meter TWN9; there are {METER}, TWN000000000004$"):
        endpoints_of("TWN9", path)


@pytest.mark.parametrize("line", ["", "{", "[]", '{"meter": 3, "protocol": "dlms"}', '{"protocol": "dlms"}'])
def test_a_line_that_is_no_endpoint_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(f"{DLMS.to_json().decode()}\n{line}\n")
    with pytest.raises(InputError, match="line 2: no endpoint"):
        endpoints_of(METER, path)


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("dlms://127.0.0.3:4059", {"protocol": "dlms", "address": "127.0.0.3", "port": 4059}),
        ("echonet://127.1.0.1?eoj=028F01", {"protocol": "echonet", "address": "127.1.0.1", "about": {"eoj": "028F01"}}),
        ("echonet://[::1]", {"protocol": "echonet", "address": "::1"}),
        ("wisun:/dev/ttyUSB0?dialect=J11", {"protocol": "wi-sun", "path": "/dev/ttyUSB0", "about": {"dialect": "J11"}}),
        (
            "optical:/dev/ttyUSB1?baud=9600",
            {"protocol": "optical", "path": "/dev/ttyUSB1", "about": {"baud": "9600"}},
        ),
        (
            "modbus-rtu:/dev/ttyUSB0?map=kw8m&unit=1",
            {"protocol": "modbus-rtu", "path": "/dev/ttyUSB0", "about": {"map": "kw8m", "unit": "1"}},
        ),
        ("modbus://localhost:5020", {"protocol": "modbus", "address": "localhost", "port": 5020}),
    ],
)
def test_a_url_is_an_endpoint(url: str, fields: dict[str, Any]) -> None:
    assert endpoint_of_url(METER, url) == Endpoint(meter=METER, **fields)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1", "no protocol"),
        ("http://127.0.0.1", "no protocol http"),
        ("dlms:", "give a host"),
        ("dlms://h:99999", "Port out of range"),
        ("wisun://host/path", "give a serial port"),
        ("optical:", "give a serial port, as in optical:/dev/ttyUSB0"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        endpoint_of_url(METER, url)
