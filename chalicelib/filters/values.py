"""Values of JSON as conditions see them: their kinds, and when two are equal."""

from typing import Any


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list) else "object"


def equal(one: Any, other: Any) -> bool:
    """Of the same kind and the same, through and through. Never by a call per level: clients nest as they like."""
    pairs = [(one, other)]
    while pairs:
        a, b = pairs.pop()
        kind = kind_of(a)
        if kind != kind_of(b):
            return False
        if kind == "list" and len(a) == len(b):
            pairs += zip(a, b, strict=True)
        elif kind == "object" and a.keys() == b.keys():
            pairs += [(a[name], b[name]) for name in a]
        elif kind in ("list", "object") or a != b:
            return False
    return True
