"""The file of quarantines: a YAML list, read with the place of every slip, changed without touching its comments."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import InputError
from bench.night.quarantine import MODES, Entry, longest
from bench.record.atomic import write_text
from bench.topology.problems import Problem, nearest, shown
from bench.topology.yamltree import Mark, Node, YamlFault, read_yaml

_MAX_BYTES = 1_000_000
_REQUIRED = ("test", "reason", "issue", "owner", "added", "expires")
_OPTIONAL = ("place", "kind", "mode")
_WORDS = {"kind": ("rack", "twin"), "mode": MODES}
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # as YAML counts them; str.splitlines knows more ends
_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""What other readers of YAML take for the end of a line, escaped."""
_BY_HAND = "write the entries one below the other, each beginning with '- test:', or change it by hand"


class QuarantineError(InputError):
    """A file of quarantines that cannot be used: one line a problem, with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def load_quarantine(path: Path, day: date) -> list[Entry]:
    """The entries of a file that is read on a day; none when there is no file. Raises QuarantineError with every
    problem."""
    return parse(_text(path), str(path), day)


def add_entry(path: Path, entry: Entry, day: date) -> None:
    """Append an entry to a file on a day; the file is made when it is not there.

    Raises QuarantineError when the file or the entry does not hold, InputError when the tests are in it already.
    """
    before = _text(path)
    entries = parse(before, str(path), day)
    for known in entries:
        if known.what == entry.what:
            raise InputError(f"{path}:{known.line}: {entry.what} is in quarantine already; remove that entry first")
    block = _block(entry)
    parse(block, "the new entry", day)  # in words of its own, before the file is looked at
    after = before if not before or before.endswith("\n") else before + "\n"
    _replace(path, after + block, [*entries, entry], day)


def remove_entry(path: Path, day: date, test: str, place: str = "*") -> Entry:
    """Take the entry with exactly these patterns out of a file on a day. Raises InputError when there is none."""
    before = _text(path)
    entries = parse(before, str(path), day)
    meant = [each for each in entries if (each.test, each.place) == (test, place)]
    if not meant:
        there = "; ".join(each.what for each in entries) or "nothing"
        raise InputError(f"{path}: {test} at place {place} is not in quarantine; in it: {there}")
    gone, lines = meant[0], _LINES.findall(before)
    last = next((each.line for each in entries if each.line > gone.line), len(lines) + 1) - 1
    while last > gone.line and lines[last - 1].strip()[:1] in ("", "#"):
        last -= 1  # a comment above the next entry belongs to that one
    _replace(path, "".join(lines[: gone.line - 1] + lines[last:]), [each for each in entries if each is not gone], day)
    return gone


def parse(text: str, file: str, day: date) -> list[Entry]:
    """The entries in a YAML text that is read on a day: none is added later. Raises QuarantineError with every
    problem."""
    try:
        document = read_yaml(text)
    except YamlFault as fault:
        raise QuarantineError([Problem(file, *fault.mark, "quarantine", fault.what, fault.right)]) from None
    problems = [
        Problem(file, *each.mark, str(each.path[-1]), "is given twice", "keep one of the two")
        for each in document.repeated
    ]
    reader = _Reader(file, problems, day)
    entries = reader.entries(document.root) if document.root is not None else []
    if problems:
        raise QuarantineError(sorted(problems, key=lambda each: (each.line, each.column)))
    return entries


class _Reader:
    """Reads entries out of a tree; ``problems`` grows."""

    def __init__(self, file: str, problems: list[Problem], day: date) -> None:
        self.file, self.problems, self.day = file, problems, day

    def entries(self, root: Node) -> list[Entry]:
        if root.value is None:
            return []
        if not isinstance(root.value, list):
            self._tell(
                root.mark, "quarantine", f"{shown(root.plain())} is not a list", "begin each entry with '- test:'"
            )
            return []
        return [entry for row, node in enumerate(root.value) if (entry := self._entry(f"[{row}]", node)) is not None]

    def _entry(self, path: str, node: Node) -> Entry | None:
        if not isinstance(node.value, dict):
            self._tell(node.mark, path, f"{shown(node.plain())} is not an entry", f"give {', '.join(_REQUIRED)}")
            return None
        told = len(self.problems)
        for name in node.value.keys() - {*_REQUIRED, *_OPTIONAL}:
            self._tell(node.keys[name], f"{path}.{name}", "is not a known key", nearest(name, [*_REQUIRED, *_OPTIONAL]))
        for name in _REQUIRED:
            if name not in node.value:
                self._tell(node.mark, path, f"{name} is missing", f"add {name}: {_EXPECTED[name]}")
        fields: dict[str, Any] = {
            name: self._field(f"{path}.{name}", name, node.value[name])
            for name in (*_REQUIRED, *_OPTIONAL)
            if name in node.value
        }
        if len(self.problems) > told:
            return None
        entry = Entry(**fields, line=node.mark.line)
        if entry.added > self.day:
            mark, what = node.value["added"].mark, f"{entry.added} is in the future: today is {self.day} in Japan"
            self._tell(mark, f"{path}.added", what, f"give {self.day} or a day before it")
            return None
        latest = entry.added + longest()
        if not entry.added <= entry.expires <= latest:
            mark = node.value["expires"].mark
            what = f"{entry.expires} is not within {longest().days} days of {entry.added}"
            self._tell(mark, f"{path}.expires", what, f"give a day from {entry.added} to {latest}")
        return entry

    def _field(self, path: str, name: str, node: Node) -> object:
        value = node.value
        if not isinstance(value, str) or not value.strip():
            if name == "issue" and isinstance(value, int) and not isinstance(value, bool):
                return str(value)
            self._tell(node.mark, path, f"{shown(node.plain())} is not usable here", f"give {_EXPECTED[name]}")
            return None
        if name in _WORDS and value not in _WORDS[name]:
            self._tell(node.mark, path, f"{shown(value)} is not known here", f"give {_EXPECTED[name]}")
        if name in ("added", "expires"):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self._tell(node.mark, path, f"{shown(value)} is not a date", f"give {_EXPECTED[name]}")
        return value

    def _tell(self, mark: Mark, path: str, what: str, right: str) -> None:
        self.problems.append(Problem(self.file, *mark, path, what, right))


_EXPECTED = {
    "test": "the id of a test, or a pattern with * and ?",
    "reason": "a sentence on why it cannot pass now",
    "issue": "a number or an address",
    "owner": "who will mend it",
    "added": "a day, such as 2026-11-22",
    "expires": "a day, such as 2026-12-06",
    "place": "the name of a place or twin kind, or a pattern",
    "kind": "rack or twin",
    "mode": "run or skip",
}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: more than {_MAX_BYTES:,} bytes; this is no file of quarantines")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file of quarantines") from error


def _block(entry: Entry) -> str:
    """An entry as YAML; JSON's quoted text is YAML's too."""
    written: list[tuple[str, str]] = [
        (name, str(value) if isinstance(value, date) else json.dumps(value, ensure_ascii=False).translate(_BREAKS))
        for name in ("test", "place", "kind", "reason", "issue", "owner", "added", "expires", "mode")
        if (value := getattr(entry, name)) not in (None, "*" if name == "place" else None)
    ]
    return "".join(f"{'  ' if row else '- '}{name}: {value}\n" for row, (name, value) in enumerate(written))


def _replace(path: Path, text: str, entries: list[Entry], day: date) -> None:
    """Write the changed text, but only when it reads as what was meant."""
    try:
        same = _unplaced(parse(text, str(path), day)) == _unplaced(entries)
    except QuarantineError:
        same = False
    if not same:
        raise InputError(f"{path}: cannot be changed as it is written; {_BY_HAND}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _unplaced(entries: list[Entry]) -> list[Entry]:
    return [msgspec.structs.replace(entry, line=0) for entry in entries]
