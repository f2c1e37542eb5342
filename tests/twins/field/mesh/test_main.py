"""The command that compiles the engine before anybody waits for it."""

from __future__ import annotations

import subprocess
import sys


def test_the_engine_can_be_compiled_beforehand() -> None:
    done = subprocess.run([sys.executable, "-m", "twins.field.mesh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
