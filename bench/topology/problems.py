"""What can be wrong with a topology, and how it is told: where, what, and what would be right.

Checks inside the model raise a :class:`Fault` relative to the value they look at; the loader turns every finding into a
:class:`Problem` with a place in the file; :class:`TopologyError` carries all problems of a file to the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from pydantic_core import PydanticCustomError

from bench.errors import InputError

FAULT = "fault"
"""Type of the pydantic errors that carry faults in their context."""


class Fault(NamedTuple):
    """One finding of a check: the way from the checked value to the culprit, what is wrong, what would be right.

    ``on_key``: the culprit is the last key of the way itself, not its value.
    """

    at: tuple[str | int, ...]
    what: str
    right: str
    on_key: bool = False


def reject(*faults: Fault) -> NoReturn:
    """Refuse the value under validation; several faults may be told at once."""
    text = " / ".join(f"{fault.what}; {fault.right}" for fault in faults)
    raise PydanticCustomError(FAULT, "{text}", {"text": text, "faults": faults})


@dataclass(frozen=True)
class Problem:
    """One problem of a file; ``line`` and ``column`` count from 1 and point at the culprit."""

    file: str
    line: int
    column: int
    path: str
    what: str
    right: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path}: {self.what}; {self.right}"


class TopologyError(InputError):
    """A topology file that cannot be used; ``problems`` in the order of the file, the text has one line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """A value as a message shows it: always one short printable line."""
    match value:
        case None:
            return "an empty value"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
            return text if len(text) <= 60 else f"{text[:45]}… ({len(text)} characters)"


def nearest(word: str, known: Sequence[str]) -> str:
    """Advice for a word that is not known: the nearest known one, or all of them."""
    # Comparing takes time by the square of the length, and no key of ours is long.
    close = get_close_matches(word[:40].lower().replace("-", "_"), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
