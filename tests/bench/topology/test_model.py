from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.measure import load_limits
from bench.topology import Topology, load_topology
from bench.topology.field import FieldSettings
from protocols.slots import JST, jst, slot_of_day
from twins.catalogue import DEFECTS
from twins.hosts import ATTACHABLE
from twins.load.parameters import japan

TOPOLOGIES = Path(__file__).parents[3] / "topologies"


def topology(**changes: Any) -> Topology:
    area = {"name": "north", "utility": "tepco", "medium": "plc", "concentrators": 4}
    return Topology.model_validate(
        {"name": "test", "clock": {"mode": "virtual", "start": "2026-01-15T00:00"}, "areas": [area], **changes}
    )


def test_the_demo_is_10_000_meters_in_two_kinds_of_mesh_and_a_valley() -> None:
    demo = load_topology(TOPOLOGIES / "demo.yaml").topology
    assert (demo.meters, demo.slots, demo.clock.mode) == (10_000, 48, "virtual")
    town, suburb, mountain = demo.field_plan()
    assert (town.mesh.area_class, suburb.mesh.area_class, mountain.deep_share) == ("urban", "suburban", 0.1)


@pytest.mark.parametrize(("written", "mode"), [("3", "3"), ("5", "5"), ("'5'", "5"), ("4b", "4b")])
def test_a_radio_mode_may_be_written_as_yaml_reads_it(written: str, mode: str, tmp_path: Path) -> None:
    text = (TOPOLOGIES / "village.yaml").read_text("utf-8")
    assert text.count("area_class: rural\n") == 1
    path = tmp_path / "modes.yaml"
    path.write_text(text.replace("area_class: rural\n", f"mode: {written}\n"), "utf-8")
    assert load_topology(path).topology.areas[0].field.mode == mode


@pytest.mark.parametrize("mode", [3.0, True, 7, None, ["5"]])
def test_no_other_value_is_a_radio_mode(mode: Any) -> None:
    with pytest.raises(ValidationError):
        FieldSettings(mode=mode)


def test_the_village_is_200_meters_at_2_concentrators() -> None:
    village = load_topology(TOPOLOGIES / "village.yaml").topology
    assert (village.meters, village.concentrators, village.slots) == (200, 2, 48)


@pytest.mark.parametrize("name", ["demo.yaml", "village.yaml"])
def test_shipped_topologies_begin_a_winter_weekday_at_midnight_in_japan(name: str) -> None:
    loaded = load_topology(TOPOLOGIES / name)
    start = loaded.topology.clock.start
    assert (start.month, start.weekday() < 5, start.hour) == (1, True, 0)
    assert loaded.text.startswith("# yaml-language-server: $schema=topology.schema.json\n")


def test_the_fleet_plan_says_what_the_areas_say() -> None:
    loaded = load_topology(TOPOLOGIES / "village.yaml").topology
    plan = loaded.fleet_plan()
    assert (plan.seed, plan.meters, plan.concentrators) == (loaded.seed, loaded.meters, loaded.concentrators)
    assert slot_of_day(plan.first_slot) == 0
    assert plan.areas[0].generation_mix == {"current": 0.9, "next": 0.1}
    assert plan.areas[1].load_mix == {"household": 0.6, "all_electric": 0.4}
    assert [field.mesh.area_class for field in loaded.field_plan()] == ["rural", "suburban"]


def test_thirds_may_be_rounded_and_reach_the_plan_as_thirds() -> None:
    third = {"household": 0.333333, "all_electric": 0.333333, "shop": 0.333333}
    area = {"name": "a", "utility": "tepco", "medium": "plc", "concentrators": 1, "load_mix": third}
    assert topology(areas=[area]).fleet_plan().areas[0].load_mix["shop"] == pytest.approx(1 / 3, abs=1e-12)


