"""Processor time by stage."""

from __future__ import annotations

import pytest

from twins import stages
from twins.stages import Stages


def test_time_adds_up_under_the_name_of_its_stage_even_when_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1.0, 1.5, 10.0, 12.0, 20.0, 20.25])
    monkeypatch.setattr(stages.time, "thread_time", lambda: next(moments))
    told = Stages()
    with told("send"):
        pass
    with pytest.raises(ValueError), told("meter"):
        raise ValueError
    with told("send"):
        pass
    assert told.figures() == {"cpu_send": 0.75, "cpu_meter": 2.0}
