"""Real brokers on free loopback ports, for tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twins.bus.address import BusAddress

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A broker process, from accepting connections until the end of the block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, f"{command[0]} ended"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{command[0]} does not listen"
                time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()


def embedded_command(port: int) -> list[str]:
    return [sys.executable, "-m", "bench.broker.embedded", str(port)]


def mosquitto_command(port: int, config: Path, extra: str = "") -> list[str]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (the test set-up installs it when it runs as root)")
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{extra}")
    return [MOSQUITTO, "-c", str(config)]


@contextlib.contextmanager
def broker(kind: str, folder: Path) -> Iterator[BusAddress]:
    """An embedded broker or a mosquitto."""
    port = free_port()
    command = embedded_command(port) if kind == "embedded" else mosquitto_command(port, folder / "mosquitto.conf")
    with running(command, port):
        yield BusAddress(port=port)


@contextlib.contextmanager
def scripted(serve: Callable[[socket.socket], object]) -> Iterator[BusAddress]:
    """A broker of a test's own making: ``serve`` has the first connection, once its CONNECT is read."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield BusAddress(port=server.getsockname()[1])
        thread.join(20)
        assert not thread.is_alive()
