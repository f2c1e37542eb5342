"""The page: self-contained, well formed, the same every time, and there for every kind of run."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bench.record.folder import RunFolder
from bench.record.model import Event, Unrecovered
from bench.report.render import render
from tests.bench.record.factory import FIRST_SLOT, full_day, make_run, measurement, reading_columns, unrecovered

VOID = {"meta", "br", "link", "img", "input", "hr"}
EVIL = '<script>alert("x")</script>&amp;'


class Page(HTMLParser):
    """Reads a page as a browser would: open elements, visible text, ids and whatever points somewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.targets: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids[str(value)] += 1
            if name in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}:
                self.targets.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def read(folder: RunFolder) -> tuple[str, Page]:
    path = render(folder)
    assert path == folder.path / "report.html"
    html = path.read_text("utf-8")
    return html, Page(html)


def failed_run(results: Path, **fields: object) -> RunFolder:
    """Six meters, of which 4 is late once and 5 silent from the second slot on."""
    readings = full_day(6, 4)
    slot = readings["slot"] - FIRST_SLOT
    readings["arrival"] = np.where(
        (readings["meter"] == 4) & (slot == 2), readings["arrival"] + 4000, readings["arrival"]
    )
    kept = {name: values[(readings["meter"] != 5) | (slot == 0)] for name, values in readings.items()}
    defaults: dict[str, object] = {
        "verdict": "fail",
        "readings": kept,
        "measurements": [
            measurement("final_share", 21 / 24, "fail", unit="1", low=1.0, high=None),
            measurement("delay_max", None, "fail", unit="s"),
        ],
        "unrecovered": [unrecovered(5, [1, 2, 3])],
        "events": [Event(time="2026-11-21T20:11:40.000Z", sim_time=None, what="shard 1 was started again")],
    }
    return make_run(results, **(defaults | fields))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    """HTML and page of the failed run; drawn once, since nobody changes it."""
    return read(failed_run(tmp_path_factory.mktemp("failed")))


def test_the_verdict_comes_first_with_what_was_tested_and_how_it_came_out(tmp_path: Path) -> None:
    _, page = read(make_run(tmp_path))
    head = page.text[: page.text.index("Measurements")]
    assert "✓ Pass" in head
    assert "All 24 values of 6 meter twins are stored, each within 60 minutes of the end of its interval." in head
    assert "Campaign “collection” on topology “synthetic”" in head
    assert "2024-10-04 00:00 to 2024-10-04 02:00" in head
    assert "No meter has a late or a missing value." in page.text


def test_a_failed_run_says_what_fell_short_and_where(failed: tuple[str, Page]) -> None:
    _, page = failed
    assert "✗ Fail" in page.text
    assert (
        "Of 24 values of 6 meter twins, 3 (12.5 %) are missing, and 1 (4.2 %) came later than 60 minutes" in page.text
    )
    assert "Not kept: final_share, delay_max." in page.text
    assert "final_share is 87.5 %, must be at least 100 %." in page.text
    assert "delay_max was not measured" in page.text
    assert "Meters given up (1)" in page.text
    assert "TWN000000000005 suburb c000 3 values between 2024-10-04 00:30 and 2024-10-04 02:00" in page.text
    assert "2 of 6 meters have late or missing values." in page.text
    assert "shard 1 was started again" in page.text


def test_how_to_repeat_the_run_is_on_the_page(tmp_path: Path) -> None:
    _, page = read(make_run(tmp_path, command="bench run topologies/demo.yaml --quiet", git="c0ffee" * 6))
    for fact in ("bench run topologies/demo.yaml --quiet", "ab" * 32, "Seed 7", "python 3.11.7", "Test CPU", "c0ffee"):
        assert fact in page.text
    assert "software twins" in page.text


def test_the_page_asks_nothing_of_any_network(failed: tuple[str, Page]) -> None:
    html, page = failed
    assert page.tags["svg"] == 4
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == page.tags["object"] == 0
    assert page.targets, "the map is an embedded image"
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in page.targets)
    assert re.findall(r"url\((?!#)", html) == []
    assert "@import" not in html
    assert "http" not in html


def test_ids_are_unique_and_every_reference_has_its_target(failed: tuple[str, Page]) -> None:
    html, page = failed
    assert [name for name, times in page.ids.items() if times > 1] == []
    wanted = set(re.findall(r"url\(#([^)]+)\)", html)) | {t[1:] for t in page.targets if t.startswith("#")}
    assert wanted
    assert wanted <= page.ids.keys()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    first = render(folder).read_bytes()
    folder.report_path.unlink()
    assert render(folder).read_bytes() == first


