"""``bench field``: expectations, links and maps of topologies, comparisons; clear words for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli.field import app
from bench.errors import InputError
from bench.field import calibrate, compare
from bench.field.compare_traffic import compare_traffic
from bench.field.links import link_table_of
from bench.field.map import svg
from bench.field.tables import table_for, with_tables
from bench.topology import Topology, load_topology
from twins.field.areas import FieldOfAreas
from twins.field.causes import CAUSES
from twins.field.settings import MeshSetting

TOPOLOGIES = Path(__file__).parents[3] / "topologies"
VILLAGE = TOPOLOGIES / "village.yaml"
SPARSE = """
name: sparse
clock: { mode: virtual, start: 2026-01-15T00:00 }
areas:
  - name: hills
    utility: chubu
    medium: multihop
    concentrators: 3
    meters_per_concentrator: 12
    field: { area_class: suburban, spacing: 150, fallback: FALLBACK }
  - { name: flats, utility: chubu, medium: plc, concentrators: 1, meters_per_concentrator: 50 }
"""


@pytest.fixture
def sparse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Meters farther apart than a mesh bears; their statistics do not ship, and are kept in a folder of ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(calibrate, "effort", lambda meters: calibrate.Effort(sites=4, rounds=2))
    file = tmp_path / "sparse.yaml"
    file.write_text(SPARSE.replace("FALLBACK", "none"), encoding="utf-8")
    return file


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_show_tells_what_each_area_delivers_and_by_what_it_loses() -> None:
    found = invoke("show", TOPOLOGIES / "demo.yaml", "--json")
    areas = json.loads(found.stdout)["areas"]
    assert [area["area"] for area in areas] == ["town", "suburb", "mountain"]
    for area in areas:
        assert 0.97 < area["worst_concentrator"] <= area["delivered"] < 1
        assert area["delivered"] + sum(area["lost"].values()) == pytest.approx(1)
        assert 0 < area["delay_p50"] < area["delay_p99"] < 400
        assert sum(area["hops"]) == pytest.approx(1, abs=1e-4)
    assert 0 < areas[0]["air_seconds_per_hour"] < areas[0]["air_limit"] == 360
    assert areas[2]["air_limit"] is None
    assert "collision" in invoke("show", TOPOLOGIES / "demo.yaml").stdout


def test_links_agree_with_the_statistics_that_a_run_uses_meter_by_meter() -> None:
    topology = load_topology(VILLAGE).topology
    table = link_table_of(topology).table
    plan = topology.fleet_plan()
    hops = FieldOfAreas(plan, topology.field_plan()).reading(np.arange(120), plan.first_slot).hops
    assert [meter.hops for meter in table.meters] == hops.tolist()
    told = {meter.meter: meter for meter in table.meters}
    for meter in table.meters:
        assert meter.parent is not None
        assert meter.rssi_dbm is not None and meter.loss_db is not None and meter.path_etx is not None
        assert meter.rssi_dbm == pytest.approx(13.0 - meter.loss_db, abs=0.11)
        if meter.hops > 1:
            parent = told[meter.parent]
            assert parent.hops == meter.hops - 1
            assert parent.path_etx is not None and meter.path_etx >= parent.path_etx + 0.999
        else:
            assert meter.parent == "c000000"


def test_an_island_is_named_and_shown_as_lost_for_good(sparse: Path) -> None:
    shown = invoke("show", sparse, "--json")
    hills, flats = json.loads(shown.stdout)["areas"]
    assert hills["lost"]["out of reach"] > 0.02
    assert hills["warnings"][0].startswith("out-of-reach: ")
    assert flats["lost"].keys() <= {"line noise"}
    links = json.loads(invoke("links", sparse, "--json").stdout)
    alone = [meter for meter in links["meters"] if meter["parent"] is None]
    assert alone and all(meter["rssi_dbm"] is None for meter in alone)
    assert links["warnings"][0].startswith(f"unreachable-island: the mesh does not reach {len(alone)} of 12 meters")
    assert "NaN" not in shown.stdout
    carried = sparse.with_name("carried.yaml")
    carried.write_text(SPARSE.replace("FALLBACK", "cellular"), encoding="utf-8")
    rescued = json.loads(invoke("show", carried, "--json").stdout)["areas"][0]
    assert "out of reach" not in rescued["lost"] and rescued["warnings"] == []


def test_what_does_not_ship_is_fitted_once_and_kept(sparse: Path, caplog: pytest.LogCaptureFixture) -> None:
    topology = load_topology(sparse).topology
    first = with_tables(topology.field_plan(), topology.fleet_plan())
    assert "fitted now" in caplog.text
    caplog.clear()
    assert with_tables(topology.field_plan(), topology.fleet_plan()) == first
    assert caplog.text == ""
    assert first[0].table is not None and first[1].table is None


@pytest.mark.usefixtures("sparse")
def test_a_damaged_table_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setting = MeshSetting(area_class="rural", spacing_m=50.0)
    found = table_for(setting, 3, tmp_path / "tables")
    (file,) = (tmp_path / "tables").iterdir()
    file.write_bytes(b"[")
    assert table_for(setting, 3, tmp_path / "tables") == found
    assert "made again" in caplog.text


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_a_map_shows_every_meter_and_every_link(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"map{suffix}"
    found = invoke("map", VILLAGE, "--out", out)
    assert found.stdout.strip() == str(out)
    text = out.read_text("utf-8")
    assert "nan" not in text
    drawing = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    names = "".join(title.text or "" for title in drawing.iter("{http://www.w3.org/2000/svg}title"))
    assert all(f"TWN{meter:012d}: " in names for meter in range(120))
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}line"))) == 120


def test_a_map_marks_meters_without_a_way(sparse: Path) -> None:
    table = link_table_of(load_topology(sparse).topology).table
    assert svg(table).count(": no way; ") == sum(meter.parent is None for meter in table.meters) + 1  # and the legend


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("links", VILLAGE, "-c", "c000009"), "c000009: no such concentrator; there are c000000 to c000001"),
        (("links", VILLAGE, "-c", "north"), "not the id of a concentrator"),
        (("map", VILLAGE, "-c", "c000001"), "its area farms is cellular"),
        (("map", VILLAGE, "-o", "map.png"), "an .html or an .svg file"),
        (("map", VILLAGE, "-o", "nowhere/map.svg"), "no such folder"),
    ],
)
def test_what_has_no_links_is_refused_with_a_message(arguments: tuple[object, ...], message: str) -> None:
    found = invoke(*arguments)
    assert isinstance(found.exception, InputError)
    assert message in str(found.exception)


def test_statistics_that_ship_agree_with_the_engine_and_those_of_another_kind_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = MeshSetting(area_class="rural")
    sites = range(10_000, 10_008)
    fair = compare.compare(setting, 60, sites, rounds=6)
    assert fair.holds, "run bench field calibrate"
    other = table_for(MeshSetting(area_class="rural"), 1000)
    monkeypatch.setattr(compare, "table_for", lambda setting, meters: other)
    assert not compare.compare(setting, 60, sites, rounds=6).holds


def test_a_jammer_beside_one_concentrator_is_what_its_meters_suffer_from_and_nobody_else() -> None:
    jammed, calm = (
        Topology.model_validate(
            {
                "name": "jammed",
                "clock": {"mode": "virtual", "start": "2026-01-15T00:00"},
                "areas": [
                    {
                        "name": "town",
                        "utility": "tepco",
                        "medium": "multihop",
                        "concentrators": 4,
                        "meters_per_concentrator": 60,
                        "field": {"area_class": "suburban", "jammers": jammers},
                    }
                ],
            }
        )
        for jammers in ([{"concentrator": 2, "east": 5, "north": 5, "power": 20}], [])
    )
    plan = jammed.fleet_plan()
    one, other = (FieldOfAreas(plan, with_tables(each.field_plan(), plan)) for each in (jammed, calm))
    index = np.arange(240)
    beside = np.concatenate([one.reading(index, slot).cause for slot in range(20)]).reshape(20, 4, 60)
    usual = np.concatenate([other.reading(index, slot).cause for slot in range(20)]).reshape(20, 4, 60)
    elsewhere = [0, 1, 3]
    assert (beside[:, elsewhere] == usual[:, elsewhere]).all()
    lost = beside[:, 2][beside[:, 2] > 0]
    assert len(lost) > 20 * 60 * 0.3
    assert (lost == CAUSES.index("jammed")).mean() > 0.8


BUSY = """\
name: busy
clock: { mode: virtual, start: 2026-01-15T00:00 }
areas:
  - name: town
    utility: tepco
    medium: MEDIUM
    concentrators: 4
    meters_per_concentrator: 100
    field:
      traffic: {five_minute: 0.5, polls: 2, firmware: 60, joins: JOINS}
