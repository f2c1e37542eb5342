"""The pipeline benchmark over real processes, small: it counts what it carried. No time is judged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.requirement("U3")
@pytest.mark.slow
def test_the_pipeline_benchmark_tells_rate_stages_and_ratio() -> None:
    command = [sys.executable, "-m", "bench.cli.main", "perf", "pipeline", "--readings", "3000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["readings"] == result["twins"] * result["slots"] >= 3000
    assert result["relay_lost"] == 0
    assert result["ratio_to_relay"] == pytest.approx(
        result["readings_per_second"] / result["relay_messages_per_second"], abs=1e-3
    )
    assert set(result["cpu_us_per_reading"]) == {
        *("meter", "cipher", "frame", "send", "receive", "verify", "store", "broker")
    }


@pytest.mark.slow
def test_the_serving_benchmark_counts_answers_and_leaves_the_witnesses_alone() -> None:
    command = [sys.executable, "-m", "bench.cli.main", "perf", "serve", "--twins", "50", "--fleet", "5000"]
    done = subprocess.run(
        [*command, "--seconds", "0.5", "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["twins"], result["in_flight"], result["lost"]) == (50, 50, 0)
    assert result["requests"] == pytest.approx(result["requests_per_second"] * 0.5, abs=1)
    assert 0 < result["p50_ms"] <= result["p99_ms"]
    assert result["witnesses"] > 0
