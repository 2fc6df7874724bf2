"""Conditions, compiled: asked of an event in the form in which it is sent and stored, they say yes or no, whatever
JSON it is."""

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from .functions import FUNCTIONS
from .parser import parse
from .syntax import Call, Comparison, Junction, Membership, Negation, Node, Path, Value, Values
from .values import equal, kind_of

Json = Mapping[str, Any]
Condition = Callable[[Json], bool]
Term = Callable[[Json], Any]

EVERYTHING = "all"  # in place of a condition: of every event
KEPT = 2_000  # conditions: those of some hundred destinations

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache(KEPT)
def condition(text: str) -> Condition:
    """Raises QueryError, with the place of what is wrong."""
    if text.strip() == EVERYTHING:
        return lambda event: True
    return _truth(parse(text))


def _truth(node: Node) -> Condition:
    """Only true itself is true: neither a text nor a number, and not what is missing."""
    term = _term(node)
    return lambda event: term(event) is True


def _term(node: Node) -> Term:
    match node:
        case Value() | Values():
            return _constant(node)
        case Path():
            return _field(node.names)
        case Call():
            return _call(node)
        case Comparison():
            return _comparison(node)
        case Membership():
            return _membership(node)
        case Negation():
            inner = _truth(node.inner)
            return lambda event: not inner(event)
        case Junction():
            return _junction(node)


def _constant(node: Value | Values) -> Term:
    value = node.value if isinstance(node, Value) else list(node.values)
    return lambda event: value


def _field(names: tuple[str, ...]) -> Term:
    """Null where the path leads nowhere."""

    def find(event: Json) -> Any:
        value: Any = event
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return find


def _call(node: Call) -> Term:
    function, first = FUNCTIONS[node.name], _term(node.arguments[0])
    if function.prepare is not None:
        test = function.prepare(_text(node.arguments[1]))

        def is_so(event: Json) -> bool:
            text = first(event)
            return isinstance(text, str) and test(text)

        return is_so
    call, others = function.call or kind_of, [_term(argument) for argument in node.arguments[1:]]
    return lambda event: call(first(event), *(other(event) for other in others))


def _text(node: Node) -> str:
    return str(node.value) if isinstance(node, Value) else ""


def _comparison(node: Comparison) -> Term:
    left, right = _term(node.left), _term(node.right)
    if node.sign == "=":
        return lambda event: equal(left(event), right(event))
    if node.sign == "!=":
        return lambda event: not equal(left(event), right(event))
    holds = _ORDER[node.sign]

    def compare(event: Json) -> bool:
        one, other = left(event), right(event)
        return kind_of(one) == kind_of(other) == "number" and holds(one, other)

    return compare


def _membership(node: Membership) -> Term:
    item = _term(node.item)
    if isinstance(node.values, Values):
        known = {(kind_of(value), value) for value in node.values.values}

        def is_known(event: Json) -> bool:
            value = item(event)
            kind = kind_of(value)
            return kind not in ("list", "object") and (kind, value) in known

        return is_known
    values = _term(node.values)

    def is_among(event: Json) -> bool:
        value, found = item(event), values(event)
        return isinstance(found, list) and any(equal(value, one) for one in found)

    return is_among


def _junction(node: Junction) -> Term:
    parts = [_truth(part) for part in node.parts]
    if node.sign == "and":
        return lambda event: all(part(event) for part in parts)
    return lambda event: any(part(event) for part in parts)
