"""The same campaign over every kind of bus, and in scaled time."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.brokers import MOSQUITTO, free_port, mosquitto_command, running
from tests.e2e.bench_run import BenchRun, topology, values
from tests.e2e.certificates import write_certificates

EMBEDDED = "broker: embedded"


def passes(path: Path, results: Path, env: dict[str, str] | None = None) -> None:
    with BenchRun(path, results, env=env) as run:
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (0, "pass"), err
        assert values(outcome)["final_share"] == 1


@pytest.mark.slow
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed (the test set-up installs it as root)")
def test_a_mosquitto_that_the_bench_starts(tmp_path: Path) -> None:
    passes(topology(tmp_path, bus=(EMBEDDED, "broker: mosquitto")), tmp_path / "results")


@pytest.mark.requirement("U2")
@pytest.mark.slow
def test_an_external_broker_with_tls_user_and_client_certificate(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    passwords = tmp_path / "passwords"
    port = free_port()
    extra = (
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        f"require_certificate true\npassword_file {passwords}\n"
    )
    command = mosquitto_command(port, tmp_path / "mosquitto.conf", extra)
    config = tmp_path / "mosquitto.conf"
    config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false\nuser root"))
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "bench", "secret"], check=True)
    passwords.chmod(0o644)
    external = (
        f"broker: external\n  url: mqtts://127.0.0.1:{port}\n  user: bench\n  password_env: TEST_BUS_PASSWORD\n"
        "  ca: ca.pem\n  client_cert: bench.pem\n  client_key: bench.key"
    )
    path = topology(tmp_path, bus=(EMBEDDED, external))
    with running(command, port):
        passes(path, tmp_path / "results", env={"TEST_BUS_PASSWORD": "secret"})
        with BenchRun(path, tmp_path / "refused", env={"TEST_BUS_PASSWORD": "wrong"}) as run:
            code, outcome, _ = run.finish()
            assert (code, outcome["verdict"]) == (3, "error")
            record = (run.folder / "run.json").read_text()
            assert re.search("not authori[sz]ed", record, re.IGNORECASE)
            assert "secret" not in record


@pytest.mark.slow
def test_an_external_broker_that_is_not_there_is_a_bench_error_with_its_address(tmp_path: Path) -> None:
    port = free_port()
    path = topology(tmp_path, bus=(EMBEDDED, f"broker: external\n  url: mqtt://127.0.0.1:{port}"))
    with BenchRun(path, tmp_path / "results") as run:
        code, outcome, err = run.finish()
        assert (code, outcome["verdict"]) == (3, "error")
        assert f"no broker at mqtt://127.0.0.1:{port}" in err
        record = json.loads((run.folder / "run.json").read_text())
        assert f"no broker at mqtt://127.0.0.1:{port}" in record["reason"]


@pytest.mark.requirement("A3")
@pytest.mark.slow
def test_scaled_time_gives_the_same_values_and_no_overrun(tmp_path: Path) -> None:
    clock = ("mode: virtual # as fast as the work allows", "mode: scaled\n  scale: 1800")
    with BenchRun(topology(tmp_path, slots=3, clock=clock), tmp_path / "results") as run:
        code, outcome, err = run.finish()
        assert (code, outcome.get("verdict")) == (0, "pass"), err
        assert values(outcome)["pacing_overruns"] == 0


@pytest.mark.requirement("U8")
@pytest.mark.slow
def test_two_shards_store_the_same_values_as_one(tmp_path: Path) -> None:
    stored = []
    for shards in (1, 3):
        (tmp_path / str(shards)).mkdir()
        path = topology(tmp_path / str(shards), slots=4, extra=f"engine:\n  shards: {shards}\n")
        with BenchRun(path, tmp_path / f"results-{shards}") as run:
            assert run.finish()[0] == 0
            with run.columns() as columns:
                stored.append(columns.query("SELECT meter, slot, import_wh, export_wh FROM readings ORDER BY ALL"))
    assert stored[0] == stored[1]
