"""What pydantic found, in our words: each finding says what is wrong and what would be right.

What is wrong comes from a table by pydantic's error type, what would be right from the JSON Schema of the place; so no
message has to be written twice, and none quotes the library.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import ErrorDetails

from bench.topology.problems import FAULT, Fault, nearest, shown
from bench.topology.schema import expected, follow, variants

_WRONG = {
    "dict_type": "is not a mapping",
    "finite_number": "is not a finite number",
    "float_type": "is not a number",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "int_type": "is not a whole number",
    "less_than": "is too large",
    "less_than_equal": "is too large",
    "literal_error": "is not known here",
    "model_attributes_type": "is not a mapping",
    "model_type": "is not a mapping",
    "string_pattern_mismatch": "is not well formed",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "string_type": "is not text",
    "string_unicode": "is not text",
    "too_short": "is too short",
    "tuple_type": "is not a list",
}


def findings(error: ErrorDetails) -> Iterator[Fault]:
    """The findings of one of pydantic's errors, each with its full path in the file."""
    path, schema = follow(error["loc"])
    kind, value = error["type"], error["input"]
    match kind:
        case _ if kind == FAULT:
            for fault in error["ctx"]["faults"]:
                yield fault._replace(at=(*path, *fault.at))
        case "missing":
            yield Fault(path, "is missing", f"add {path[-1]}: {expected(schema)}")
        case "extra_forbidden":
            _, parent = follow(error["loc"][:-1])
            known = list(parent.get("properties", {}))
            yield Fault(path, "is not a known key", nearest(str(path[-1]), known), on_key=True)
        case "union_tag_not_found" | "union_tag_invalid":
            key = schema["discriminator"]["propertyName"]
            words = expected({"enum": list(variants(schema))})
            if kind == "union_tag_not_found":
                yield Fault((*path, key), "is missing", f"add {key}: {words}")
            else:
                yield Fault((*path, key), f"{shown(value[key])} is not known here", f"give {words}")
        case _:
            yield Fault(path, f"{shown(value)} {_WRONG.get(kind, 'is not usable here')}", f"give {expected(schema)}")
