"""What Allure gets besides what allure-pytest writes by itself; nothing happens where no results for it are wanted.

Identity: allure-pytest knows a result by its full name and its parameters. The target is one of them, so a rack and a
twin never overwrite each other; measurements are parameters that are left out of the identity, for they change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bench.pytest_plugin.measuring import AttachmentKind, Measure
from bench.record.atomic import write_text

_BENCH, _DIVERGENCE = "[\\s\\S]*bench error: [\\s\\S]*", "[\\s\\S]*twin divergence: [\\s\\S]*"
CATEGORIES: Final = (
    {"name": "bench", "messageRegex": _BENCH, "matchedStatuses": ["failed", "broken"]},
    {"name": "twin divergence", "messageRegex": _DIVERGENCE, "matchedStatuses": ["failed", "broken"]},
    {
        "name": "product",
        "messageRegex": "(?![\\s\\S]*(bench error|twin divergence): )[\\s\\S]*",
        "matchedStatuses": ["failed", "broken"],
    },
)


class AllureResults:
    """Tells allure-pytest about tests; made only where it is there and writes results."""

    def __init__(self, folder: Path) -> None:
        import allure

        self._allure: Any = allure
        self._folder = folder

    def began(self, kind: str, place: str, requirements: tuple[str, ...]) -> None:
        """Labels of the test that runs now: what the report groups by."""
        self._allure.dynamic.label("bench", kind)
        self._allure.dynamic.label("place", place)
        self._allure.dynamic.parent_suite(kind)
        for row in requirements:
            self._allure.dynamic.tag(row)

    def measured(self, measure: Measure) -> None:
        """Measurements of the test that runs now: each a parameter, all together a table."""
        for each in measure.taken:
            shown = "none" if each.value is None else f"{each.value:g} {each.unit}".strip()
            self._allure.dynamic.parameter(each.name, shown, excluded=True)
        lines = ["name,value,unit,low,high,bound,verdict"]
        for each in measure.taken:
            fields = (each.name, each.value, each.unit, each.low, each.high, each.bound, each.verdict)
            lines.append(",".join("" if field is None else str(field) for field in fields))
        self._allure.attach("\n".join(lines), "measurements", self._allure.attachment_type.CSV)

    def attach(self, name: str, content: str | bytes, kind: AttachmentKind) -> None:
        """An attachment of the test that runs now."""
        self._allure.attach(content, name, getattr(self._allure.attachment_type, kind.upper()))

    def finish(self, environment: Mapping[str, str]) -> None:
        """Categories and environment of the whole report."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / "categories.json", json.dumps(CATEGORIES, indent=1))
        lines = [f"{name.replace(' ', '.')}={value}" for name, value in environment.items()]
        write_text(self._folder / "environment.properties", "\n".join(lines) + "\n")


def allure_of(config: pytest.Config) -> AllureResults | None:
    """What tells Allure in this session; None without ``--alluredir``."""
    folder: Any = config.getoption("allure_report_dir", None)
    return AllureResults(Path(folder)) if folder and config.pluginmanager.hasplugin("allure_pytest") else None
