"""Checks the reducers, which bring a stream of events down to one value."""

from collections.abc import Callable

from lark import Token

from .arguments import Branch, Call, Node, Reader, is_a, position
from .errors import INVALID, SYNTAX, TYPE, shown
from .syntax import Context, Property, Reduced, Reference, Stream, Trait
from .typed import Place, Typed
from .vocabulary import ACCOUNTS, CASTS, TRAIT

DEFAULT_FREQUENCY = 2  # a value seen once is not yet the most frequent one
DIGITS = 18  # of a frequency; no profile has more events than that


class Reducing:
    def __init__(self, reader: Reader, head: Callable[[Branch, Place], Typed]) -> None:
        self._reader, self._head = reader, head

    def reduced(self, stream: Stream, found: Call, place: Place) -> Reduced:
        if found.name == "count":
            self._reader.count_arguments(found, 0)
            return Reduced(stream, "count")
        node, cast = self._uncast(found)
        reference = self._reference(node, found.name, place.inside_event())
        if found.name != "mode":
            self._reader.count_arguments(found, 1)
            return Reduced(stream, found.name, reference, cast)
        return Reduced(stream, "mode", reference, cast, self._frequency(found))

    def _uncast(self, found: Call) -> tuple[Node, str | None]:
        if not found.items:
            raise self._reader.error(TYPE, f"`{found.name}` takes a property", found.offset)
        node = found.items[0]
        if not is_a(node, "cast"):
            return node, None
        value, cast = node.children
        if found.name not in CASTS:
            raise self._reader.error(SYNTAX, f"`{found.name}` takes no cast", position(cast))
        if str(cast) not in CASTS[found.name]:
            known = ", ".join(sorted(CASTS[found.name]))
            message = f"`{found.name}` cannot read values as {shown(str(cast))}"
            raise self._reader.error(INVALID, message, position(cast), f"Use {known}.")
        return value, str(cast)

    def _reference(self, node: Node, function: str, place: Place) -> Reference:
        if is_a(node, "chain") and len(node.children) == 1:
            typed = self._head(node.children[0], place)
            if isinstance(typed.node, Property | Context):
                return typed.node
            if isinstance(typed.node, Trait) and place.kind == TRAIT and place.scope == ACCOUNTS:
                return typed.node
        message = f"`{function}` takes a property of the event"
        raise self._reader.error(TYPE, message, position(node), f"Write {function}(property('name')).")

    def _frequency(self, found: Call) -> int:
        if len(found.items) == 1:
            return DEFAULT_FREQUENCY
        self._reader.count_arguments(found, 2)
        node = found.items[1]
        if not isinstance(node, Token) or node.type != "NUMBER":
            raise self._reader.error(TYPE, "the least number of occurrences is a number", position(node))
        digits = node.lstrip("0")
        if not digits.isdigit():
            message = "the least number of occurrences is a whole number from 1"
            raise self._reader.error(INVALID, message, position(node))
        return int(digits) if len(digits) <= DIGITS else 10**DIGITS
