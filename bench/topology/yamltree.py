"""YAML text into a tree that knows where each value stands, safe against text made to harm.

Rules of this file: only plain data (mappings, lists, text, numbers, true/false, null) by the YAML 1.2 core schema, so
``no`` is text and ``10:30`` is not a number; aliases are followed, but what they unfold to counts towards the limits
below; tags, merge keys, keys that are not plain words, and second documents are refused. The parser's events are
lazy and are read no further than the limits allow, so neither depth nor size of the text can exhaust anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from bench.topology.problems import shown

MAX_DEPTH = 16  # the deepest value of a topology lies at 6
MAX_NODES = 50_000  # values with aliases unfolded; a topology with 1,000 areas has 20,000

Scalar: TypeAlias = str | int | float | bool | None
KeyPath: TypeAlias = tuple[str | int, ...]


class YamlFault(Exception):  # noqa: N818 - a finding on its way to TopologyError
    """Text that is not the YAML we read, and where."""

    def __init__(self, mark: Mark, what: str, right: str) -> None:
        super().__init__(what)
        self.mark, self.what, self.right = mark, what, right


class Mark(NamedTuple):
    """A place in the text; both count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Node:
    """A value and where it begins; ``keys`` says where a mapping's keys stand, ``size`` counts the values in it."""

    mark: Mark
    value: Scalar | list[Node] | dict[str, Node]
    keys: dict[str, Mark] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> object:
        """The value without its places, as any YAML reader would give it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value under a key or at a position, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None


class Repeated(NamedTuple):
    """A key that is given twice in one mapping: its path, where it is repeated, and where it was first."""

    path: KeyPath
    mark: Mark
    first: Mark


class Document(NamedTuple):
    """The root value (None when there is none) and the repeated keys, whose first value counts."""

    root: Node | None
    repeated: list[Repeated]


def read_yaml(text: str) -> Document:
    """Parse a text that holds one document; raises :class:`YamlFault` where it cannot be read."""
    reader = _Reader(text)
    try:
        return Document(reader.document(), reader.repeated)
    except ReaderError as error:
        raise _unprintable(text, error.position) from error
    except MarkedYAMLError as error:
        raise _in_our_words(error, reader.last) from error
    except YamlFault:
        raise
    except (
        Exception
    ) as error:  # odd text, such as an escape beyond Unicode, makes the parser fail in ways it does not tell
        raise YamlFault(reader.last, "cannot be read from here on", "write it as plain YAML") from error


class _Reader:
    """Builds the tree by recursive descent; ``last`` is the place of the latest event."""

    def __init__(self, text: str) -> None:
        self.repeated: list[Repeated] = []
        self.last = Mark(1, 1)
        self._events = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        root: Node | None = None
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, NodeEvent):
                if root is not None:
                    raise YamlFault(self.last, "a second document begins", "keep one document in a file")
                root = self._node(event, ())
        return root

    def _next(self) -> Event:
        event: Event = next(self._events)
        if isinstance(event, NodeEvent):
            self.last = _mark(event.start_mark)
        return event

    def _node(self, event: Event, path: KeyPath) -> Node:
        if len(path) > MAX_DEPTH:
            raise YamlFault(self.last, f"nested deeper than {MAX_DEPTH} levels", "a topology is at most 6 deep")
        if tag := getattr(event, "tag", None):
            raise YamlFault(self.last, f"the tag {shown(str(tag))} is not read", "write the value without a tag")
        if isinstance(event, AliasEvent):
            node = self._target(event)
            self._count(node.size)
            return node
        self._count(1)
        node = self._filled(event, path)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = node
        return node

    def _filled(self, event: Event, path: KeyPath) -> Node:
        if isinstance(event, ScalarEvent):
            return Node(self.last, _resolve(event.value) if event.implicit[0] else event.value)
        node = Node(self.last, {} if isinstance(event, MappingStartEvent) else [])
        while not isinstance(event := self._next(), MappingEndEvent | SequenceEndEvent):
            if isinstance(node.value, dict):
                child = self._entry(node, node.value, event, path)
            else:
                assert isinstance(node.value, list)
                child = self._node(event, (*path, len(node.value)))
                node.value.append(child)
            node.size += child.size
        return node

    def _entry(self, node: Node, entries: dict[str, Node], event: Event, path: KeyPath) -> Node:
        if not isinstance(event, ScalarEvent) or event.tag:
            raise YamlFault(self.last, "a key that is not a plain word", "write a key as a word, then a colon")
        key, mark = event.value, self.last
        if key == "<<":
            raise YamlFault(mark, "merge keys (<<) are not read", "write the keys out")
        child = self._node(self._next(), (*path, key))
        if child.value is None and child.mark.line > mark.line:
            child.mark = mark  # the parser puts what is not there onto the next line
        if key in entries:
            self.repeated.append(Repeated((*path, key), mark, node.keys[key]))
        else:
            entries[key], node.keys[key] = child, mark
        return child

    def _target(self, event: AliasEvent) -> Node:
        # A collection is not known by its anchor before it is complete, so no value can contain itself.
        node = self._anchors.get(event.anchor)
        if node is None:
            name = shown(str(event.anchor))
            raise YamlFault(self.last, f"the alias {name} stands for nothing", "put its anchor at a value above")
        return node

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise YamlFault(self.last, f"more than {MAX_NODES:,} values", "describe the fleet by areas, not by meters")


_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,30}")  # a longer one becomes a float: nobody means it as a whole number
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _resolve(text: str) -> Scalar:
    """What an unquoted scalar means in the YAML 1.2 core schema (YAML 1.2.2 §10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _mark(mark: StringMark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _unprintable(text: str, position: int) -> YamlFault:
    before = text[:position]
    mark = Mark(before.count("\n") + 1, position - before.rfind("\n"))
    return YamlFault(mark, f"the character U+{ord(text[position]):04X} does not belong in YAML", "remove it")


def locate(root: Node, path: KeyPath) -> Node:
    """The node at a path, or the deepest one on the way to it that exists."""
    node = root
    for part in path:
        child = node.child(part)
        if child is None:
            break
        node = child
    return node


# The parser's words (a part of them), whether the fault is where the thing began (else: where it was noticed), ours.
_SYNTAX = (
    ("mapping values are not allowed", False, "a second ': ' on one line", "start a new line, or quote the text"),
    ("'\\t' that cannot start", False, "a tab", "indent with spaces"),
    ("cannot start any token", False, "a character that no value begins with", "put the text in quotes"),
    ("expected <block end>", False, "this does not fit to the lines above", "indent it like its neighbours"),
    ("could not find expected ':'", True, "a key without its colon", "write key: value"),
    ("quoted scalar", True, "a quoted text that is not closed or has a bad escape", "close it, double a backslash"),
    ("flow sequence", True, "a list whose [ … ] is not well formed", "separate with commas and close the bracket"),
    ("flow mapping", True, "a mapping whose { … } is not well formed", "write { key: value, key: value }"),
)


def _in_our_words(error: MarkedYAMLError, last: Mark) -> YamlFault:
    told = f"{error.problem} {error.context}"
    noticed = _mark(error.problem_mark) if error.problem_mark else last
    for words, at_its_beginning, what, right in _SYNTAX:
        if words in told:
            began = _mark(error.context_mark) if error.context_mark and at_its_beginning else noticed
            return YamlFault(began, what, right)
    return YamlFault(noticed, f"not YAML ({shown(error.problem)})", "write it as plain YAML")
