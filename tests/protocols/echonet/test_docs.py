"""The page that says what is supported must say what the tables say."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from protocols.echonet import classes
from protocols.echonet.classes import CLASSES, SUPERCLASS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "echonet.md").read_text("utf-8")


def doc_row(row: dict[str, Any]) -> str:
    """The line of the page for one row of a table."""
    scale = [row["unit"]] if "unit" in row else []
    scale += [row["factor"]] if "factor" in row else []
    scale += [f"{epc:02X}" for epc in row.get("times", ())]
    notes = [f"if {row['when']}"] if "when" in row else []
    notes += [f"follows {row['selector']:02X}"] if "selector" in row else []
    cells = [
        f"{row['epc']:02X}",
        row["from"],
        row["name"],
        row["edt"],
        " ".join(row["access"]),
        " × ".join(scale),
        "; ".join(notes),
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", [SUPERCLASS, *CLASSES])
def test_the_page_lists_every_property_as_the_table_has_it(name: str) -> None:
    table = tomllib.loads((Path(classes.__file__).parent / "data" / f"{name}.toml").read_text("utf-8"))
    heading = f"### {table['title']} 0x{table['class_code']:04X}\n"
    section = PAGE.split(heading)[1].split("\n#")[0]
    listed = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| EPC")]
    assert listed == [doc_row(row) for row in table["properties"]]
