"""Turns the parse tree into a definition, checking types, places and arguments in reading order."""

from collections.abc import Sequence
from typing import Any

from lark import Token

from .arguments import Branch, Node, Reader, is_a, is_literal, position
from .calls import NOT_VALUES, Calls
from .errors import SCOPE, SYNTAX, TOO_MANY, TYPE, QueryError
from .syntax import And, Comparison, Condition, Definition, Not, Operand, Or, Quantified, Reduced, Scalar
from .typed import Place, Typed
from .vocabulary import ACCOUNTS, AUDIENCE, SYMBOLS

CONDITIONS = Comparison | And | Or | Not | Quantified
MAX_EXPRESSIONS = 50


class Checker:
    def __init__(self, text: str, kind: str, scope: str) -> None:
        self._reader = Reader(text)
        self._calls = Calls(self._reader, self)
        self._text, self._kind, self._scope = text, kind, scope
        self._expressions = 0

    def definition(self, tree: Branch) -> Definition:
        place = Place(self._kind, self._scope)
        body = tree.children[0]
        made = self.condition(body, place) if self._kind == AUDIENCE else self._trait(body, place)
        return Definition(self._kind, self._scope, made, self._text)

    def error(self, code: str, message: str, offset: int, advice: str | None = None) -> QueryError:
        return self._reader.error(code, message, offset, advice)

    def _trait(self, node: Node, place: Place) -> Reduced:
        self._count_expression(position(node))
        typed = self.value(node, place)
        if not isinstance(typed.node, Reduced):
            message = f"a computed trait reduces events to a value; this is {typed.described}"
            raise self.error(TYPE, message, typed.offset, "End with a reducer such as count() or last(property('x')).")
        return typed.node

    def condition(self, node: Node, place: Place) -> Condition:
        """A node that must be true or false."""
        if is_a(node, "disjunction"):
            return Or(self._terms(node, place))
        if is_a(node, "conjunction"):
            return And(self._terms(node, place))
        if is_a(node, "prefixed"):
            return self._prefixed(node, place)
        if is_a(node, "group"):
            return self._group(node, place)
        return self._condition_of(self.value(node, place))

    def _terms(self, node: Branch, place: Place) -> tuple[Condition, ...]:
        return tuple(self.condition(child, place) for child in node.children)

    def _prefixed(self, node: Branch, place: Place) -> Condition:
        word, term = node.children
        if str(word) == "NOT":
            return Not(self.condition(term, place))
        self._check_quantifier(str(word), position(word), place)
        return Quantified(str(word) == "ALL", self.condition(term, place._replace(quantified=True)))

    def _check_quantifier(self, word: str, offset: int, place: Place) -> None:
        if place.scope != ACCOUNTS or place.kind != AUDIENCE:
            raise self.error(SCOPE, f"{word} speaks of an account's users; only account audiences have it", offset)
        if place.depth or place.quantified:
            raise self.error(SCOPE, f"{word} cannot stand inside another ANY or ALL or a where", offset)

    def _group(self, node: Branch, place: Place) -> Condition:
        opening, inner = node.children[:2]
        if is_literal(inner) or is_a(inner, "chain"):
            typed = self.value(inner, place)
            if typed.operand is not None or isinstance(typed.node, Reduced):
                raise self.error(SYNTAX, "parentheses stand around conditions only", position(opening))
            return self._condition_of(typed)
        return self.condition(inner, place)

    def _condition_of(self, typed: Typed) -> Condition:
        node = typed.node
        if isinstance(node, CONDITIONS):
            return node
        message = f"a condition is expected here, this is {typed.described}"
        raise self.error(TYPE, message, typed.offset, "Compare it with something, as in ... >= 1.")

    def value(self, node: Node, place: Place) -> Typed:
        """Anything that can stand as an argument, with its type."""
        if isinstance(node, Token):
            return Typed(self._reader.literal(node), position(node))
        if node.data == "chain":
            return self._chain(node.children, place)
        if node.data == "comparison":
            return self._symbol(node.children, place)
        return Typed(self.condition(node, place), position(node))

    def _chain(self, children: Sequence[Any], place: Place) -> Typed:
        head, *rest = children
        typed = self.value(head, place) if isinstance(head, Token) else self._calls.head(head, place)
        for child in rest:
            typed = self._calls.follow(typed, child, place)
        return typed

    def _symbol(self, children: Sequence[Any], place: Place) -> Typed:
        left_node, symbol, right_node = children
        left, offset = self.value(left_node, place), position(symbol)
        scalar = left.scalar
        if scalar is None:
            raise self.error(TYPE, f"`{symbol}` cannot follow {left.described}", offset)
        right = self.operand(right_node, place)
        return Typed(self.comparison(scalar, SYMBOLS[str(symbol)], offset, operands=(right,)), left.offset)

    def comparison(self, left: Scalar, name: str, offset: int, **parts: Any) -> Comparison:
        self._count_expression(offset)
        return Comparison(left, name, offset=offset, **parts)

    def operand(self, node: Node, place: Place) -> Operand:
        """What may stand on the right of a comparator."""
        if is_a(node, *NOT_VALUES):
            self._calls.misplaced(node)
        typed = self.value(node, place)
        if typed.operand is None:
            raise self.error(TYPE, f"a value is expected here, this is {typed.described}", typed.offset)
        return typed.operand

    def _count_expression(self, offset: int) -> None:
        self._expressions += 1
        if self._expressions > MAX_EXPRESSIONS:
            raise self.error(TOO_MANY, f"more than {MAX_EXPRESSIONS} conditions", offset)
