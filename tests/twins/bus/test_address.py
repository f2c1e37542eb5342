"""Where the bus is: passwords only by name, TLS files that say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from twins.bus.address import BusAddress, BusError


def test_the_password_comes_out_of_the_environment_and_is_written_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TEST_PASSWORD", "geheim")
    address = BusAddress(port=1, user="u", password_env="BENCH_TEST_PASSWORD")
    assert address.password == "geheim"
    assert b"geheim" not in msgspec.json.encode(address)
    assert "geheim" not in repr(address) + str(address)
    assert BusAddress(port=1).password is None


def test_a_password_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_TEST_PASSWORD", raising=False)
    with pytest.raises(BusError, match="environment variable BENCH_TEST_PASSWORD"):
        _ = BusAddress(port=1, user="u", password_env="BENCH_TEST_PASSWORD").password


def test_without_tls_there_is_no_context_and_files_that_cannot_be_used_are_an_error(tmp_path: Path) -> None:
    assert BusAddress(port=1).tls_context() is None
    assert BusAddress(port=1, tls=True).tls_context() is not None
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    for files in ({"ca": str(rubbish)}, {"ca": str(tmp_path / "absent")}, {"client_cert": str(rubbish)}):
        with pytest.raises(BusError, match="TLS files"):
            BusAddress(port=1, tls=True, **files).tls_context()


def test_an_address_reads_as_a_url() -> None:
    assert str(BusAddress(port=1883)) == "mqtt://127.0.0.1:1883"
    assert str(BusAddress(host="h", port=8883, tls=True)) == "mqtts://h:8883"
