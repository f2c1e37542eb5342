"""The bench: what its head-end takes in from the bus, and what a user gives it as a topology."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench.topology import TopologyError, load_topology
from protocols.dlms.profile import range_answer
from tests.bench.head_end.rig import Gate, Message, answer, readings, rows, sealed, up_topic
from tests.bench.topology.broken import BROKEN, SOUND
from tests.fuzz.target import Target, joined, pieces
from tests.twins.plans import FIRST_SLOT, plan

_PLAN = plan(*[(2, 3)] * 11)  # 66 meters; areas a0 … a9 and a10, so topics have two lengths
_METER = 7


def _intake(data: bytes) -> None:
    """A batch of messages: each passes or is refused once; a good one among them always passes."""
    gate = Gate(_PLAN)
    sent = [_message(what, raw, count) for count, (what, raw) in enumerate(pieces(data), 1)]
    (good,) = readings(_PLAN, [_METER], FIRST_SLOT, 1 << 20)
    taken, answered = gate.check([*sent[:4], good, *sent[4:]])
    assert (_METER, FIRST_SLOT) in set(zip(taken.rows.tolist(), taken.slots.tolist(), strict=True))
    assert all(-1 <= row < _PLAN.meters for row, _, _ in gate.refused)
    sources = set(zip(answered.rows.tolist(), answered.counters.tolist(), strict=True))
    assert len(taken) - 1 + len(sources) + len(gate.refused) <= len(sent)


def _message(what: int, raw: bytes, counter: int) -> Message:
    meter = what >> 3
    if what & 1:
        return Message(raw[: what >> 2], raw[what >> 2 :])
    if what & 2:
        return Message(up_topic(_PLAN, meter), raw)
    return sealed(_PLAN, meter, raw, counter)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def _topology(data: bytes) -> None:
    """A text is a topology or a list of problems, each with a place and in one printable line."""
    file = Path(_folder().name) / "topology.yaml"
    file.write_bytes(data)
    try:
        load_topology(file)
    except TopologyError as error:
        assert len(error.problems) == len(str(error).split("\n")) > 0
        for problem, line in zip(error.problems, str(error).split("\n"), strict=True):
            assert line.isprintable()
            assert problem.line >= 1 <= problem.column


def _intake_seeds() -> Iterator[bytes]:
    (reading,) = readings(_PLAN, [_METER], FIRST_SLOT, 3)
    yield joined((_METER << 3 | 2, reading.payload), (_METER << 3 | 2, reading.payload))
    found = answer(_PLAN, _METER, range(FIRST_SLOT, FIRST_SLOT + 3), 5)
    yield joined((_METER << 3 | 2, found.payload), (8, range_answer(3, rows([FIRST_SLOT]))))
    yield joined((1 | len(found.topic) << 2 & 0xFF, found.topic + found.payload))


def _topology_seeds() -> Iterator[bytes]:
    yield SOUND.encode()
    yield from (broken.text.encode("utf-8", "surrogatepass") for broken in BROKEN if len(broken.text) < 700)


_WORDS = (
    b": ",
    b"- ",
    b"\n  ",
    b"&a ",
    b"*a",
    b"!!x ",
    b"<<: ",
    b"---\n",
    b"\xef\xbb\xbf",
    b"areas:",
    b"clock:",
    b"{}",
)

TARGETS = (
    Target("head-end-intake", _intake, _intake_seeds, 12, 400),
    Target("topology", _topology, _topology_seeds, 6, 800, _WORDS),
)
