from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bench.errors import InputError
from bench.provision import program
from bench.provision.facts import topology_facts, wants_broker
from bench.provision.program import playbooks, want_ansible
from bench.provision.run import Job, Play
from bench.provision.variables import KINDS, check_together, checked, defaults, given, read_variables
from bench.rack.inventory import read_inventory
from bench.topology.problems import TopologyError
from tests.bench.provision.lab import run, write_topology

VARIABLES = read_variables(playbooks())


def test_every_default_is_a_value_of_its_kind() -> None:
    for name, variable in VARIABLES.items():
        assert variable.kind in KINDS
        assert checked(name, variable.default, variable, "default") == variable.default
    check_together(defaults(VARIABLES), "default")


def test_the_playbooks_use_every_variable_and_no_other() -> None:
    told = {"topology_name", "topology_source", "topology_files", "topology_sticks", "topology_bus"}
    told |= {"bench_root", "inventory_source"}
    files = [file for file in playbooks().rglob("*") if file.suffix in {".yml", ".j2"}]
    words = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", "\n".join(file.read_text("utf-8") for file in files)))
    assert VARIABLES.keys() | told <= words
    prefixes = ("bench_", "broker_", "night_", "collect_", "gateway_", "topology_")
    local = {"broker_hosts", "collect_at"}
    assert {word for word in words if word.startswith(prefixes)} <= VARIABLES.keys() | told | local


