"""The topology's JSON Schema: made from the model, for editors, for the reference page, and for our own error words."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema

from bench.topology.base import SLUG
from bench.topology.model import Topology

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Without a title at every key: it would only repeat the key in the editor's tip."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def topology_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a topology file."""
    return {"$schema": _DIALECT, **Topology.model_json_schema(schema_generator=_Generator)}


def schema_text() -> str:
    """The schema as it ships in ``topologies/topology.schema.json``."""
    return json.dumps(topology_schema(), indent=2, ensure_ascii=False) + "\n"


def resolved(schema: Schema) -> Schema:
    """A part of the schema with its reference followed, and without the null that an optional key may be."""
    if "$ref" in schema:
        target = topology_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return resolved({**target, **{key: value for key, value in schema.items() if key != "$ref"}})
    if "anyOf" in schema:
        kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
        if len(kinds) == 1:
            return resolved({**kinds[0], **{key: value for key, value in schema.items() if key != "anyOf"}})
    return schema


def variants(schema: Schema) -> dict[str, Schema]:
    """The kinds of a mapping by the word that tells them apart; empty for one that has no kinds."""
    return {word: {"$ref": ref} for word, ref in schema.get("discriminator", {}).get("mapping", {}).items()}


def follow(loc: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], Schema]:
    """From pydantic's location of an error to the path in the file and the schema of what belongs there.

    Pydantic's locations also name the kind of a mapping that has kinds; in the file that is no level of its own.
    """
    path: list[str | int] = []
    schema: Schema = topology_schema()
    for part in loc:
        schema = resolved(schema)
        kinds = variants(schema)
        if part in kinds:
            schema = kinds[str(part)]
            continue
        path.append(part)
        schema = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
    return tuple(path), resolved(schema)


_PATTERNS = {SLUG: "a word of lower-case letters, digits and hyphens, beginning with a letter"}


def expected(schema: Schema) -> str:
    """What belongs somewhere, in words: ``a whole number from 1 to 1000``."""
    schema = resolved(schema)
    if kinds := variants(schema):
        return f"a mapping with {schema['discriminator']['propertyName']}: {_either(list(kinds))}"
    if "anyOf" in schema:
        return " or ".join(expected(kind) for kind in schema["anyOf"])
    if "enum" in schema:
        return _either(list(dict.fromkeys(map(str, schema["enum"]))))  # a word may be written as a number too
    if "const" in schema:
        return str(schema["const"])
    match schema.get("type"):
        case "integer":
            return f"a whole number{_range(schema)}"
        case "number":
            return f"a number{_range(schema)}"
        case "array":
            return "a list"
        case "object":
            keys = schema.get("required") or list(schema.get("properties", {}))
            return f"a mapping with {', '.join(keys)}" if keys else "a mapping"
        case _:
            return _text(schema)


def _text(schema: Schema) -> str:
    words = _PATTERNS.get(schema.get("pattern", ""), "text")
    longest = f" (at most {schema['maxLength']} characters)" if "maxLength" in schema else ""
    example = f" such as {schema['examples'][0]}" if "examples" in schema else ""
    return f"{words}{longest}{example}"


def _range(schema: Schema) -> str:
    low, high, above = (schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
    if above is not None:
        return f" above {above}" + (f", at most {high}" if high is not None else "")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else f" of at most {high}" if high is not None else ""


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
