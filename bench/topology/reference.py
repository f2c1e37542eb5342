"""The reference page of the topology, made from its schema so that it cannot fall behind the model."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.topology.schema import Schema, expected, resolved, topology_schema, variants

MINIMAL = """\
# yaml-language-server: $schema=topology.schema.json
name: hamlet
clock: { mode: virtual, start: 2026-01-15T00:00 }
areas:
  - { name: hamlet, utility: tohoku, medium: plc, concentrators: 1, meters_per_concentrator: 20 }
"""
"""The smallest topology worth running; the page shows it."""

_INTRO = f"""\
# Topology reference

This page is made from the schema: `bench schema --markdown > docs/topology.md`. The JSON Schema itself is
`topologies/topology.schema.json` (`bench schema`); editors that know the YAML language server complete and explain the
keys of a file that names it in its first line, as here in the smallest topology worth running:

```yaml
{MINIMAL}```

`bench check FILE…` reads topologies without running them. Every command refuses a faulty one with exit code 2 and one
line for each problem, which says where it is, what is wrong and what would be right:

```text
village.yaml:12:20: areas[0].concentrators: -3 is too small; give a whole number of at least 1
```

Files are YAML 1.2 in UTF-8: plain mappings, lists, text, numbers, `true` and `false`. Anchors and aliases are followed;
tags and merge keys are refused. Below, `areas[]` stands for each entry of the list `areas`.
"""


def markdown() -> str:
    """The page ``docs/topology.md``."""
    return "\n".join([_INTRO, *_sections("Top level", topology_schema())]).rstrip("\n") + "\n"


def _sections(heading: str, schema: Schema, path: str = "") -> Iterator[str]:
    """The section of a mapping with a table of its keys, then those of the mappings in it; variants one by one."""
    if kinds := variants(resolved(schema)):
        key = resolved(schema)["discriminator"]["propertyName"]
        for targets in _by_target(kinds):
            yield from _sections(f"{heading}, {key}: {' | '.join(targets)}", kinds[targets[0]], path)
        return
    mapping = resolved(schema)
    yield f"## {heading}\n\n{_own_description(schema)}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for key, value in mapping["properties"].items():
        needed = key in mapping.get("required", [])
        yield f"| `{key}` | {_cell(_value(value))} | {'(needed)' if needed else _default(value)} | {_meaning(value)} |"
    yield ""
    for name, value in _inner_mappings(path, mapping["properties"]):
        yield from _sections(f"`{name}`", value, f"{name}.")


def _inner_mappings(path: str, properties: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Paths and schemas of the mappings that have a section of their own; where all are alike, one section for all."""
    inner = {f"{path}{key}": value for key, value in properties.items()}
    if len(inner) > 1 and len({value.get("$ref", name) for name, value in inner.items()}) == 1:
        inner = {f"{path}*": next(iter(inner.values()))}
    for name, value in inner.items():
        if resolved(value).get("type") == "array":
            name, value = f"{name}[]", resolved(value)["items"]
        if _is_mapping(value):
            yield name, value


def _is_mapping(schema: Schema) -> bool:
    return "properties" in resolved(schema) or bool(variants(resolved(schema)))


def _by_target(kinds: dict[str, Schema]) -> list[list[str]]:
    """Kinds that share one form, together."""
    groups: dict[str, list[str]] = {}
    for word, target in kinds.items():
        groups.setdefault(target["$ref"], []).append(word)
    return list(groups.values())


def _own_description(schema: Schema) -> str:
    """What the mapping says of itself, rather than what the key says that it stands under."""
    return str(resolved({"$ref": schema["$ref"]} if "$ref" in schema else schema).get("description", ""))


def _value(schema: Schema) -> str:
    inner = resolved(schema)
    if _is_mapping(inner):
        return "a mapping, see below"
    if inner.get("type") == "array" and _is_mapping(inner["items"]):
        return "a list, see below"
    return expected({key: value for key, value in inner.items() if key != "examples"})


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None:
        return "none"
    if isinstance(default, dict) and "$ref" in schema:
        return "see below"
    if kinds := resolved(schema).get("discriminator"):
        default = {kinds["propertyName"]: default[kinds["propertyName"]]}
    return _as_yaml(int(default) if isinstance(default, float) and default.is_integer() else default)


def _as_yaml(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")


def _meaning(schema: Schema) -> str:
    examples = resolved(schema).get("examples", [])
    shown = ", ".join(map(_as_yaml, examples))
    return _cell(resolved(schema).get("description", "")) + (f" Example: {shown}." if shown else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
