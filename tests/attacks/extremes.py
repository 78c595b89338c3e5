"""Bodies made of the contract's own schemas: an example that is taken, with one place of it blown up.

A body is told as three parts, its begin, what is repeated and its end, so that it can be made in any size.
"""

import json
from collections.abc import Iterator

#: Stands for the place that is blown up, until it is text.
PLACE = "\N{WHITE SQUARE}"
#: Places below this many properties are like those above.
DEPTH = 4


class Extremes:
    """Of one document of OpenAPI."""

    def __init__(self, document: dict):
        self.document = document

    def resolved(self, schema: dict) -> dict:
        while "$ref" in schema:
            node = self.document
            for key in schema["$ref"].removeprefix("#/").split("/"):
                node = node[key]
            schema = node
        return schema

    def choices(self, schema: dict) -> Iterator[dict]:
        """The schemas that a value may follow."""
        schema = self.resolved(schema)
        kinds = [kind for word in ("oneOf", "anyOf") for kind in schema.get(word, [])]
        for kind in kinds:
            yield from self.choices(kind)
        for kind in schema.get("allOf", []):
            yield from self.choices(kind)
        if schema.keys() & {"type", "properties", "enum", "items"} or not kinds:
            yield schema

    def least(self, schema: dict, depth=0):
        """A small value of a schema."""
        schema = next(iter(self.choices(schema)))
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type", "object")
        kind = kind if isinstance(kind, str) else kind[0]
        if kind == "array":
            return [self.least(schema["items"], depth + 1)] if "items" in schema and depth < DEPTH else []
        if kind == "object":
            wanted = schema.get("required", [])
            return {name: self.least(schema["properties"][name], depth + 1) for name in wanted if name in schema.get("properties", {})}
        return {"string": "a", "integer": 1, "number": 1, "boolean": True}.get(kind)

    def places(self, schema: dict, base, depth=0) -> Iterator[tuple[str, object, list]]:
        """Every place below a schema: its path, the body with `PLACE` there, and small values that it may hold."""
        small = [self.least(kind) for kind in self.choices(schema)]
        yield "", PLACE, small
        if depth == DEPTH:
            return
        for kind in self.choices(schema):
            before = base if isinstance(base, dict) else self.least(kind)
            for name, inner in kind.get("properties", {}).items():
                for path, value, smalls in self.places(inner, before.get(name), depth + 1):
                    yield f"/{name}{path}", before | {name: value}, smalls
            if "items" in kind:
                for path, value, smalls in self.places(kind["items"], None, depth + 1):
                    yield f"/0{path}", [value], smalls
            if isinstance(kind.get("additionalProperties"), dict):
                for path, value, smalls in self.places(kind["additionalProperties"], None, depth + 1):
                    yield f"/key{path}", {"key": value}, smalls

    def bodies(self, schema: dict, base) -> Iterator[tuple[str, bytes, bytes, bytes]]:
        """Name and parts of all bodies."""
        seen = set()
        for path, body, smalls in self.places(schema, base):
            if path in seen:
                continue
            seen.add(path)
            begin, end = (part.encode() for part in json.dumps(body).split(json.dumps(PLACE)))
            for name, (opened, unit, closed) in shapes(smalls).items():
                yield f"{path or '/'} as {name}", begin + opened, unit, closed + end


def shapes(smalls: list) -> dict[str, tuple[bytes, bytes, bytes]]:
    """Ways to fill a place: begin, what is repeated, end."""
    keys = b",".join(b'"k%d":0' % number for number in range(5000)) + b","
    sparse = b",".join(b'{"k%d":1}' % number for number in range(64)) + b","
    words = b",".join(b'"w%d"' % number for number in range(5000)) + b","
    found = {
        "a long word": (b'"', b"x", b'"'),
        "escapes": (b'"', b"\\u00e9", b'"'),
        "digits": (b"1", b"0", b""),
        "a list of numbers": (b"[", b"0,", b"0]"),
        "a list of words": (b"[", b'"",', b'""]'),
        "a list of other words": (b"[", words, b'""]'),
        "a list of lists": (b"[", b"[],", b"[]]"),
        "a list of rows": (b"[", b"[0,1],", b"[0,1]]"),
        "a list of objects": (b"[", b"{},", b"{}]"),
        "a list of sparse objects": (b"[", sparse, b"{}]"),
        "many keys": (b"{", keys, b'"k":0}'),
        "a long key": (b'{"', b"k", b'":0}'),
        "nested lists": (b"", b"[", b"]"),
        "nested objects": (b"", b'{"a":', b"0"),
    }
    for number, small in enumerate(smalls):
        if isinstance(small, list) and small:
            unit = json.dumps(small[0]).encode()
            found[f"a list of what belongs there, {number}"] = (b"[", unit + b",", unit + b"]")
            found[f"a list of such lists, {number}"] = (b"[", b"[" + unit + b"],", b"[" + unit + b"]]")
    return found
