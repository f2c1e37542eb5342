"""The pytest plugin: one test for the places of a rack and for twins (docs/night.md).

It is loaded into every pytest process of an environment that the bench is installed in. So this module imports pytest
alone; all else is imported once a session names a topology (``--bench-env``) and runs a test that wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.pytest_plugin.fleet import HeadEnd
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.places import AcSource, Attenuator, Place
    from bench.pytest_plugin.session import BenchSession
    from bench.pytest_plugin.specimen import Specimen
    from twins.bus.control import ControlLink

TARGET = "bench_target"
"""The parameter that says at which place or twin a test runs; its values are ids such as ``rack-lv-1``."""

_AT_PLACES = frozenset({"place", "ac_source", "attenuator"})
_NO_TOPOLOGY = "needs a topology: give --bench-env FILE"
_MARKERS = (
    "requirement(*ids): rows of the requirements that this test holds (bench requirements lists them)",
    "needs(*features): what a place or twin must have for this test, else it is skipped with the reason; a|b is either",
    "unpowered: the fixture meter leaves the supply of a place as it is, off",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all beginning with ``--bench-``."""
    group = parser.getgroup("bench", "test bench for smart meters")
    add = group.addoption
    add("--bench-env", metavar="FILE", help="topology to test on (YAML)")
    add("--bench-mode", choices=("rack", "twin", "mixed"), help="what to test; default: all that the topology has")
    add("--bench-place", action="append", metavar="NAME", help="only this place or twin kind; may be given often")
    add("--bench-shard", metavar="K/N", help="only the K-th of N parts, the same tests in every session")
    add(
        "--bench-quarantine",
        action="append",
        metavar="FILE",
        help="quarantined tests; those of mode skip are skipped",
    )
    add("--bench-results", metavar="DIR", help="folder that gets results, measurements and incidents as JSON lines")
    add(
        "--bench-resume",
        action="store_true",
        help="only what has no result in --bench-results, or a bench error",
    )
    add("--bench-scale", type=float, metavar="S", help="pace of emulated time; default: the topology's, virtual: 60")
    add(
        "--bench-patience",
        type=float,
        default=40.0,
        metavar="SECONDS",
        help="longest wait of a test",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Markers; and where a topology is named, the plugin that works with it."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("bench_env") is not None:
        from bench.pytest_plugin.hooks import activate

        activate(config)


@pytest.hookimpl(trylast=True)  # the target comes last in the id, where it can be taken off again
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants a meter or a place runs once for each that there is."""
    if TARGET not in metafunc.fixturenames:
        return
    from bench.pytest_plugin.hooks import session_of

    session = session_of(metafunc.config)
    places_only = not _AT_PLACES.isdisjoint(metafunc.fixturenames)
    ids = [] if session is None else session.ids(places_only=places_only)
    if ids:
        metafunc.parametrize(TARGET, ids, ids=ids, indirect=True)
        return
    wanted = "a place" if places_only else "a place or twin"
    reason = _NO_TOPOLOGY if session is None else f"needs {wanted}; there is none in {session.what}"
    skipped = pytest.param("none", marks=pytest.mark.skip(reason=reason), id="none")
    metafunc.parametrize(TARGET, [skipped], indirect=True)


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> BenchSession:
    """The bench of this session: topology, clock, twins, rack."""
    from bench.pytest_plugin.hooks import session_of

    session = session_of(request.config)
    if session is None:
        pytest.skip(_NO_TOPOLOGY)
    return session


@pytest.fixture
def bench_target(request: pytest.FixtureRequest, bench: BenchSession) -> Iterator[Any]:
    """Where the test runs; at a place, the lease of it from here to the end of the test, and safe state then."""
    unpowered = request.node.get_closest_marker("unpowered") is not None
    with bench.occupied(request.param, powered=not unpowered) as occupied:
        yield occupied


@pytest.fixture
def meter(bench_target: Any) -> Specimen:
    """The meter under test, in a place or a twin."""
    specimen: Specimen = bench_target.specimen
    return specimen


@pytest.fixture
def place(bench_target: Any) -> Place:
    """The place under test, under a lease of this test."""
    found: Place = bench_target.place
    return found


@pytest.fixture
def ac_source(place: Place) -> AcSource:
    """The source of the place."""
    place.require("source")
    return place.ac_source


@pytest.fixture
def attenuator(place: Place) -> Attenuator:
    """The attenuator in the radio path of the place."""
    place.require("attenuator")
    return place.attenuator


@pytest.fixture
def bus(bench: BenchSession) -> Iterator[ControlLink]:
    """A link to the bus of the session, not open yet: ``handle`` topics, then ``open``."""
    link = bench.stage.link()
    yield link
    link.close()


@pytest.fixture(scope="session")
def head_end(bench: BenchSession) -> HeadEnd:
    """A head-end that collects a small fleet of the topology's twins, once a session."""
    return bench.head_end


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Takes measurements: ``measure(name, value, unit, low=…, high=…)``; one beyond its limits fails the test."""
    from bench.pytest_plugin.measuring import measure_of

    return measure_of(request.node)
