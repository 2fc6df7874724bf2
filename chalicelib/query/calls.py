"""Checks one call after the other in a chain: what may follow what, and with which arguments."""

from dataclasses import replace
from typing import Any, NoReturn, Protocol

from lark import Token

from .arguments import Branch, Call, Node, Reader, call, is_a, is_literal, position
from .errors import INVALID, SCOPE, SYNTAX, TYPE
from .reducing import Reducing
from .syntax import (
    Between,
    Comparison,
    Condition,
    Context,
    Duration,
    ExpiresAfter,
    Filter,
    Literal,
    Moment,
    Operand,
    Property,
    Reduced,
    Scalar,
    Sources,
    Stream,
    Trait,
    Where,
    Within,
)
from .typed import Place, Typed
from .vocabulary import (
    AUDIENCE,
    BARE,
    COMPARATORS,
    DATED,
    EXTRACTORS,
    FILTERS,
    LINKED,
    LISTED,
    ONE_OPERAND,
    REDUCERS,
    RELATIVE,
    TRAIT,
)

MAX_LEVELS = 6  # of events inside events
NOT_VALUES = ("duration", "cast", "labelled", "list")  # arguments with a meaning of their own
WINDOW_UNITS = frozenset({"hour", "day"})
SESSION_UNITS = frozenset({"second", "minute", "hour", "day"})
SHORTEST_SESSION = Duration(30, "minute")
LONGEST_SESSION = Duration(90, "day")


class Conditions(Protocol):
    """The checker, as far as calls need it."""

    def condition(self, node: Node, place: Place) -> Condition: ...
    def operand(self, node: Node, place: Place) -> Operand: ...
    def comparison(self, left: Scalar, name: str, offset: int, **parts: Any) -> Comparison: ...


