"""Allure's page: trends over exactly the nights before, and not a word to anybody outside.

Where Allure is installed (``bench allure --install``) pages are really made, and really opened in a browser.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli.main import application
from bench.errors import BenchFault, InputError
from bench.night.folder import NightFolder
from bench.report import allure_html
from bench.report.allure_html import LINE_FILE, make_page, pinned_version, stripped
from tests.bench.night.test_conclude import Lab
from tests.e2e.test_report_page import FLAGS

WITHOUT = allure_html.why_not()
CHROMIUM = shutil.which("chromium")
ANALYTICS = """
    <script async src="https://www.googletagmanager.com/gtag/js?id=G-LNDJ3J7WT0"></script>
    <script>
        window.dataLayer = window.dataLayer || [];
        function gtag(){dataLayer.push(arguments);}
        gtag('js', new Date());
    </script>
"""
PAGE = f'<html><head><meta charset="utf-8"></head><body><script>let a = 1;</script>{ANALYTICS}</body></html>'

_SHOWN_STATUS = re.compile(r'data-testid="tree-leaf-status-(\w+)"')

needs_allure = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (the test set-up installs it as root)"
)


def allure_result(night: NightFolder, test: str, status: str, target: str = "rack-lv-1") -> None:
    """A result as allure-pytest writes it, in the folder of a shard."""
    where = night.path / "shards" / "rack-lv-1" / "allure"
    where.mkdir(parents=True, exist_ok=True)
    number = len(list(where.glob("*-result.json")))
    told: dict[str, Any] = {
        "uuid": f"{number:08}-0000-4000-8000-000000000000",
        "testCaseId": test,
        "fullName": f"suites.test_a#{test}",
        "name": f"{test}[{target}]",
        "status": status,
        "start": 1_700_000_000_000 + number,
        "stop": 1_700_000_001_000 + number,
        "labels": [{"name": "parentSuite", "value": target.partition("-")[0]}, {"name": "suite", "value": "test_a"}],
        "parameters": [{"name": "bench_target", "value": repr(target)}],
    }
    if status != "passed":
        told["statusDetails"] = {"message": "bench error: silent" if status == "broken" else "it is off"}
    (where / f"{told['uuid']}-result.json").write_text(json.dumps(told), "utf-8")


def night(lab: Lab, number: int, **statuses: str) -> NightFolder:
    made = lab.night(number)
    for test, status in statuses.items():
        allure_result(made, test, status)
        allure_result(made, test, "passed", "twin-lv-current")
    lab.conclude(made)
    return made


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_the_analytics_are_cut_out_and_nothing_else() -> None:
    clean = stripped(PAGE)
    assert "googletagmanager" not in clean and "gtag(" not in clean
    assert "<script>let a = 1;</script>" in clean
    assert "Content-Security-Policy" in clean


def test_a_page_in_which_the_analytics_are_not_found_is_not_kept() -> None:
    with pytest.raises(BenchFault, match="pinned Allure"):
        stripped("<html></html>")
    with pytest.raises(BenchFault, match="from outside"):
        stripped(PAGE + '<script src="//elsewhere.example/a.js"></script>')


def test_the_lock_holds_what_is_pinned_with_hashes() -> None:
    folder = Path(allure_html.__file__).parent / "allure"
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    assert lock["node_modules/allure"]["version"] == pinned_version()
    assert all("integrity" in each for name, each in lock.items() if name)
    assert not any("resolved" in each for each in lock.values()), "whose registry it is, is the user's matter"
    assert not [each for each in lock.values() if "GPL" in str(each.get("license", ""))]


def test_without_allure_the_benchs_own_page_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = {name: night(lab, number, test_a="passed") for number, name in enumerate(("last-1", "last"), 1)}
    monkeypatch.setenv(allure_html.HOME, str(lab.results / "nowhere"))
    for name, made in nights.items():
        outcome = json.loads(_asked(lab, name).stdout)
        assert (outcome["night"], outcome["allure"]) == (made.path.name, False)
        assert Path(outcome["page"]) == made.path / "night.html"
        assert "install" in outcome["reason"]
    refused = _asked(lab, "last-2").exception
    assert isinstance(refused, InputError) and "has 2 nights" in str(refused)


def _asked(lab: Lab, name: str) -> Any:
    line = ["allure", name, "--results", str(lab.results), "--json"]
    return CliRunner().invoke(application(line), line)


def test_a_night_without_allure_results_is_refused(lab: Lab, tmp_path: Path) -> None:
    made = lab.night(1)
    with pytest.raises(InputError, match="no Allure results"):
        make_page(made, [], tmp_path / "out")


@needs_allure
def test_the_trends_are_those_of_the_nights_before_however_often_it_is_made(lab: Lab, tmp_path: Path) -> None:
    first = night(lab, 1, test_a="passed", test_b="passed")
    second = night(lab, 2, test_a="failed", test_b="passed")
    third = night(lab, 3, test_a="passed", test_b="failed")
    page = make_page(third, [second, first], tmp_path / "out").read_text("utf-8")
    lines = [json.loads((each.path / LINE_FILE).read_text("utf-8")) for each in (first, second, third)]
    assert [line["name"] for line in lines] == ["n01", "n02", "n03"]
    assert [_statuses(line, "test_a", "rack") for line in lines] == [["passed"], ["failed"], ["passed"]]
    assert [_statuses(line, "test_a", "twin") for line in lines] == [["passed"]] * 3
    assert all(len(line["testResults"]) == 4 for line in lines), "rack and twin do not overwrite each other"
    again = make_page(third, [second, first], tmp_path / "again").read_text("utf-8")
    assert _history(page) == _history(again) == [2, 2, 2, 2]
    assert _history(make_page(second, [first], tmp_path / "older").read_text("utf-8")) == [1, 1, 1, 1]


@needs_allure
@needs_browser
def test_the_page_opens_with_its_trends_and_asks_nobody_for_anything(lab: Lab, tmp_path: Path) -> None:
    nights = [night(lab, number, test_a=status) for number, status in enumerate(("passed", "failed", "passed"), 1)]
    for last, statuses in ((2, ["failed", "passed"]), (1, ["passed"])):  # of the nights before, newest first
        page = make_page(nights[last], nights[:last][::-1], tmp_path / f"out-{last}")
        shown, hosts = _opened(page, tmp_path, f"#{_result_id(page, 'test_a[rack-lv-1]')}/history")
        assert "Powered by" in shown and "test_a" in shown
        assert hosts == set()
        items = shown.split('data-testid="test-result-history-item"')[1:]
        assert [match[1] for each in items if (match := _SHOWN_STATUS.search(each))] == statuses
    told = tmp_path / "with-analytics.html"
    told.write_text(PAGE, "utf-8")
    assert "www.googletagmanager.com" in _opened(told, tmp_path)[1], "the browser's log would show it"


def _statuses(line: dict[str, Any], test: str, kind: str) -> list[str]:
    return [each["status"] for each in line["testResults"].values() if each["name"].startswith(f"{test}[{kind}")]


def _results(page: str) -> list[dict[str, Any]]:
    """Results that the page holds: its data stand in it as base64."""
    return [
        json.loads(base64.b64decode(data))
        for name, data in re.findall(r"d\(\"([^\"]*)\",\"([^\"]*)\"\)", page)
        if re.fullmatch(r"data/test-results/[^/]*\.json", name)
    ]


def _history(page: str) -> list[int]:
    """How many earlier results the page holds of each test."""
    return sorted(len(each.get("history", [])) for each in _results(page))


def _result_id(page: Path, name: str) -> str:
    """Allure's own id of a result that the page holds."""
    return next(str(each["id"]) for each in _results(page.read_text("utf-8")) if each["name"] == name)


def _opened(page: Path, scratch: Path, fragment: str = "") -> tuple[str, set[str]]:
    """The page as a browser shows it, and the hosts that it wanted something of; no name can be resolved.

    Chromium asks its maker for updates and the time by itself: those are none of the page's.
    """
    log = scratch / "net.json"
    done = subprocess.run(
        [
            str(CHROMIUM),
            *FLAGS,
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={scratch / 'profile'}",
            f"--log-net-log={log}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            f"file://{page.resolve()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    hosts = set(re.findall(r"\"url\":\"(?:https?|wss?)://([^/\":]+)", log.read_text("utf-8")))
    own = re.compile(
        r"(accounts|clients\d*|update|redirector|optimizationguide-pa|safebrowsing)\.(google|googleapis|gvt1)\.com"
    )
    return done.stdout, {host for host in hosts if not own.fullmatch(host)}