def test_every_task_has_a_name_and_a_module_in_full() -> None:
    words = {"name", "when", "loop", "loop_control", "register", "vars", "notify", "changed_when", "failed_when"}
    words |= {"delegate_to", "become", "environment", "no_log", "diff", "listen", "block", "always"}

    def look(tasks: list[dict[str, object]], file: Path) -> None:
        for task in tasks:
            assert str(task.get("name", ""))[:1].isupper(), f"{file}: {task}"
            for key in task.keys() - words:
                assert key.startswith("ansible.builtin."), f"{file}: {task['name']}: {key}"
                assert key not in {"ansible.builtin.shell", "ansible.builtin.raw"}, f"{file}: {task['name']}"
                if key == "ansible.builtin.command":
                    own = task.keys() & {"changed_when"} or "creates" in task[key]  # type: ignore[operator]
                    assert own, f"{file}: {task['name']}: says not when it changes something"
            for part in ("block", "always"):
                look(task.get(part, []), file)  # type: ignore[arg-type]

    yaml = YAML(typ="safe")
    for file in [*playbooks().glob("roles/*/tasks/*.yml"), *playbooks().glob("roles/*/handlers/*.yml")]:
        look(yaml.load(file), file)
    for file in (playbooks() / f"{play.value}.yml" for play in Play):
        for play in yaml.load(file):
            look(play.get("tasks", []), file)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("night_att=02:00", "--var night_att=02:00: there is no variable night_att; did you mean night_at"),
        ("night_at", "--var night_at: give NAME=VALUE"),
        ("night_at=25:00", "--var night_at: '25:00' cannot be used; give a time as HH:MM"),
        ("gateway_stop_seconds=soon", "--var gateway_stop_seconds: 'soon' cannot be used; give a whole number"),
        ("bench_state_dir=results", "--var bench_state_dir: 'results' cannot be used; give an absolute path"),
        ("bench_user=a b", "--var bench_user: 'a b' cannot be used; give a name"),
        ("bench_executable=/opt/%h/bench", "--var bench_executable: '/opt/%h/bench' cannot be used"),
        ("broker_viewers=ok,not ok", "--var broker_viewers: 'not ok' cannot be used; give names"),
        ("with_services=maybe", "--var with_services: 'maybe' cannot be used; give true or false"),
    ],
)
def test_a_broken_variable_is_one_clear_message(pair: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        given([pair], VARIABLES)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


def test_values_take_the_form_of_their_kind() -> None:
    found = given(["with_services=no", "collect_days=7", "broker_viewers=a,b", "broker_gateways="], VARIABLES)
    assert found == {"with_services": False, "collect_days": 7, "broker_viewers": ["a", "b"], "broker_gateways": []}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["bench_executable=/home/me/bench"], "is below a home"),
        (["broker_viewers=operator"], "operator stands in broker_operators too"),
        (["broker_viewers=broker"], "broker is the name of a certificate"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_together({**defaults(VARIABLES), **given(pairs, VARIABLES)}, "--var")


@pytest.mark.parametrize(
    ("stick", "message"),
    [
        ("{ address: /dev/ttyUSB0, usb_serial: A1 }", "cannot be the name of a USB adapter"),
        ("{ address: /dev/meter-stick-1, usb_serial: A1, usb_path: pci-1 }", "stands beside usb_serial"),
        ("{ address: /dev/meter-stick-1, usb_serial: 'A1*' }", "lab.yaml:13:"),
    ],
)
def test_a_stick_that_cannot_be_named_is_refused_with_its_line(tmp_path: Path, stick: str, message: str) -> None:
    with pytest.raises(TopologyError, match=re.escape(message)):
        read_inventory(write_topology(tmp_path, stick_1=stick))


def test_an_adapter_that_two_places_claim_is_refused_with_its_line(tmp_path: Path) -> None:
    same = "{ address: /dev/other, usb_serial: AQ00B1CD }"
    with pytest.raises(InputError, match="adapter AQ00B1CD is that of lv-1; give each place its own") as caught:
        topology_facts(read_inventory(write_topology(tmp_path, stick_2=same)))
    assert re.search(r"lab\.yaml:17:\d+: ", str(caught.value))


def test_a_stick_need_not_be_named(tmp_path: Path) -> None:
    topology = write_topology(tmp_path, stick_1="{ address: /dev/ttyUSB0 }", stick_2="{ address: /dev/ttyUSB1 }")
    assert topology_facts(read_inventory(topology))["topology_sticks"] == []


def test_files_that_the_topology_names_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/ca.pem").touch()
    bus = "{ broker: external, url: 'mqtts://broker.example', ca: %s }"
    inventory = read_inventory(write_topology(tmp_path, bus % "tls/ca.pem"))
    facts = topology_facts(inventory)
    assert [file["dest"] for file in facts["topology_files"]] == ["topology.yaml", "tls/ca.pem"]
    assert facts["topology_bus"] == {"root": "ami", "host": "broker.example", "port": 8883}
    assert wants_broker(inventory)
    with pytest.raises(InputError, match=r"names \.\./ca\.pem, which is not below its folder"):
        (tmp_path / "ca.pem").touch()
        topology_facts(read_inventory(write_topology(tmp_path / "below", bus % "../ca.pem")))


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (Job(tags=("rakc",)), "--tags rakc: there are rack, night, broker, collector"),
        (Job(tags=("rack",), play=Play.SAFE), "--tags: the playbook safe has no parts"),
        (Job(root=Path("/")), "--root /: that is this machine itself"),
        (Job(root=Path("/scratch root")), "--root /scratch root: choose a path"),
        (Job(root=Path("/scratch"), play=Play.SAFE), "--root: nothing runs in a scratch root"),
        (Job(inventory=Path("/missing.ini")), "/missing.ini: there is no such inventory"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job, message: str) -> None:
    monkeypatch.setattr("bench.provision.run.want_ansible", lambda: None)
    with pytest.raises(InputError) as caught:
        run(write_topology(tmp_path), job, tmp_path / "log")
    assert str(caught.value).startswith(message)


def test_without_ansible_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "search_path", lambda: str(tmp_path))
    with pytest.raises(InputError, match=r"pip install 'meter-bench\[provision\]'") as caught:
        want_ansible()
    assert caught.value.exit_code == 2


def test_ansible_is_never_imported() -> None:
    package = Path(program.__file__).parents[1]
    files = "\n".join(file.read_text("utf-8") for file in package.rglob("*.py"))
    assert not re.search(r"^\s*(import|from) ansible(\.|\s|$)", files, re.MULTILINE)
