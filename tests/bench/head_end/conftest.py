from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.head_end.rig import Station
from twins.plan import FleetPlan

MakeStation = Callable[..., Station]


@pytest.fixture
def station(tmp_path: Path) -> Iterator[MakeStation]:
    """Makes head-ends over the test's one folder: a second one is the first one started again."""
    made: list[Station] = []

    def make(plan: FleetPlan, **options: Any) -> Station:
        made.append(Station(plan, tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()