class Calls:
    def __init__(self, reader: Reader, checker: Conditions) -> None:
        self._reader, self._checker = reader, checker
        self._reducing = Reducing(reader, self.head)

    def head(self, tree: Branch, place: Place) -> Typed:
        """The first call of a chain."""
        found = self._call(tree)
        if found.name not in EXTRACTORS:
            raise self._reader.error(TYPE, f"`{found.name}` needs something on its left", found.offset)
        if found.name in ("event", "entity"):
            return self._stream(found, place)
        if found.name == "literal":
            return self._literal(found)
        if found.name == "trait":
            return Typed(Trait(self._reader.path(found), found.offset), found.offset)
        return self._of_event(found, place)

    def follow(self, typed: Typed, tree: Branch, place: Place) -> Typed:
        """The next call of a chain."""
        found = self._call(tree)
        stream = typed.stream
        if stream is not None and found.name in FILTERS:
            added = self._filter(stream, found, place)
            return Typed(replace(stream, filters=(*stream.filters, added)), typed.offset)
        if stream is not None and found.name in REDUCERS:
            return Typed(self._reducing.reduced(stream, found, place), typed.offset)
        if isinstance(typed.node, Reduced) and typed.node.is_list and found.name == "count":
            self._reader.count_arguments(found, 0)
            return Typed(replace(typed.node, counted=True), typed.offset)
        scalar = typed.scalar
        if scalar is not None and found.name in COMPARATORS:
            return Typed(self._compare(scalar, found, place), typed.offset)
        raise self._reader.error(TYPE, f"`{found.name}` cannot follow {typed.described}", found.offset)

    def _call(self, tree: Branch) -> Call:
        found = call(tree)
        if found.braced and found.name not in ("where", "sources"):
            raise self._reader.error(SYNTAX, f"`{found.name}` takes no braces", found.offset)
        return found

    def _stream(self, found: Call, place: Place) -> Typed:
        if found.name == "entity" and (place.scope != LINKED or place.kind != AUDIENCE):
            raise self._reader.error(SCOPE, "only linked audiences have entities", found.offset)
        if place.depth >= MAX_LEVELS:
            raise self._reader.error(INVALID, f"events nest at most {MAX_LEVELS} deep", found.offset)
        return Typed(Stream(found.name, self._reader.name(found), offset=found.offset), found.offset)

    def _literal(self, found: Call) -> Typed:
        self._reader.count_arguments(found, 1)
        item = found.items[0]
        if not is_literal(item):
            raise self._reader.error(TYPE, "`literal` takes a text, number, date or boolean", position(item))
        return Typed(self._reader.literal(item), found.offset)

    def _of_event(self, found: Call, place: Place) -> Typed:
        if not place.depth:
            message = f"`{found.name}` needs an event: it stands inside a where or a reducer"
            raise self._reader.error(SCOPE, message, found.offset)
        if found.name == "context":
            return Typed(Context(self._reader.path(found), found.offset), found.offset)
        items = list(found.items)
        first = items[0] if items else None
        parent = first is not None and is_a(first, "labelled")
        if first is not None and is_a(first, "labelled"):
            self._check_parent(first, place.depth - 1)
            items[0] = self._reader.labelled(first, "parent")
        path = self._reader.path(found._replace(items=items))
        return Typed(Property(path, parent, found.offset), found.offset)

    def _check_parent(self, node: Node, depth: int) -> None:
        if depth < 1:
            raise self._reader.error(SCOPE, "there is no enclosing event that `parent:` could mean", position(node))

    def _filter(self, stream: Stream, found: Call, place: Place) -> Filter:
        if found.name == "where":
            self._reader.count_arguments(found, 1)
            return Where(self._condition(found.items[0], place.inside_event()))
        if found.name == "sources":
            return Sources(tuple(self._reader.names_after(found, "exclude")))
        if found.name == "expires_after":
            return self._session(stream, found, place)
        return self._window(stream, found, place)

    def _condition(self, node: Node, place: Place) -> Condition:
        if is_a(node, *NOT_VALUES):
            self.misplaced(node)
        return self._checker.condition(node, place)

    def _window(self, stream: Stream, found: Call, place: Place) -> Within | Between:
        if found.items and is_a(found.items[0], "labelled"):
            self._check_parent(found.items[0], place.depth)
        if any(isinstance(other, ExpiresAfter) for other in stream.filters):
            raise self._reader.error(SCOPE, f"a session cannot be cut by `{found.name}`", found.offset)
        wanted = 1 if found.name == "within" else 2
        spans, parent = self._reader.durations(found, wanted, WINDOW_UNITS)
        near = spans[0] if wanted == 2 else Duration(0, "hour")
        if near.milliseconds >= spans[-1].milliseconds:
            message = "the window is empty" if wanted == 1 else "the first duration must be shorter than the second"
            raise self._reader.error(INVALID, message, position(found.items[0]))
        return Within(spans[0], parent) if wanted == 1 else Between(near, spans[1], parent)

    def _session(self, stream: Stream, found: Call, place: Place) -> ExpiresAfter:
        if place.kind != TRAIT or place.depth:
            raise self._reader.error(SCOPE, "sessions belong to the events of a computed trait", found.offset)
        if any(isinstance(other, Within | Between) for other in stream.filters):
            raise self._reader.error(SCOPE, "a session cannot be cut by a window", found.offset)
        spans, parent = self._reader.durations(found, 1, SESSION_UNITS)
        if parent:
            self.misplaced(found.items[0])
        if not SHORTEST_SESSION.milliseconds <= spans[0].milliseconds <= LONGEST_SESSION.milliseconds:
            message = "a session expires after 30 minutes at least and 90 days at most"
            raise self._reader.error(INVALID, message, position(found.items[0]))
        return ExpiresAfter(spans[0])

    def _compare(self, left: Scalar, found: Call, place: Place) -> Comparison:
        parts: dict[str, Any] = {}
        if found.name in ONE_OPERAND:
            self._reader.count_arguments(found, 1)
            parts["operands"] = (self._checker.operand(found.items[0], place),)
        elif found.name == "contains":
            parts["operands"] = tuple(self._checker.operand(node, place) for node in self._reader.spread(found))
        elif found.name in LISTED:
            parts["operands"] = tuple(self._listed(node, place) for node in self._reader.spread(found))
        elif found.name in RELATIVE:
            spans, parent = self._reader.durations(found, 1, WINDOW_UNITS)
            if parent:
                self.misplaced(found.items[0])
            parts["duration"] = spans[0]
        elif found.name in DATED:
            parts["operands"] = (self._date(found),)
        elif found.name in BARE:
            self._reader.count_arguments(found, 0)
        return self._checker.comparison(left, found.name, found.offset, **parts)

    def _listed(self, node: Node, place: Place) -> Literal | Moment:
        operand = self._checker.operand(node, place)
        if not isinstance(operand, Literal | Moment):
            raise self._reader.error(TYPE, "only literals can be listed here", position(node))
        return operand

    def _date(self, found: Call) -> Literal | Moment:
        self._reader.count_arguments(found, 1)
        item = found.items[0]
        if not (isinstance(item, Token) and item.type in ("DATE", "TIMESTAMP", "STRING")):
            raise self._reader.error(TYPE, f"`{found.name}` takes a date", position(item))
        literal = self._reader.literal(item)
        if isinstance(literal, Literal):
            self._reader.instant(str(literal.value), position(item))
        return literal

    def misplaced(self, node: Node) -> NoReturn:
        """Refuse an argument that has a meaning elsewhere."""
        if is_a(node, "cast"):
            raise self._reader.error(SYNTAX, "nothing can be cast here", position(node))
        if is_a(node, "duration") and not self._reader.has_unit(node):
            raise self._reader.error(SYNTAX, "this number is followed by something that is no unit", position(node))
        kind = {"duration": "a duration", "list": "a list"}.get(getattr(node, "data", ""), "a label")
        raise self._reader.error(TYPE, f"{kind} cannot stand here", position(node))