@pytest.mark.parametrize(
    "text", ["2026-01-15T00:30", "2026-01-15T00:30+09:00", "2026-01-14T15:30Z", "2026-01-15 00:30:00"]
)
def test_a_start_is_japanese_time_unless_it_says_otherwise(text: str) -> None:
    clock = topology(clock={"mode": "virtual", "start": text}).clock
    assert clock.start == datetime(2026, 1, 15, 0, 30, tzinfo=JST)
    assert jst(clock.first_slot * 1800) == clock.start


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, 100))))
def test_a_count_of_defective_meters_is_that_many_and_spread_over_the_fleet(sizes: tuple[int, int]) -> None:
    count, extra = sizes
    area = {
        "name": "a",
        "utility": "tepco",
        "medium": "plc",
        "concentrators": count + extra,
        "meters_per_concentrator": 1,
    }
    plans = topology(
        areas=[area], defects=[{"kind": "silent", "meters": count}, {"kind": "wrong-tag", "meters": count}]
    )
    for plan in plans.defect_plans():
        assert len(set(plan.meters)) == count
        assert 0 <= min(plan.meters) <= max(plan.meters) < count + extra
        # No two neighbours are further apart than an even spread leaves them, going round the end.
        gaps = [b - a for a, b in zip(plan.meters, [*plan.meters[1:], plan.meters[0] + count + extra], strict=True)]
        assert max(gaps) <= -(-(count + extra) // count) + 1


def test_defects_given_by_id_and_by_count_become_indices() -> None:
    plans = topology(
        defects=[
            {"kind": "late", "meters": ["TWN000000000999", "TWN000000000003"], "minutes": 75},
            {"kind": "silent", "meters": 2},
        ]
    ).defect_plans()
    assert [(p.kind, p.meters, p.minutes) for p in plans] == [("late", (3, 999), 75.0), ("silent", (251, 751), 0.0)]


def test_every_defect_that_twins_know_may_be_planted_and_no_other() -> None:
    for kind in DEFECTS.keys() - {"hidden-error"}:  # which needs an emulated rack: test_emulation.py
        topology(defects=[{"kind": kind, "meters": 1, **({"minutes": 1} if kind == "late" else {})}])
    with pytest.raises(ValidationError):
        topology(defects=[{"kind": "slow", "meters": 1}])


def test_every_load_class_of_the_load_model_may_be_used() -> None:
    area = {"utility": "tepco", "medium": "plc", "concentrators": 1}
    homes = {"name": "homes", **area}
    for name, load_class in japan().classes.items():
        changes = {"meter_class": load_class.meter_class, "load_mix": {name: 1}}
        if load_class.meter_class in ATTACHABLE:
            changes["through"] = "homes"
        plan = topology(areas=[homes, {"name": "a", **area, **changes}]).fleet_plan()
        assert plan.areas[1].load_mix == {name: 1.0}


@pytest.mark.parametrize(
    ("meter_class", "usual"), [("LV", "household"), ("HV", "office"), ("gas", "gas_home"), ("water", "water_home")]
)
def test_an_area_without_a_load_mix_has_the_usual_customers_of_its_meters(meter_class: str, usual: str) -> None:
    area = {"utility": "tepco", "medium": "plc", "concentrators": 1}
    other = {"name": "a", **area, "meter_class": meter_class}
    if meter_class in ATTACHABLE:
        other["through"] = "homes"
    plan = topology(areas=[other, {"name": "homes", **area}]).fleet_plan()
    assert [a.load_mix for a in plan.areas] == [{usual: 1.0}, {"household": 1.0}]
    assert (plan.areas[0].meter_class, plan.areas[0].through) == (meter_class, other.get("through", ""))


@pytest.mark.parametrize(("length", "slots"), [({}, 48), ({"days": 0.5}, 24), ({"days": 7}, 336), ({"slots": 5}, 5)])
def test_a_collection_lasts_a_day_or_what_is_said(length: dict[str, float], slots: int) -> None:
    assert topology(campaigns={"collection": length}).slots == slots


def test_limits_of_the_topology_take_the_place_of_those_that_ship() -> None:
    limits = {"on_time_share": {"low": 0.99}, "rejected_messages": {"high": None}, "delay_max": {"high": 60}}
    judged = topology(campaigns={"collection": {"limits": limits}}).campaigns.collection.judged_by()
    shipped = load_limits("collection")
    assert list(judged) == list(shipped)
    assert (judged["on_time_share"].low, judged["on_time_share"].requirements) == (0.99, ("A5", "A3"))
    assert (judged["rejected_messages"].high, judged["delay_max"].high) == (None, 60)
    assert judged["on_time_share"].source.startswith("topology, instead of: S2")
    assert judged["final_share"] == shipped["final_share"]


def test_a_topology_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        topology().seed = 2  # type: ignore[misc]


def test_a_faulty_topology_made_in_code_says_why() -> None:
    with pytest.raises(ValidationError, match="7 does not divide 1800"):
        topology(clock={"mode": "virtual", "start": "2026-01-15", "tick": 7})
