"""``bench meter`` against a meter on a socket: what it prints, what it changes, how it ends when it may not."""

from __future__ import annotations

import csv
import io
import json
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.cli.main import run
from protocols.dlms.disconnect import Control
from protocols.dlms.security_setup import security_setup_object
from tests.hil_drivers.meters.servers import TcpServer
from tests.hil_drivers.meters.twins import KEYS, NOW, VIEW, dlms_device, serving
from tests.protocols.dlms.meter import Meter as Device
from twins.serving.endpoint import Endpoint

METER = VIEW.identity.meter
SECRETS = {
    "encryption": KEYS.encryption.hex(),
    "authentication": KEYS.authentication.hex(),
    "wrapping": (KEYS.wrapping or b"").hex(),
}


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Bench = Callable[..., Done]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The command as ``bench`` runs it, in this process."""

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as end:
            run()
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return command


@pytest.fixture
def device() -> Device:
    return dlms_device()


@pytest.fixture
def server(device: Device) -> Iterator[TcpServer]:
    with serving(device) as server:
        yield server


@pytest.fixture
def endpoints(server: TcpServer, tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.jsonl"
    endpoint = Endpoint(meter=METER, protocol="dlms", address="127.0.0.1", port=server.port, keys=SECRETS)
    path.write_bytes(endpoint.to_json() + b"\n")
    return path


@pytest.fixture
def meter(bench: Bench, endpoints: Path) -> Bench:
    """``bench meter ID …`` with the endpoint of this test's meter."""
    return lambda *arguments: bench("meter", METER, *arguments, "--endpoints", str(endpoints))


def test_show_tells_all_that_the_meter_tells(meter: Bench) -> None:
    found = meter("show", "--json").json
    assert found["identity"]["serial"] == VIEW.identity.serial
    assert found["clock"]["time"] == NOW
    assert found["registers"]["import_wh"] == VIEW.active(NOW).import_wh
    assert found["switch"] == {"closed": True, "state": "connected", "mode": 4}
    assert found["image"]["state"] == "not_initiated"
    assert found["power failures"] == {"count": 3}
    table = meter("show")
    assert table.code == 0
    assert f"{VIEW.active(NOW).import_wh} Wh" in table.out


def test_read_tells_values_with_unit_and_the_meters_time(meter: Bench) -> None:
    (value,) = meter("read", "import", "--json").json["values"]
    assert value == {"name": "import", "value": VIEW.active(NOW).import_wh, "unit": "Wh", "time": NOW}
    names = [item["name"] for item in meter("read", "--json").json["values"]]
    assert names == ["import", "export", "plus", "minus", "power", "current_r", "current_t", "voltage_r"]
    assert meter("read", "power_w").out.split()[-4:-2] == [str(VIEW.power_w(NOW)), "W"]


def test_a_value_that_does_not_exist_is_bad_input_and_one_that_the_meter_has_not_is_its_no(meter: Bench) -> None:
    assert meter("read", "colour")[::2] == (2, meter("read", "colour").err)
    assert "no value colour; there are import" in meter("read", "colour").err
    done = meter("read", "volume")
    assert (done.code, done.out) == (1, "")
    assert f"{METER} has no volume by dlms" in done.err


def test_profile_comes_as_table_csv_and_json(meter: Bench) -> None:
    asked = ("profile", "--period", "30m", "--from", "-3h")
    rows = meter(*asked, "--json").json
    assert [(row["end"], row["import_wh"]) for row in rows] == [
        (row.end, row.active.import_wh) for row in VIEW.record(1800, NOW - 3 * 3600, NOW, NOW)
    ]
    lines = list(csv.DictReader(io.StringIO(meter(*asked, "--csv").out)))
    assert [int(line["import_wh"]) for line in lines] == [row["import_wh"] for row in rows]
    table = meter(*asked).out.splitlines()
    assert table[0].split("  ")[0] == "end of period"
    assert len(table) == 1 + len(rows)


def test_a_range_the_wrong_way_round_is_bad_input(meter: Bench) -> None:
    done = meter("profile", "--from", "2026-05-20T12:00", "--to", "2026-05-20T11:00")
    assert (done.code, done.out) == (2, "")
    assert "lies after" in done.err


def test_events_tell_time_and_code(meter: Bench) -> None:
    assert meter("events", "--from", "-1h", "--json").json == [{"time": NOW - 60, "code": 17}]


def test_the_switch_is_moved_and_its_state_read_back(meter: Bench, device: Device) -> None:
    done = meter("control", "switch", "open")
    assert (done.code, device.switch.control) == (0, Control.DISCONNECTED)
    assert "switch: open" in done.out
    assert "disconnected" in done.out
    assert meter("control", "switch", "close", "--json").json["state"]["closed"] is True


def test_the_limit_is_set_now_or_reserved(meter: Bench, device: Device) -> None:
    assert meter("control", "limit", "30", "--json").json["state"]["normal_a"] == 30
    assert device.limit.normal == 30
    state = meter("control", "limit", "20", "--at", "+10m", "--json").json["state"]
    assert state == {"bookings": [{"action": "limit", "at": NOW + 600, "ampere": 20}]}
    state = meter("control", "switch", "open", "--at", "2030-01-01", "--json").json["state"]
    assert [booking["action"] for booking in state["bookings"]] == ["limit", "open"]
    assert device.limit.normal == 30, "what is reserved is not done yet"