"""


def test_other_traffic_is_shown_by_class_and_costs_readings(tmp_path: Path) -> None:
    file, alone = tmp_path / "busy.yaml", tmp_path / "alone.yaml"
    text = BUSY.replace("MEDIUM", "multihop").replace("JOINS", "0.1")
    file.write_text(text, encoding="utf-8")
    alone.write_text(text.split("    field:")[0], encoding="utf-8")
    busy, calm = (json.loads(invoke("show", each, "--json").stdout)["areas"][0] for each in (file, alone))
    assert [each["name"] for each in busy["traffic"]] == ["five_minute", "polls", "firmware", "joins"]
    assert all(0 < each["air"] < 1 and 0.5 < each["delivered"] <= 1 for each in busy["traffic"])
    assert busy["delivered"] < calm["delivered"] and busy["air_seconds_per_hour"] > calm["air_seconds_per_hour"]
    assert calm["traffic"] == []
    assert "of the air" in invoke("show", file).stdout


@pytest.mark.parametrize(
    ("medium", "joins", "words"),
    [("cellular", "0.1", "traffic"), ("multihop", "1.5", "joins"), ("multihop", "-1", "joins")],
)
def test_traffic_that_says_nothing_or_was_never_fitted_is_refused(
    medium: str, joins: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "busy.yaml"
    file.write_text(BUSY.replace("MEDIUM", medium).replace("JOINS", joins), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_topology(file)


def test_mixes_that_no_fit_has_seen_are_within_the_bars() -> None:
    found = compare_traffic("busy", MeshSetting(area_class="suburban"), 60, range(10_000, 10_006), 2)
    assert found.holds
    by_name = {each.name: each for each in found.classes}
    assert by_name["readings"].offered > 600
    assert set(by_name) >= {"five_minute", "polls", "controls"}
    assert abs(by_name["polls"].delivered_a - by_name["polls"].delivered_b) < 0.05
