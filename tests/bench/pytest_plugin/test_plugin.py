"""The plugin as its users meet it: what it costs, what runs, whose fault a failure is, and what is written down."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.night.model import Key
from bench.night.sessions import read_sessions
from bench.pytest_plugin.identity import in_shard
from tests.bench.pytest_plugin.sessions import PATIENCE, VILLAGE, command, session, small, write

TEN_LINES = """\
import pytest


@pytest.mark.requirement("M2")
def test_voltage_and_power_are_plausible(meter, measure):
    now = meter.reader.instant()
    measure("voltage", now.voltage_r_mv / 1000, "V", low=95, high=107, resolution=0.001)
    measure("power", now.power_w, "W")
    assert meter.reader.registers().import_wh > 0
"""

PLAIN = "def test_nothing_of_the_bench():\n    assert 1 + 1 == 2\n"


def test_who_does_not_use_it_does_not_pay_for_it(tmp_path: Path) -> None:
    write(tmp_path, PLAIN)
    probe = "import sys, pytest; code = pytest.main(['-q', '-p', 'no:cacheprovider']); "
    probe += (
        "print(code, sorted(name for name in sys.modules if name.split('.')[0] in ('bench', 'twins', 'protocols')))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith("0 ['bench', 'bench.pytest_plugin']"), done.stdout


@pytest.mark.requirement("U7")
def test_ten_lines_of_a_user_run_on_the_village_without_further_set_up(tmp_path: Path) -> None:
    write(tmp_path, TEN_LINES)
    done = session(tmp_path, "--bench-env", VILLAGE, "--junitxml", "junit.xml", "--alluredir", "allure")
    assert done.exit_code == 0, done.text
    name = "test_mine.py::test_voltage_and_power_are_plausible"
    assert done.outcomes() == {f"{name} @ lv-current": "pass", f"{name} @ lv-next": "pass"}
    assert {each.name for each in done.told.values.values()} == {"voltage", "power"}
    assert all(each.requirements == ("M2",) for each in done.told.results.values())
    assert [each.resolution for each in done.told.values.values() if each.name == "voltage"] == [0.001, 0.001]
    properties = {
        (item.get("name"), item.get("value")) for item in ElementTree.parse(tmp_path / "junit.xml").iter("property")
    }
    assert {("bench", "twin"), ("place", "lv-next"), ("requirements", "M2")} <= properties


def test_without_a_topology_tests_that_need_one_are_skipped_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, TEN_LINES)
    done = subprocess.run(command("-rs"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "1 skipped" in done.stdout and "give --bench-env FILE" in done.stdout


MANY = """\
import pytest
from hil_drivers.errors import LinkError, RefusedError


def test_passes(meter, measure):
    measure.attach("frames", "00 01 00 01")
    measure.attach("curve", '<svg xmlns="http://www.w3.org/2000/svg"/>', "svg")

def test_fails(meter):
    assert meter.has("rack"), "an assertion"

def test_measures(meter, measure):
    measure("far off", 5, "V", high=4)
    measure("as well", None, "V")
    measure("too coarse", 1.0, "%", high=1.1, bound=0.2)

def test_is_too_coarse(meter, measure):
    measure("error", 1.0, "%", high=1.1, bound=0.2)

def test_is_refused(meter):
    raise RefusedError("the meter says no")

def test_is_its_own_fault(meter):
    raise KeyError("a slip of the test")

@pytest.mark.needs("rack")
def test_needs_a_rack(meter):
    pass

def test_wants_a_place(place):
    pass

@pytest.mark.xfail
def test_is_expected_to_fail(meter):
    assert False, "it is"

@pytest.mark.parametrize("name", ["one", "two"])
def test_with_parameters(meter, name):
    pass