def test_the_clock_is_shown_and_set(meter: Bench) -> None:
    assert meter("control", "clock", "show", "--json").json["state"]["time"] == NOW
    assert meter("control", "clock", "set", "2026-05-20T12:30", "--json").json["state"]["time"] == 1_779_247_800


def test_an_image_is_brought_in_and_its_version_read_back(meter: Bench, device: Device, tmp_path: Path) -> None:
    image = tmp_path / "FW-2.bin"
    image.write_bytes(bytes(range(256)) * 3)
    state = meter("control", "image", str(image), "--json").json["state"]
    assert (state["state"], state["missing"], state["blocks"]) == ("activated", 0, 12)
    assert (state["firmware_before"], state["firmware"]) == ("1.0", "FW-2")
    assert bytes(device.store.content) == image.read_bytes()


@pytest.mark.parametrize("name", ["none.bin", "empty.bin"])
def test_a_file_without_an_image_is_bad_input(meter: Bench, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.bin").touch()
    done = meter("control", "image", str(tmp_path / name))
    assert (done.code, done.out) == (2, "")
    assert name in done.err


def test_a_new_key_is_kept_for_its_owner_and_serves_from_then_on(
    meter: Bench, bench: Bench, device: Device, tmp_path: Path
) -> None:
    kept = tmp_path / "renewed.jsonl"
    done = meter("control", "keys", "renew", "--out", str(kept))
    assert (done.code, str(kept) in done.out) == (0, True)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    key = device.security.keys()[0]
    assert key != KEYS.encryption
    assert key.hex() not in done.out.lower() + done.err.lower(), "keys are not printed"
    assert json.loads(kept.read_text())["keys"]["encryption"] == key.hex().upper()
    assert meter("read").code == 1
    assert "are these its keys" in meter("read").err
    assert bench("meter", METER, "read", "--endpoints", str(kept)).code == 0


def test_a_key_that_the_meter_refuses_is_not_kept(meter: Bench, device: Device, tmp_path: Path) -> None:
    kept = tmp_path / "renewed.jsonl"
    done = meter("control", "keys", "renew", "--out", str(kept), "--key", f"wrapping={'00' * 16}")
    assert (done.code, kept.exists()) == (1, False)
    assert device.security.keys()[0] == KEYS.encryption


def test_a_key_file_is_never_written_over(meter: Bench, device: Device, tmp_path: Path) -> None:
    kept = tmp_path / "renewed.jsonl"
    kept.write_text("something else")
    done = meter("control", "keys", "renew", "--out", str(kept))
    assert (done.code, kept.read_text()) == (2, "something else")
    assert device.security.keys()[0] == KEYS.encryption


def test_when_the_line_breaks_in_a_key_transfer_both_keys_are_kept(
    meter: Bench, device: Device, server: TcpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = device.security.transfer
    kept = tmp_path / "renewed.jsonl"

    def cut(parameters: Any) -> None:
        transfer(parameters)
        raise OSError  # the connection is gone before its answer

    monkeypatch.setattr(device.security, "transfer", cut)
    device.device.objects.add(security_setup_object(device.security))
    done = meter("control", "keys", "renew", "--out", str(kept))
    assert done.code == 3
    assert "the meter may have the new key or the old one" in done.err
    assert json.loads(kept.read_text())["keys"]["encryption"] == device.security.keys()[0].hex().upper()


def test_an_address_and_keys_can_be_told_instead_of_a_file(bench: Bench, server: TcpServer) -> None:
    url = f"dlms://127.0.0.1:{server.port}"
    keys = [word for name, value in SECRETS.items() for word in ("--key", f"{name}={value}")]
    assert bench("meter", "M1", "--connect", url, *keys, "read").code == 0
    assert bench("meter", "M1", "show", "--connect", url, *keys, "--json").json["meter"] == "M1"
    public = bench("meter", "M1", "show", "--connect", url, "--json").json
    assert public["clock"]["time"] == NOW
    assert "registers" not in public


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["read", "--via", "echonet"], 2, "does not answer by echonet, but by dlms"),
        (["read", "--via", "telepathy"], 2, "no protocol telepathy"),
        (["read", "--key", "colour=red"], 2, "--key colour: give NAME=VALUE"),
        (["read", "--key", "encryption=00"], 2, "a DLMS key has 16 bytes"),
        (["read", "--connect", "dlms://127.0.0.1"], 2, "not both"),
        (["profile", "--period", "7m"], 2, "no rows of 7 min"),
        (["control", "limit", "0"], 2, "greater than or equal to 1"),
        (["control", "switch", "ajar"], 2, "ajar"),
        (["control", "switch", "open", "--key", "client=reader", "--key", "password=12345678"], 2, "the reader client"),
        (["read", "--key", "client=reader", "--key", "password=wrong678"], 1, "association refused"),
        ([], 2, "Missing command"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_a_defined_exit_code(
    meter: Bench, arguments: list[str], code: int, message: str
) -> None:
    done = meter(*arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_nobody_there_is_a_fault_and_no_verdict(bench: Bench) -> None:
    done = bench("meter", "M1", "show", "--connect", "dlms://127.0.0.99:4059")
    assert (done.code, done.out) == (3, "")
    assert "127.0.0.99:4059: Connection refused" in done.err
