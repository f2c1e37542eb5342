"""The variations of a topology: found where they stand, refused in clear words where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.topology.load import load_topology
from bench.topology.problems import TopologyError
from twins.field.variations import kind_of

TEXT = """
name: small
clock: {{ mode: virtual, start: 2026-01-15T00:00 }}
areas:
  - {{ name: hills, utility: chubu, medium: multihop, concentrators: 2, meters_per_concentrator: 10 }}
  - {{ name: line, utility: chubu, medium: plc, concentrators: 1, meters_per_concentrator: 5 }}
  - {{ name: town, utility: chubu, medium: multihop, concentrators: 3, meters_per_concentrator: 10 }}
variations:
{variations}
"""


def written(folder: Path, *variations: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(TEXT.format(variations="\n".join(f"  - {{ {each} }}" for each in variations)), "utf-8")
    return path


def test_they_come_to_the_area_the_concentrator_and_the_node_that_they_name(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "name: a, kind: door, at: TWN000000000012, start_minutes: 30, minutes: 10",
        "name: b, kind: fading, at: c000004, minutes: 60, db: 6, fading_seconds: 20",
        "name: c, kind: truck, at: TWN000000000025, minutes: 1",
    )
    hills, line, town = (field.variations for field in load_topology(path).topology.field_plan())
    (door,) = hills
    assert (door.concentrator, door.node, door.begin, door.end) == (1, 3, 1800.0, 2400.0)
    assert (door.db, door.fading_s, door.way_up) == (kind_of("door").db, 0.0, False)
    assert line == ()
    assert [(each.concentrator, each.node, each.db, each.fading_s) for each in town] == [
        (1, 0, 6.0, 20.0),
        (0, 1, 10.0, 0.0),
    ]
    assert town[1].way_up


@pytest.mark.parametrize(
    ("variation", "told"),
    [
        ("name: a, kind: door, at: TWN000000000021, minutes: 10", "line, which is plc"),
        ("name: a, kind: door, at: c000006, minutes: 10", "there is no place, meter or concentrator c000006"),
        ("name: a, kind: door, at: attic, minutes: 10", "there is no place, meter or concentrator attic"),
        ("name: a, kind: truck, at: c000000, minutes: 10", "c000000 is a concentrator"),
        ("name: a, kind: door, at: c000000, minutes: 10, fading_seconds: 5", "says nothing for door"),
        ("name: a, kind: door, at: c000000, minutes: 0", "minutes"),
        ("name: a, kind: door, at: c000000, minutes: 10, db: -3", "db"),
        ("name: a, kind: storm, at: c000000, minutes: 10", "kind"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, variation: str, told: str) -> None:
    with pytest.raises(TopologyError, match=told):
        load_topology(written(tmp_path, variation))


def test_a_name_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="a is the name of a variation above"):
        load_topology(written(tmp_path, *["name: a, kind: door, at: c000000, minutes: 10"] * 2))
