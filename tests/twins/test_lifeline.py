"""A child process of a run ends with its parent, in order when it is told to, and not because of a Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

_CHILD = """
from twins import lifeline
stop = lifeline.hold()
print("up", flush=True)
while not stop.wait(0.01):
    pass
print("in order", flush=True)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.communicate()


def test_it_ends_when_its_parent_lets_go(child: subprocess.Popen[str]) -> None:
    out, _ = child.communicate(timeout=20)  # closes its standard input
    assert (child.returncode, out) == (0, "")


def test_sigterm_lets_it_end_in_order_and_sigint_is_not_for_it(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "in order\n"
    assert child.wait(timeout=20) == 0
