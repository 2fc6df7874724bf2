"""Random conditions and events, and what a condition means, said in another way than the product says it."""

import fnmatch
import re
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "c d", "e.f", "type")
TEXTS = ("", "x", "xy", "Xy", "it's", 'say "x"', "a\\b", "*", "ü")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from((0.5, 1.0)), st.sampled_from(TEXTS))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)

PATHS = st.tuples(st.just("path"), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
VALUES = st.tuples(st.just("value"), SCALARS)
PATTERNS = ("*", "x*", "*y", "?", "x?", "[a-x]y", "[^x]*", "\\*", "x*y*")
TESTS = st.one_of(
    st.tuples(st.just("contains"), PATHS, PATHS | VALUES),
    st.tuples(st.just("match"), PATHS, st.sampled_from(PATTERNS)),
    st.tuples(st.just("="), PATHS | VALUES, PATHS | VALUES),
    st.tuples(st.just("!="), PATHS | VALUES, PATHS | VALUES),
    st.tuples(st.sampled_from(("<", "<=", ">", ">=")), PATHS, PATHS | st.tuples(st.just("value"), st.integers(-3, 3))),
    st.tuples(st.just("in"), PATHS | VALUES, PATHS | st.tuples(st.just("list"), st.lists(SCALARS, max_size=3))),
    st.tuples(st.just("typeof ="), PATHS, st.sampled_from(("string", "number", "list", "bool", "null", "object"))),
    st.tuples(st.just("length >"), PATHS, st.integers(-1, 3)),
    st.tuples(st.just("lowercase ="), PATHS, st.sampled_from(TEXTS)),
    PATHS,
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: (
        st.tuples(st.just("!"), inner)
        | st.tuples(st.sampled_from(("and", "or")), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)


def written(part: Any) -> str:
    """As somebody would write it."""
    sign, *rest = part
    match sign:
        case "path":
            return ".".join(re.sub(r"([^A-Za-z0-9_-])", r"\\\1", name) for name in rest[0])
        case "value":
            return literal(rest[0])
        case "list":
            return "[" + ", ".join(map(literal, rest[0])) + "]"
        case "contains":
            return f"contains({written(rest[0])}, {written(rest[1])})"
        case "match":
            return f"match( {written(rest[0])}, '{rest[1]}' )"
        case "typeof =" | "lowercase =" | "length >":
            name, compared = sign.split()
            return f"{name}({written(rest[0])}) {compared} {literal(rest[1])}"
        case "!":
            return f"!({written(rest[0])})"
        case "and" | "or":
            return f" {sign} ".join(f"({written(inner)})" for inner in rest[0])
    return f"{written(rest[0])} {sign} {written(rest[1])}"


def literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value) if _number(value) else {None: "null", True: "true", False: "false"}[value]


def holds(part: Any, event: Any) -> bool:
    """What it means."""
    sign, *rest = part
    match sign:
        case "!":
            return not holds(rest[0], event)
        case "and":
            return all(holds(inner, event) for inner in rest[0])
        case "or":
            return any(holds(inner, event) for inner in rest[0])
        case "path":
            return value_of(part, event) is True
    left = value_of(rest[0], event)
    if sign == "match":
        return isinstance(left, str) and re.fullmatch(_regex(rest[1]), left) is not None
    if sign == "typeof =":
        return bool(_type(left) == rest[1])
    if sign == "length >":
        size = 0 if left is None else len(left.encode()) if isinstance(left, str) else _size(left)
        return size is not None and size > rest[1]
    if sign == "lowercase =":
        return isinstance(left, str) and left.lower() == rest[1]
    right = value_of(rest[1], event)
    match sign:
        case "=":
            return same(left, right)
        case "!=":
            return not same(left, right)
        case "contains":
            return isinstance(left, str) and isinstance(right, str) and left.find(right) >= 0
        case "in":
            return isinstance(right, list) and True in [same(left, item) for item in right]
    if not (_number(left) and _number(right)):
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign])


def value_of(part: Any, event: Any) -> Any:
    sign, given = part
    if sign != "path":
        return given
    for name in given:
        event = event[name] if isinstance(event, dict) and name in event else None
    return event


def same(one: Any, other: Any) -> bool:
    if _type(one) != _type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return sorted(one) == sorted(other) and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _type(value: Any) -> str:
    names = {type(None): "null", bool: "bool", int: "number", float: "number", str: "string", list: "list"}
    return names.get(type(value), "object")


def _size(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def _regex(pattern: str) -> str:
    """Of the few patterns above, by the standard library."""
    return re.escape("*") if pattern == "\\*" else fnmatch.translate(pattern.replace("[^", "[!"))
