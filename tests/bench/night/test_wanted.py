"""What a night is asked for is held against what there is, before anything begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.night.wanted import check_places, check_tests
from bench.topology.load import LoadedTopology, load_topology

ROOT = Path(__file__).parents[3]

OWN = """\
import pytest

class TestRegisters:
    def test_one(self): ...

@pytest.mark.parametrize("digits", [5, 6])
def test_width(digits): ...
"""


@pytest.fixture(scope="module")
def rack() -> LoadedTopology:
    """The shipped rack, which nothing here serves."""
    return load_topology(ROOT / "topologies" / "rack.yaml")


def test_places_and_twin_kinds_of_what_is_tested_are_known_and_nothing_else(rack: LoadedTopology) -> None:
    check_places(rack, ["lv-1", "lv-current"], {"rack", "twin"})
    check_places(rack, [], {"twin"})
    for name, kinds in (("foo", {"rack", "twin"}), ("lv-1", {"twin"}), ("lv-current", {"rack"}), ("fleet", {"twin"})):
        with pytest.raises(InputError, match=rf"^--place {name}: there is none .*rack\.yaml; (did you|known here)"):
            check_places(rack, [name], kinds)


def test_files_of_tests_are_looked_for_among_the_shipped_ones_and_on_the_disk(
    rack: LoadedTopology, tmp_path: Path
) -> None:
    own = tmp_path / "test_own.py"
    own.write_text(OWN)
    check_tests(rack, ["test_clock.py", "suites/test_rack.py", str(own), str(tmp_path)])
    with pytest.raises(InputError, match=r"^--only nofile\.py: there is no such file of tests, .*test_clock\.py"):
        check_tests(rack, ["test_clock.py", "nofile.py"])
    with pytest.raises(InputError, match=r"did you mean test_clock\.py\?"):
        check_tests(rack, ["suites/test_clok.py::test_x"])


def test_a_test_that_is_not_in_its_file_is_told_with_those_that_are(rack: LoadedTopology, tmp_path: Path) -> None:
    own = tmp_path / "test_own.py"
    own.write_text(OWN)
    there = ("TestRegisters", "TestRegisters::test_one", "test_width", "test_width[5]")
    with pytest.raises(InputError, match=r"^--only nope: there is none in .*: TestRegisters::test_one, test_width,"):
        check_tests(rack, [f"{own}::{name}" for name in (*there, "nope")])


def test_a_file_whose_tests_cannot_be_read_is_told_with_the_reason(rack: LoadedTopology, tmp_path: Path) -> None:
    own = tmp_path / "test_own.py"
    own.write_text("import no_such_module\n")
    with pytest.raises(InputError, match="No module named 'no_such_module'"):
        check_tests(rack, [f"{own}::test_it"])
