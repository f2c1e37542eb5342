"""The report of a real run, opened in a real browser: it shows its verdict and asks nobody for anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.bench_run import BenchRun, topology

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (the test set-up installs it as root)")
def test_the_report_opens_in_a_browser(tmp_path: Path) -> None:
    with BenchRun(topology(tmp_path, slots=4), tmp_path / "results") as run:
        code, outcome, err = run.finish()
        assert code == 0, err
        page = Path(outcome["report"]).resolve()
    # Every name is made unresolvable: had the page asked for anything outside, its log would say so.
    done = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"file://{page}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Pass" in done.stdout
    assert done.stdout.count("<svg") >= 4
    assert "ERR_NAME_NOT_RESOLVED" not in done.stderr
    assert "CONSOLE" not in done.stderr
