"""``bench serve`` as a user starts it, on loopback addresses that no other test process uses, and a plain client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from protocols.echonet.classes import LV_METER, object_class
from protocols.echonet.frame import HEMS, Eoj, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.echonet.transport import GROUP_IPV4, PORT

ROOT = Path(__file__).parents[2]
VILLAGE = ROOT / "topologies" / "village.yaml"
PATIENCE = 30.0
NET = f"127.77.{os.getpid() % 256}"
SMALL_NET = f"127.78.{os.getpid() % 256}"  # for a few twins beside those of NET
FIRST = f"{SMALL_NET}.1"
CLIENT = f"{NET}.250"


def village(folder: Path, clock: str = "mode: virtual # as fast as the work allows", extra: str = "") -> Path:
    """The village with as many meters of the next generation as of the current one."""
    text = VILLAGE.read_text(encoding="utf-8")
    for old, new in (
        ("{ current: 0.9, next: 0.1 }", "{ current: 0.5, next: 0.5 }"),
        ("mode: virtual # as fast as the work allows", clock),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "village.yaml"
    path.write_text(text + extra, encoding="utf-8")
    return path


def require_port() -> None:
    """Skip the test where the ECHONET Lite port cannot be had."""
    try:
        Client().close()
    except OSError as error:
        pytest.skip(f"UDP port {PORT} of {CLIENT} cannot be had: {error}")


class BenchServe:
    """One ``bench serve … --json``; as a context manager it leaves nothing behind.

    ``lines`` are all endpoints as they were printed, ``endpoints`` the last one of each meter. ``protocol`` None serves
    all of them.
    """

    def __init__(self, topology: Path, *more: str, first: str = FIRST, protocol: str | None = "echonet-lite") -> None:
        command = [sys.executable, "-m", "bench.cli.main", "serve", str(topology), "--json", "--first-address", first]
        command += ["--endpoints", str(topology.with_suffix(".jsonl")), *(["--protocol", protocol] if protocol else [])]
        self._process = subprocess.Popen(
            [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.lines: list[dict[str, Any]] = []
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> BenchServe:
        assert self._process.stdout
        for line in self._process.stdout:
            found = json.loads(line)
            if found.get("ready"):
                self.ready = found
                return self
            self.lines.append(found)
            self.endpoints[found["meter"]] = found
        code, err = self.finish()
        raise AssertionError(f"bench serve ended with {code}: {err}")

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def kill_shard(self) -> None:
        """Kill the process that serves with -9, and wait until another serves in its place."""
        os.kill(self.ready["shard_pid"], signal.SIGKILL)
        assert self._process.stdout
        self.ready = json.loads(self._process.stdout.readline())

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Signal it; exit code and standard error."""
        self._process.send_signal(number)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Exit code and standard error, when it ends by itself."""
        _, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, err


class Client:
    """A controller on a plain socket at port 3610, which twins answer to."""

    def __init__(self, address: str = CLIENT, port: int = PORT, peers: int = PORT) -> None:
        self._peers = peers
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # 200 twins may answer at once
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(PATIENCE)

    @classmethod
    def of_group(cls) -> Client:
        """One that hears the multicast group."""
        client = cls(GROUP_IPV4)
        member = socket.inet_aton(GROUP_IPV4) + socket.inet_aton("127.0.0.1")
        client._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        return client

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes, to: str) -> None:
        if to == GROUP_IPV4:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(CLIENT))
        self._socket.sendto(data, (to, self._peers))

    def receive(self) -> tuple[str, Frame]:
        data, source = self._socket.recvfrom(2000)
        assert source[1] == self._peers
        return source[0], Frame.from_bytes(data)

    def ask(self, to: str, esv: Esv, *properties: Property, tid: int = 1) -> Frame:
        """The answer of one twin's meter to one request."""
        self.send(frame(esv, *properties, tid=tid), to)
        while True:
            sender, answer = self.receive()
            if sender == to:  # twins of other test processes answer to what is asked of the group
                assert (answer.tid, answer.seoj) == (tid, LV)
                return answer

    def read(self, to: str, *epcs: int) -> list[Any]:
        """Values of a meter's properties; all of them must be served."""
        answer = self.ask(to, Esv.GET, *map(Property, epcs))
        assert answer.esv is Esv.GET_RES
        return [decoded(item) for item in answer.properties]


def frame(esv: Esv, *properties: Property, tid: int = 1, deoj: Eoj = LV) -> bytes:
    return Frame(tid, HEMS, deoj, esv, properties).to_bytes()


def decoded(item: Property) -> Any:
    return object_class(LV_METER).properties[item.epc].codec.decode(item.edt)
