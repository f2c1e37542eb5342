"""The control socket of an emulation, its process, and the commands: faults, temperature, truth."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import typer.testing

from bench.cli.rack import app
from bench.errors import InputError
from bench.rack.emulate import EmulatedRack, EmulateSpec
from bench.rack.emulator import ControlSocket
from bench.rack.emulator_client import SOCKET, EmulatorClient, EmulatorError, address_in
from bench.serving.choose import serving_plan
from bench.topology.load import load_topology
from tests.bench.rack.emulated import Emulation, topology
from tests.bench.rack.virtual import eventually


def spec_of(path: Path) -> EmulateSpec:
    plan, clock = serving_plan(load_topology(path).topology, time.time())
    return EmulateSpec(topology=str(path), folder=str(path.parent / "state"), clock=clock, plan=plan)


def rack_command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "bench.cli.main", "rack", "--folder", str(folder), *words]


def test_faults_temperature_and_truth(tmp_path: Path) -> None:
    with Emulation(topology(tmp_path, emulation="{ temperature_c: 40 }")) as emulation:
        client = emulation.client
        truth = client.truth()
        assert truth["sources"]["source-1"]["temperature_c"] == 40 and set(truth["meters"]) >= {
            "lv-1",
            "next-1",
            "hv-1",
        }
        assert truth["relays"] == {"relay-1": [False] * 8} and len(truth["attenuators"]["attenuator-2"]) == 8
        assert truth["meters"]["lv-1"]["supply"] == "down" and truth["meters"]["lv-1"]["error_percent"] is None
        client.temperature(10.0)
        assert client.truth()["sources"]["source-2"]["temperature_c"] == 10
        client.fault("relay-1", "stuck-relay")
        emulation.call(lambda: emulation.rack.contacts["relay-1"].ask(0, True, emulation.clock.now()))
        client.fault("relay-1", None)
        emulation.call(lambda: emulation.rack.contacts["relay-1"].ask(1, True, emulation.clock.now()))
        eventually(lambda: client.truth()["relays"]["relay-1"][:2] == [False, True])
        for refused, words in (
            (("relay-9", "silence"), "there is no instrument relay-9; there are source-1"),
            (("relay-1", "tiredness"), "there is no fault tiredness; there are none, silence"),
            (("relay-1", "tripped-protection"), "cannot have the fault"),
        ):
            with pytest.raises(EmulatorError, match=words):
                client.fault(*refused)
        with pytest.raises(InputError, match="another emulation runs from this folder"):
            asyncio.run(ControlSocket(emulation.rack, emulation.folder).open())
        mode = (emulation.folder / SOCKET).stat().st_mode & 0o777
        assert mode == 0o600
    assert not (emulation.folder / SOCKET).exists()
    with pytest.raises(EmulatorError, match="is `bench rack emulate` running here"):
        client.truth()


def test_a_socket_is_found_however_long_its_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    with address_in(folder) as address:
        assert len(address) < 60


def test_the_process_of_a_run_serves_and_ends_in_order(tmp_path: Path) -> None:
    spec = spec_of(topology(tmp_path, 3600))
    (tmp_path / "spec.json").write_bytes(msgspec.json.encode(spec))
    command = [sys.executable, "-m", "bench.rack.emulate_process", str(tmp_path / "spec.json")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    client = EmulatorClient(Path(spec.folder))

    def answers() -> bool:
        try:
            return float(client.truth()["scale"]) == 3600
        except EmulatorError:
            return False

    with process, contextlib.ExitStack() as ends:
        ends.callback(process.kill)  # whatever fails here
        eventually(answers, 30.0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not (Path(spec.folder) / SOCKET).exists() and not list((tmp_path / "sticks").iterdir())


def test_the_commands(tmp_path: Path) -> None:
    path, folder = topology(tmp_path), tmp_path / "state"
    command = rack_command(folder, "emulate", str(path), "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as emulating, contextlib.ExitStack() as ends:
        ends.callback(emulating.kill)  # whatever fails here
        assert emulating.stdout is not None
        ready = msgspec.json.decode(emulating.stdout.readline())
        assert ready["ready"] and len(ready["meters"]["TWN000000000000"]) == 4
        run = typer.testing.CliRunner()
        for words, code, said in (
            (("source-1", "silence"), 0, "source-1: silence"),
            (("source-1", "none"), 0, "source-1: none"),
            (("load-1", "silence", "--times", "2", "--json"), 0, '"instrument":"load-1"'),
            (("load-1", "none", "--json"), 0, '"fault":null'),
            (("source-9", "silence"), EmulatorError.exit_code, "there is no instrument source-9"),
        ):
            done = run.invoke(app, ["--folder", str(folder), "fault", *words])
            told = done.output if done.exception is None else str(done.exception)
            assert said in told and getattr(done.exception, "exit_code", 0) == code
        emulating.send_signal(signal.SIGINT)
        assert emulating.wait(10) == 0


ELSEWHERE = """\
name: elsewhere
clock: { mode: wall, start: 2026-01-15T00:00 }
areas: [{ name: lab, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 1 }]
rack:
  instruments: [{ id: relay-1, driver: relay-modbus, address: "192.168.10.51:502", channels: 8 }]
  places: [{ id: lv-1, meter: TWN000000000000, wiring: { relay: { instrument: relay-1, channel: 1 } } }]
"""


def test_only_what_is_on_this_machine_is_emulated(tmp_path: Path) -> None:
    path = tmp_path / "rack.yaml"
    path.write_text(ELSEWHERE, encoding="utf-8")
    with pytest.raises(InputError, match=r"192\.168\.10\.51 is no loopback address") as refused:
        EmulatedRack(spec_of(path))
    assert str(refused.value).startswith(f"{path}:5:")


def test_an_address_that_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.rack.emulate._HANDED_ON", 0.2)
    path = topology(tmp_path)
    with Emulation(path), pytest.raises(InputError, match="cannot answer at"):
        asyncio.run(EmulatedRack(spec_of(path)).open())