def test_names_that_look_like_html_are_text(tmp_path: Path) -> None:
    folder = failed_run(
        tmp_path,
        name=EVIL,
        areas=[(EVIL, 2, 3)],
        command=EVIL,
        measurements=[measurement(EVIL, 1.0, "fail", doc=EVIL, source=EVIL, unit=EVIL)],
        events=[Event(time=EVIL, sim_time=EVIL, what=EVIL)],
        unrecovered=[Unrecovered(meter=EVIL, area=EVIL, concentrator=EVIL, slots=[FIRST_SLOT])],
        rejections={
            "arrival": np.zeros(1),
            "meter": np.array([0]),
            "reason": np.array([EVIL], object),
            "counter": np.array([1]),
        },
    )
    _, page = read(folder)
    assert page.tags["script"] == 0
    assert page.text.count(EVIL) > 10


def test_an_area_name_with_dollar_signs_is_drawn_as_it_is_and_not_as_a_formula(tmp_path: Path) -> None:
    _, page = read(make_run(tmp_path, areas=[("$\\frac{$", 1, 3), ("_west", 1, 3)]))
    assert "area $\\frac{$" in page.text
    assert "area _west" in page.text


def test_an_aborted_run_without_any_column_still_has_a_page(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, make_run(tmp_path / "other").load())
    record = folder.load()
    record.verdict, record.summary, record.measurements = "aborted", {}, []
    folder.save(record)
    _, page = read(folder)
    assert "■ Aborted" in page.text
    assert "stopped before its end" in page.text
    assert "Nothing was measured." in page.text
    assert page.tags["svg"] == 0


def test_a_run_that_stored_nothing_shows_everything_missing(tmp_path: Path) -> None:
    nothing = {name: values[:0] for name, values in full_day(1, 1).items()}
    _, page = read(make_run(tmp_path, verdict="fail", readings=nothing))
    assert "None of the 24 values of 6 meter twins is stored." in page.text
    assert page.tags["svg"] == 2


def test_a_single_meter_with_a_single_value_has_a_page(tmp_path: Path) -> None:
    _, page = read(make_run(tmp_path, areas=[("a", 1, 1)], slots=1))
    assert "of 1 meter twin " in page.text
    assert "no interval is known" in page.text


def test_a_bench_error_is_the_benchs_fault_and_names_its_last_event(tmp_path: Path) -> None:
    event = Event(time="2026-11-21T20:11:40.000Z", what="bench error: no broker")
    _, page = read(make_run(tmp_path, verdict="error", events=[event], summary={}))
    assert "! Bench error" in page.text
    assert "says nothing about the meters. Last event: bench error: no broker." in page.text


def test_a_bench_error_tells_its_reason_whatever_came_after_it(tmp_path: Path) -> None:
    event = Event(time="2026-11-21T20:11:40.000Z", what="places are free again")
    _, page = read(make_run(tmp_path, verdict="error", reason="bench error: no broker", events=[event], summary={}))
    assert "says nothing about the meters. bench error: no broker." in page.text


def test_an_inconclusive_run_names_what_it_does_not_prove(tmp_path: Path) -> None:
    overruns = measurement("pacing_overruns", 3.0, "inconclusive")
    _, page = read(make_run(tmp_path, verdict="inconclusive", measurements=[overruns], summary={}))
    assert "the run does not prove it: pacing_overruns." in page.text


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        ({"state": "running", "verdict": None}, "Interrupted"),
        ({"state": "finished", "verdict": None}, "Not judged"),
        ({"state": "finished", "verdict": "splendid"}, "Not judged"),
    ],
)
def test_a_run_without_a_verdict_says_why(tmp_path: Path, fields: dict[str, str | None], headline: str) -> None:
    _, page = read(make_run(tmp_path, summary={}, **fields))
    assert page.text.index(headline) < page.text.index("Measurements")


def test_hundreds_of_concentrators_and_three_days_stay_one_readable_page(tmp_path: Path) -> None:
    meter, slot = (grid.ravel() for grid in np.meshgrid(np.arange(400), np.arange(144)))
    readings = reading_columns(meter, slot, 20.0 + meter % 7)
    html, page = read(make_run(tmp_path, areas=[("a", 200, 1), ("b", 200, 1)], slots=144, readings=readings))
    assert "below the line, the others in groups" in page.text
    assert "2024-10-06" in page.text
    assert len(html) < 400_000