"""


@pytest.mark.requirement("U7")
def test_outcomes_and_categories_are_told_apart_and_kept_true(tmp_path: Path) -> None:
    write(tmp_path, MANY)
    allure = tmp_path / "allure"
    done = session(tmp_path, "--bench-env", small(tmp_path), "--bench-place", "lv-current", "--alluredir", allure)
    found = {
        key.test.partition("::")[2]: (each.outcome, done.told.categories[key])
        for key, each in done.told.results.items()
    }
    assert found == {
        "test_passes": ("pass", ""),
        "test_fails": ("fail", "product"),
        "test_measures": ("fail", "product"),
        "test_is_too_coarse": ("inconclusive", "product"),
        "test_is_refused": ("fail", "product"),
        "test_is_its_own_fault": ("error", "bench"),
        "test_needs_a_rack": ("skip", ""),
        "test_is_expected_to_fail": ("fail", "product"),
        "test_with_parameters[one]": ("pass", ""),
        "test_with_parameters[two]": ("pass", ""),
    }
    message = {key.test.partition("::")[2]: each.message for key, each in done.told.results.items()}
    assert message["test_measures"].count(";") == 2 and "as well: no value" in message["test_measures"]
    assert message["test_needs_a_rack"].endswith("needs rack, which twin-lv-current has not")
    results = [json.loads(path.read_text()) for path in allure.glob("*-result.json")]
    identities = [each["historyId"] for each in results]
    assert len(set(identities)) == len(identities)
    attached = {(each["name"], each["type"]) for result in results for each in result.get("attachments", ())}
    assert attached >= {("frames", "text/plain"), ("measurements", "text/csv"), ("curve", "image/svg+xml")}
    categories = json.loads((allure / "categories.json").read_text())
    assert [each["name"] for each in categories] == ["bench", "twin divergence", "product"]


def test_identities_are_those_of_every_night(tmp_path: Path) -> None:
    told = []
    for night in ("first", "second"):
        folder = tmp_path / night / "tests"
        folder.mkdir(parents=True)
        write(folder, TEN_LINES)
        session(folder, "--bench-env", small(tmp_path / night), "--alluredir", "allure", results=tmp_path / night)
        allure = [json.loads(path.read_text()) for path in (folder / "allure").glob("*-result.json")]
        told.append(
            ({(each["historyId"], each["testCaseId"]) for each in allure}, set(read_sessions(tmp_path / night).results))
        )
    assert told[0] == told[1]
    assert len({history for history, _ in told[0][0]}) == 2


@given(st.lists(st.text(min_size=1), unique=True, max_size=30), st.integers(1, 7))
def test_every_test_is_in_exactly_one_shard(names: list[str], parts: int) -> None:
    for name in names:
        assert sum(in_shard(Key(name, "twin", "lv-current"), part, parts) for part in range(1, parts + 1)) == 1


def test_a_shard_runs_its_tests_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, MANY)
    done = session(tmp_path, "--bench-env", small(tmp_path), "--bench-shard", "1/3", "--bench-place", "gas")
    assert set(done.told.results) == set(done.told.planned)
    assert 0 < len(done.told.results) < 9
    assert all(in_shard(key, 1, 3) for key in done.told.results)


def test_what_is_in_quarantine_runs_or_is_skipped_and_keeps_its_outcome(tmp_path: Path) -> None:
    write(tmp_path, MANY)
    today = datetime.now(UTC).date()
    file = tmp_path / "quarantine.yaml"
    file.write_text(
        "".join(
            f"- test: '*::{test}'\n  reason: known\n  issue: 12\n  owner: ann\n"
            f"  added: {today.isoformat()}\n  expires: {(today).isoformat()}\n  mode: {mode}\n"
            for test, mode in (("test_fails", "run"), ("test_measures", "skip"))
        )
    )
    done = session(
        tmp_path,
        "--bench-env",
        small(tmp_path),
        "--bench-place",
        "gas",
        "--bench-quarantine",
        file,
        "-k",
        "fails or measures",
    )
    assert {key.test: each.outcome for key, each in done.told.results.items()} == {
        "test_mine.py::test_fails": "fail",
        "test_mine.py::test_measures": "skip",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bench-mode", "rack"), "describes no rack"),
        (("--bench-place", "lv-9"), "there are twin-lv-current, twin-gas"),
        (("--bench-shard", "4/3"), "write k/n"),
        (("--bench-quarantine", "none.yaml"), "there is no such file"),
        (("--bench-scale", "0"), "take 1 to 3600"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_runs(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    write(tmp_path, MANY)
    done = session(tmp_path, "--bench-env", small(tmp_path), *arguments)
    assert done.exit_code == 4 and words in done.text, done.text
    assert "Traceback" not in done.text


KILLED = """\
import os, signal
from pathlib import Path

def test_before(meter):
    pass

def test_the_machine_fails(meter):
    if not Path("again").exists():
        Path("again").touch()
        os.kill(os.getpid(), signal.SIGKILL)

def test_behind(meter):
    pass

def test_the_bench_fails_once(bench, meter):
    if not Path("served").exists():
        Path("served").touch()
        os.kill(bench.twins._serving.pid, signal.SIGKILL)
        assert meter.reader.clock().time < 0
"""


@pytest.mark.requirement("U7")
def test_a_killed_session_goes_on_and_what_the_bench_spoiled_is_tried_again(tmp_path: Path) -> None:
    write(tmp_path, KILLED)
    env = ("--bench-env", small(tmp_path), "--bench-place", "lv-current", "--bench-resume")
    first = session(tmp_path, *env)
    assert first.exit_code == -signal.SIGKILL
    assert (len(first.told.results), len(first.told.planned), first.told.open_sessions) == (1, 4, 1)
    second = session(tmp_path, *env)
    spoiled = Key("test_mine.py::test_the_bench_fails_once", "twin", "lv-current")
    assert second.told.results[spoiled].outcome == "error", second.text
    assert "started again" in " ".join(each.what for each in second.told.incidents)
    third = session(tmp_path, *env)
    assert third.exit_code == 0 and "1 passed" in third.text, third.text
    kept = third.told.results[spoiled]
    assert (kept.outcome, kept.attempts, kept.flaky) == ("pass", 2, True)
    assert [each.attempts for key, each in third.told.results.items() if key != spoiled] == [1, 1, 1]


def test_no_process_and_no_folder_stays(tmp_path: Path) -> None:
    write(
        tmp_path,
        "import os\nfrom pathlib import Path\n\ndef test_it(bench, meter):\n"
        "    Path('pid').write_text(str(bench.twins._serving.pid))\n    Path('work').write_text(str(bench.work))\n"
        "    meter.reader.clock()\n    assert 0\n",
    )
    assert session(tmp_path, "--bench-env", small(tmp_path), "-x").exit_code == 1
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
    assert not Path((tmp_path / "work").read_text()).exists()


def test_a_session_that_is_told_to_end_says_so(tmp_path: Path) -> None:
    write(
        tmp_path,
        "import time\nfrom pathlib import Path\n\ndef test_it(meter):\n    Path('on').touch()\n    time.sleep(300)\n",
    )
    results = tmp_path / "results"
    with subprocess.Popen(
        command("--bench-env", small(tmp_path), "--bench-place", "gas", "--bench-results", results),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    ) as running:
        deadline = time.monotonic() + PATIENCE
        while not (tmp_path / "on").exists():
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        running.terminate()
        assert running.wait(PATIENCE) == pytest.ExitCode.INTERRUPTED
    told = read_sessions(results)
    assert [each.outcome for each in told.results.values()] == ["aborted"]
    assert told.open_sessions == 0
