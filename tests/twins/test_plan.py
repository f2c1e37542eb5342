"""The plan: every process counts the same meters in the same places."""

from __future__ import annotations

import msgspec
import numpy as np

from tests.twins.plans import plan
from twins.plan import FleetPlan, concentrator_id, meter_id, system_title, system_titles


def test_meters_stand_area_by_area_and_concentrator_by_concentrator() -> None:
    fleet = plan((2, 3), (1, 4))
    index = np.arange(fleet.meters)
    assert fleet.meters == 10
    assert fleet.concentrators == 3
    assert fleet.area_of(index).tolist() == [0] * 6 + [1] * 4
    assert fleet.concentrator_of(index).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]


def test_ids_and_system_titles_say_the_same() -> None:
    (title,) = system_titles(np.array([123_456_789]))
    raw = system_title(123_456_789)
    assert raw == int(title).to_bytes(8, "big")
    assert meter_id(123_456_789) == "TWN000123456789" == raw[:3].decode() + f"{int.from_bytes(raw[3:], 'big'):012d}"
    assert concentrator_id(42) == "c000042"


def test_a_plan_survives_the_way_to_another_process() -> None:
    fleet = plan((2, 3))
    again = msgspec.json.decode(msgspec.json.encode(fleet), type=FleetPlan)
    assert again == fleet
    assert again.meters == 6
