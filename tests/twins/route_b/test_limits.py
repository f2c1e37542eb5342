"""Limits are data: all of them are there, with a source, and impossible ones are refused."""

from __future__ import annotations

from importlib import resources

import pytest

from twins.route_b.limits import LimitsError, parse, shipped_limits

TEXT = resources.files("twins.route_b").joinpath("data", "limits.toml").read_text("utf-8")


def test_a_current_meter_has_one_controller_and_a_next_one_several() -> None:
    limits = shipped_limits()
    assert limits.controllers["current"].at_once == 1
    assert limits.controllers["next"].at_once > 1
    assert limits.session.lifetime_s == 0x15180


@pytest.mark.parametrize(
    ("old", "new"),
    [("at_once = 1", "at_once = 0"), ("burst = 10", ""), ("waiting = 20", 'waiting = "few"'), ("[", "<")],
)
def test_impossible_limits_are_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(LimitsError, match="B-route limits"):
        parse(TEXT.replace(old, new))
