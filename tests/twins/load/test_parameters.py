from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from twins.load.model import LoadModel
from twins.load.parameters import LoadModelError, japan, parse

TEXT = resources.files("twins.load").joinpath("data", "japan.toml").read_text("utf-8")


def tables(node: dict, path: str = ""):
    """Every table that holds numbers of its own, with its path."""
    if any(not isinstance(value, dict) for value in node.values()):
        yield path, node
    for name, value in node.items():
        if isinstance(value, dict):
            yield from tables(value, f"{path}.{name}".lstrip("."))


def test_every_table_says_where_its_numbers_come_from() -> None:
    found = dict(tables(tomllib.loads(TEXT)))
    assert len(found) > 25
    for path, table in found.items():
        assert len(table["source"]) > 10, path
        assert isinstance(table["verified"], bool), path


def test_the_working_prior_of_contracts_is_marked_as_unverified_and_has_its_mean() -> None:
    household = japan().classes["household"]
    assert not household.verified
    mean = sum(a * share for a, share in zip(japan().contract.amperes, household.contract_share, strict=True))
    assert mean == pytest.approx(35.3, abs=0.1)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("volts = 100", "voltage = 100", "unknown field `voltage`"),
        ("legs = 1 ", "legs = 'one' ", r"Expected `int`, got `str` - at `\$.contract.legs`"),
        ("verified = true", "", "missing required field `verified`"),
        ("share = 0.41", "share = 0.51", r"class.household.use.\*.share must be shares with sum 1"),
        ('hours = "trade"', 'hours = "siesta"', "class.shop.use.trade names shapes that do not exist"),
        ("level_share = [0.3, 0.4, 0.3]", "level_share = [0.5, 0.5]", "variety.level_share needs 3 values"),
        ("years = [4.0, 10.0]", "years = [2.0, 10.0]", "age.years must begin after"),
        ("[anchors]", "[anchors", "load model: "),
    ],
)
def test_data_that_does_not_fit_is_refused_with_its_place(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    with pytest.raises(LoadModelError, match=complaint):
        parse(TEXT.replace(old, new, 1))


def test_a_new_load_class_costs_data_only() -> None:
    block = TEXT[TEXT.index("[class.shop]") :]
    parameters = parse(TEXT + "\n" + block.replace("class.shop", "class.bakery").replace("9500.0", "20000.0"))
    model = LoadModel(parameters)
    assert model.names == ("household", "all_electric", "shop", "bakery")
    bakery, shop = model.annual_wh[3], model.annual_wh[2]
    assert bakery / shop == pytest.approx(20000 / 9500, rel=1e-4)
