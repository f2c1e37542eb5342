"""Exhibits on the page: words are escaped, curves and maps become pictures, axes have readable numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.exhibits import FILE, Curve, CurvesExhibit, Panel, TableExhibit, read, write
from bench.report.exhibits import shown
from bench.report.render import render
from tests.bench.record.factory import make_run

TABLE = TableExhibit(title="Lost <where>", headers=("Area", "Values"), rows=(("town & suburb", "7"),), right=(1,))
CURVES = CurvesExhibit(
    title="Loss",
    panels=tuple(
        Panel(
            title=f"panel {number}",
            curves=(
                Curve(label="theory", x=(1.0, 1000.0), y=(0.0, 100.0)),
                Curve(label="counted", x=(10.0,), y=(40.0,), style="points", low=(30.0,), high=(50.0,)),
            ),
            x_label="s",
            y_label="%",
            x_scale="log",
            limit=60.0,
            limit_label="limit",
        )
        for number in range(4)
    ),
)


def test_exhibits_of_a_run_stand_in_its_report(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    write(folder.path, [TABLE, CURVES])
    assert read(folder.path) == [TABLE, CURVES]
    html = render(folder).read_text("utf-8")
    assert "<h2>Lost &lt;where&gt;</h2>" in html
    assert "town &amp; suburb" in html
    assert "panel 3" in html and "theory" in html and "limit" in html
    assert "mathdefault" not in html
    assert render(folder).read_text("utf-8") == html, "the same run gives the same bytes"


def test_a_run_without_exhibits_has_none_and_a_broken_file_is_named(tmp_path: Path) -> None:
    assert read(tmp_path) == [] == shown([])
    (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=FILE):
        read(tmp_path)
