from __future__ import annotations

from importlib import resources

import msgspec
import pytest

from tests.twins.meter.fleets import plan_of_both
from twins.fleet import Fleet
from twins.meter.meters import Meters
from twins.meter.parameters import (
    ElectricParameters,
    GenerationParameters,
    MeterModelError,
    MinuteParameters,
    ProfileParameters,
    parse,
)

DATA = resources.files("twins.meter").joinpath("data")


def test_what_ships_can_be_read() -> None:
    for name, kind in (
        ("minutes", MinuteParameters),
        ("electric", ElectricParameters),
        ("generations", GenerationParameters),
        ("profiles", ProfileParameters),
    ):
        assert isinstance(parse(DATA.joinpath(f"{name}.toml").read_text("utf-8"), kind), kind)


@pytest.mark.parametrize(
    ("name", "kind", "old", "new", "message"),
    [
        ("minutes", MinuteParameters, "most = 0.75", "most = 1.5", "switched.most"),
        ("minutes", MinuteParameters, "minutes = [3, 6]", "minutes = [6, 3]", "run.kettle.minutes"),
        ("minutes", MinuteParameters, "hours = [6, 24]", "hours = [6, 25]", "run.hair_dryer.hours"),
        ("electric", ElectricParameters, "wander_part = 0.15", "wander_part = 0.5", "registers would fall"),
        (
            "electric",
            ElectricParameters,
            "[reactive.import.other]",
            "[reactive.import.some]",
            "import.other is missing",
        ),
        ("electric", ElectricParameters, "wander = 120", "wander = 400", "legs.share"),
        ("electric", ElectricParameters, "spread = 30", "spead = 30", "unknown field `spead`"),
        ("profiles", ProfileParameters, "period = 300", "period = 420", "odd period"),
        ("profiles", ProfileParameters, "keep = 3600", "keep = 3601", "number of periods"),
        ("profiles", ProfileParameters, 'meter_class = "HV"', 'meter_class = "LV"', "appears twice"),
        ("profiles", ProfileParameters, '"voltage"', '"colour"', "Invalid enum value"),
        ("generations", GenerationParameters, "digits = 6", "", "missing required field `digits`"),
        ("generations", GenerationParameters, "[clock]", "[clock", "meter model: "),
    ],
)
def test_data_that_make_no_sense_are_refused_with_their_place(name, kind, old, new, message) -> None:
    text = DATA.joinpath(f"{name}.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(MeterModelError, match=message):
        parse(text.replace(old, new), kind)


def test_a_generation_that_the_model_does_not_know_is_named() -> None:
    plan = plan_of_both(per_concentrator=2, areas=1)
    area = msgspec.structs.replace(plan.areas[0], generation_mix={"next": 0.5, "third": 0.5})
    fleet = Fleet(msgspec.structs.replace(plan, areas=(area,)), 0, 2)
    with pytest.raises(MeterModelError, match="area area 0: generation_mix names third; the meter model knows current"):
        Meters(fleet)
