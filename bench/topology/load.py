"""From a file to a topology, or to all of its problems with their places."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from bench.topology.model import Topology
from bench.topology.problems import Fault, Problem, TopologyError
from bench.topology.words import findings
from bench.topology.yamltree import Document, Mark, Node, YamlFault, locate, read_yaml

MAX_BYTES = 1_000_000  # read in seconds; a topology with 1,000 areas has 300 kB
MAX_PROBLEMS = 50  # more are only counted: nobody reads them


@dataclass(frozen=True)
class LoadedTopology:
    """A topology and the file it came from: the path as given, SHA-256 of its bytes (hex), its text."""

    topology: Topology
    path: Path
    sha256: str
    text: str


def load_topology(path: str | Path) -> LoadedTopology:
    """Read and check a topology file; raises :class:`TopologyError` with every problem that was found."""
    file = Path(path)
    data = _read(file)
    text = _decode(file, data)
    try:
        document = read_yaml(text)
    except YamlFault as fault:
        _refuse(file, fault.what, fault.right, fault.mark)
    if document.root is None:
        _refuse(file, "the file is empty", "begin with name, clock and areas; see docs/topology.md")
    faults: list[Fault] = []
    try:
        topology = Topology.model_validate(document.root.plain(), context={"folder": file.parent})
    except ValidationError as error:
        faults = [fault for details in error.errors(include_url=False) for fault in findings(details)]
    problems = sorted(_placed(str(file), document, document.root, faults), key=lambda p: (p.line, p.column))
    if problems:
        raise TopologyError(_shortened(problems))
    return LoadedTopology(topology, file, hashlib.sha256(data).hexdigest(), text)


def _read(file: Path) -> bytes:
    right = "give the path of a topology file, such as topologies/demo.yaml"
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
            _refuse(file, "is a directory" if stat.S_ISDIR(status.st_mode) else "is not a regular file", right)
        if status.st_size > MAX_BYTES:
            _refuse(file, f"{status.st_size:,} bytes are too many", f"a topology has at most {MAX_BYTES:,}")
        return file.read_bytes()
    except FileNotFoundError:
        _refuse(file, "there is no such file", right)
    except OSError as error:
        _refuse(file, f"cannot be read ({error.strerror})", "make it readable")
    except ValueError:  # a name that no file can have
        _refuse(file, "is not the name of a file", right)


def _decode(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        _refuse(file, f"the byte 0x{data[error.start]:02X} is not UTF-8", "save the file as UTF-8", mark)


def _refuse(file: Path, what: str, right: str, mark: Mark | None = None) -> NoReturn:
    line, column = mark or (1, 1)
    raise TopologyError([Problem(str(file), line, column, "topology", what, right)])


def _placed(file: str, document: Document, root: Node, faults: list[Fault]) -> Iterator[Problem]:
    for repeated in document.repeated:
        what = f"is given twice, first in line {repeated.first.line}"
        yield Problem(file, *repeated.mark, _path_text(repeated.path), what, "keep one of the two")
    for fault in faults:
        if fault.on_key:
            mark = locate(root, fault.at[:-1]).keys.get(str(fault.at[-1])) or locate(root, fault.at).mark
        else:
            mark = locate(root, fault.at).mark
        yield Problem(file, *mark, _path_text(fault.at), fault.what, fault.right)


def _path_text(path: tuple[str | int, ...]) -> str:
    """``areas[0].name``; a key that would make the path unclear stands in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if part.replace("-", "_").isidentifier() and len(part) <= 60 else repr(part)[:60]
            text += f".{word}" if text else word
    return text or "topology"


def _shortened(problems: list[Problem]) -> list[Problem]:
    rest = problems[MAX_PROBLEMS:]
    if rest:
        more = replace(rest[0], path="topology", what=f"{len(rest)} more problems", right="mend those above first")
        return [*problems[:MAX_PROBLEMS], more]
    return problems
