from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.provision.run import Outcome
from tests.bench.provision.conftest import Installed

UNITS = ("meter-bench-gateway.service", "meter-bench-night.service", "meter-bench-night.timer")


def test_a_check_says_what_would_change_and_writes_nothing(installed: Installed) -> None:
    (checked,) = installed.check.hosts
    assert (checked.host, checked.failed, checked.unreachable) == ("localhost", 0, 0), checked.problems
    assert checked.changed > 3
    assert installed.after_check == installed.before_check
    assert set(installed.after_check) == {"etc", "etc/hostname"}


def test_the_second_run_changes_nothing(installed: Installed) -> None:
    first, second = installed.first.hosts[0], installed.second.hosts[0]
    assert first.changed > 3
    assert first.failed == second.failed == 0, first.problems
    assert second.changed == 0
    assert installed.second.exit_code == 0
    assert "PLAY RECAP" in Path(installed.second.log).read_text("utf-8")
    assert (installed.root / "etc/hostname").read_text() == "rack-1\n"


def test_sticks_are_named_by_serial_number_and_by_socket(installed: Installed) -> None:
    rules = (installed.root / "etc/udev/rules.d/70-meter-bench.rules").read_text().splitlines()
    named = [line for line in rules if line and not line.startswith("#")]
    group = 'GROUP="dialout", MODE="0660", ENV{ID_MM_DEVICE_IGNORE}="1"'
    assert named == [
        f'SUBSYSTEM=="tty", ENV{{ID_SERIAL_SHORT}}=="AQ00B1CD", SYMLINK+="meter-stick-1", {group}',
        f'SUBSYSTEM=="tty", ENV{{ID_PATH}}=="pci-0000:00:14.0-usb-0:3:1.0", SYMLINK+="meter-stick-2", {group}',
    ]


def test_udev_accepts_the_rules(installed: Installed) -> None:
    udevadm = shutil.which("udevadm")
    knows = udevadm and subprocess.run([udevadm, "verify", "--help"], capture_output=True, check=False).returncode == 0
    if not udevadm or not knows:
        pytest.skip("this machine's udevadm cannot verify rules (systemd 254 or newer can)")
    rules = installed.root / "etc/udev/rules.d/70-meter-bench.rules"
    subprocess.run([udevadm, "verify", "--resolve-names=never", str(rules)], check=True)


def test_the_user_may_use_serial_ports(installed: Installed) -> None:
    users = (installed.root / "etc/passwd").read_text()
    assert "bench:x:" in users
    assert "/usr/sbin/nologin" in users
    groups = dict(line.split(":", 1) for line in (installed.root / "etc/group").read_text().splitlines())
    assert groups["dialout"].endswith(":bench")


def _systemd_analyze(root: Path, *arguments: str) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run([program, *arguments, f"--root={root}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_units_and_finds_the_gateway_confined(installed: Installed, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(installed.root / "etc/systemd/system", root / "etc/systemd/system")
    program = root / "opt/meter-bench/bin/bench"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    for target in ("sysinit", "basic", "multi-user", "timers", "shutdown", "network-online", "time-sync"):
        (root / f"etc/systemd/system/{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    said = _systemd_analyze(root, "verify", "--man=no", *UNITS)
    assert "meter-bench" not in said, said
    for service in UNITS[:2]:
        _systemd_analyze(root, "security", "--offline=true", "--threshold=30", service)


def test_the_night_begins_when_it_was_said(installed: Installed) -> None:
    timer = (installed.root / f"etc/systemd/system/{UNITS[2]}").read_text()
    calendar = next(line for line in timer.splitlines() if line.startswith("OnCalendar="))
    assert calendar == "OnCalendar=*-*-* 01:30:00 Asia/Tokyo"
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    subprocess.run([program, "calendar", calendar.partition("=")[2]], check=True, capture_output=True)


def test_systemd_never_kills_the_dead_man_process(installed: Installed) -> None:
    unit = (installed.root / f"etc/systemd/system/{UNITS[0]}").read_text().splitlines()
    assert "KillMode=process" in unit
    assert "Restart=always" in unit
    assert "ExecStart=/opt/meter-bench/bin/bench rack serve /etc/meter-bench/topology.yaml" in unit


def test_missing_certificates_are_named_and_fail(refused: Outcome) -> None:
    assert refused.exit_code == 1
    assert refused.hosts[0].failed == 1
    (problem,) = refused.hosts[0].problems
    assert "/etc/mosquitto/meter-bench/broker.key" in problem
    assert "broker_lab_ca=true" in problem
