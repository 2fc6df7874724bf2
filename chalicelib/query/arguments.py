"""Reads the arguments of one call."""

import re
from decimal import Decimal
from typing import Any, NamedTuple, TypeGuard

from lark import Token, Tree

from .. import instants
from . import paths
from .errors import INVALID, SYNTAX, TYPE, QueryError, shown
from .syntax import UNITS, Duration, Literal, Moment, Path

Branch = Tree[Any]
Node = Branch | Token

_PLURALS = {f"{unit}s": unit for unit in UNITS} | {unit: unit for unit in UNITS}
_LITERALS = frozenset({"STRING", "NUMBER", "DATE", "TIMESTAMP", "BOOLEAN"})
_ESCAPED = re.compile(r"\\(['\\])")
_WILD_OFFSET = re.compile(r"[+-](?:2[4-9]|[3-9][0-9]|[0-9]{2}:?[6-9][0-9])(?::?[0-9]{2})?$")
LARGEST_COUNT = 1_000_000_000  # of days still fits an instant of 64 bits


class Call(NamedTuple):
    """A function name with what stands between its parentheses."""

    name: str
    offset: int
    items: list[Node]
    braced: bool


def call(tree: Branch) -> Call:
    name, *rest = tree.children
    group = rest[0] if rest else None
    if not isinstance(group, Tree):
        return Call(str(name), position(name), [], False)
    return Call(str(name), position(name), list(group.children), group.data == "braced")


def position(node: Node | None) -> int:
    """Where the first token of a node stands."""
    while isinstance(node, Tree):
        node = node.children[0] if node.children else None
    return (node.start_pos or 0) if node is not None else 0


def is_literal(node: Node) -> TypeGuard[Token]:
    return isinstance(node, Token) and node.type in _LITERALS


def is_string(node: Node) -> TypeGuard[Token]:
    return isinstance(node, Token) and node.type == "STRING"


def is_a(node: Node, *rules: str) -> TypeGuard[Branch]:
    return isinstance(node, Tree) and node.data in rules


class Reader:
    """Turns tokens into values; knows the text so that it can point at what is wrong."""

    def __init__(self, text: str) -> None:
        self._text = text

    def error(self, code: str, message: str, offset: int, advice: str | None = None) -> QueryError:
        return QueryError(code, message, self._text, offset, advice)

    def string(self, token: Token) -> str:
        """Only quote and backslash can be escaped; any other backslash stands for itself."""
        return _ESCAPED.sub(r"\1", str(token)[1:-1])

    def literal(self, token: Token) -> Literal | Moment:
        offset = position(token)
        if token.type == "STRING":
            return Literal(self.string(token), offset)
        if token.type == "NUMBER":
            return Literal(Decimal(str(token)), offset)
        if token.type == "BOOLEAN":
            return Literal(str(token) == "true", offset)
        return Moment(str(token), self.instant(str(token), offset), offset)

    def instant(self, text: str, offset: int) -> int:
        """The instant a date or timestamp argument means."""
        instant = instants.parse_iso(text)
        if instant is None or _WILD_OFFSET.search(text):
            raise self.error(INVALID, "this is not an ISO 8601 date", offset, "Write 2026-01-31 or 2026-01-31T12:00Z.")
        return instant

    def count_arguments(self, call: Call, wanted: int) -> None:
        if len(call.items) != wanted:
            many = "argument" if wanted == 1 else "arguments"
            got = len(call.items)
            raise self.error(TYPE, f"`{call.name}` takes {wanted or 'no'} {many}, not {got}", call.offset)

    def name(self, call: Call) -> str:
        """The one text argument of an extractor; not empty."""
        self.count_arguments(call, 1)
        return self._name(call.items[0], call.name)

    def _name(self, node: Node, function: str) -> str:
        if not is_string(node):
            raise self.error(TYPE, f"`{function}` takes a name in single quotes", position(node))
        text = self.string(node)
        if not text:
            raise self.error(INVALID, "the name is empty", position(node))
        return text

    def path(self, call: Call) -> Path:
        self.count_arguments(call, 1)
        return self.path_of(call.items[0], call.name)

    def path_of(self, node: Node, function: str) -> Path:
        path = paths.split(self._name(node, function))
        if path is None:
            message = "a step of the path is empty"
            raise self.error(INVALID, message, position(node), "Write \\. for a dot that belongs to a name.")
        return path

    def durations(self, call: Call, wanted: int, units: frozenset[str]) -> tuple[list[Duration], bool]:
        """The durations of a call, and whether they are relative to the parent event."""
        items, parent = list(call.items), False
        if items and is_a(items[0], "labelled"):
            items[0], parent = self.labelled(items[0], "parent"), True
        self.count_arguments(call, wanted)
        return [self.duration(item, call.name, units) for item in items], parent

    def labelled(self, node: Branch, label: str) -> Node:
        """What stands behind `label:`."""
        found, value = node.children
        if str(found) != label:
            raise self.error(SYNTAX, f"`{found}:` has no meaning here", position(node))
        return value

    def duration(self, node: Node, function: str, units: frozenset[str]) -> Duration:
        if isinstance(node, Token) and node.type == "NUMBER":
            raise self.error(SYNTAX, "the unit is missing", position(node), "Write a unit: 7 days.")
        if not is_a(node, "duration"):
            raise self.error(TYPE, f"`{function}` takes a duration such as 7 days", position(node))
        number, unit = str(node.children[0]), str(node.children[1])
        if not number.isdigit() or int(number[:20]) > LARGEST_COUNT:
            raise self.error(
                INVALID, f"{shown(number)} is not a whole number from 0 to {LARGEST_COUNT:,}", position(node)
            )
        singular = _PLURALS.get(unit)
        if singular not in units:
            known = ", ".join(f"{unit}s" for unit in UNITS if unit in units)
            raise self.error(
                INVALID, f"`{function}` knows no unit {shown(unit)}", position(node.children[1]), f"Use {known}."
            )
        return Duration(int(number), singular)

    def has_unit(self, node: Node) -> bool:
        return isinstance(node, Tree) and str(node.children[1]) in _PLURALS

    def names_after(self, call: Call, label: str) -> list[str]:
        """`label: 'a', 'b'` or `label: ['a', 'b']`."""
        if not call.items:
            raise self.error(TYPE, f"`{call.name}` takes {label}: and names", call.offset)
        first, *rest = call.items
        if not is_a(first, "labelled"):
            raise self.error(TYPE, f"`{call.name}` takes {label}: and names", position(first))
        first = self.labelled(first, label)
        nodes = [*self.listed(first), *rest] if isinstance(first, Tree) and first.data == "list" else [first, *rest]
        if not nodes or (rest and is_a(first, "list")):
            raise self.error(TYPE, f"`{call.name}` takes one list of names", call.offset)
        return [self._name(node, call.name) for node in nodes]

    def listed(self, node: Node) -> list[Node]:
        return [child for child in node.children if child is not None] if isinstance(node, Tree) else [node]

    def spread(self, call: Call) -> list[Node]:
        """The arguments of a call that takes any number of them, or one list in brackets."""
        items = call.items
        if len(items) == 1 and is_a(items[0], "list"):
            items = self.listed(items[0])
        if not items:
            raise self.error(TYPE, f"`{call.name}` takes at least one value", call.offset)
        return items
