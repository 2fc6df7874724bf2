"""Conditions that an event decides alone, once and for all, when it arrives."""

from collections.abc import Callable, Sequence
from typing import Any

from . import paths
from .comparators import NEGATED, bound, entry
from .occurrence import Occurrence, OwnReference, cell_reader, entries_reader
from .syntax import And, Comparison, Condition, Context, Literal, Moment, Not, Operand, Or, Property
from .values import instant
from .vocabulary import DATED, RELATIVE

Test = Callable[[Occurrence], bool]


def is_static(node: Condition) -> bool:
    """Whether neither time, traits nor other events can change the answer."""
    if isinstance(node, Comparison):
        return node.name not in RELATIVE and all(_is_own(part) for part in (node.left, *node.operands))
    if isinstance(node, And | Or):
        return all(is_static(term) for term in node.terms)
    return isinstance(node, Not) and is_static(node.term)


def _is_own(node: Operand) -> bool:
    return isinstance(node, Literal | Moment | Context) or (isinstance(node, Property) and not node.parent)


def own(node: Operand) -> OwnReference:
    """What an event says of itself."""
    if isinstance(node, Property | Context):
        return node
    raise TypeError(f"{node!r} is not decided by one event")


def constant(node: Literal | Moment) -> Any:
    """A literal as the comparators take it."""
    if isinstance(node, Moment):
        return node
    value = node.value
    if isinstance(value, str | bool):
        return value
    whole = value.to_integral_value()
    return int(whole) if whole == value and value.adjusted() < 18 else value


def constants(node: Comparison) -> list[Any]:
    """The operands of a comparison that has literals only."""
    values = [constant(operand) for operand in node.operands if isinstance(operand, Literal | Moment)]
    if node.name in DATED and isinstance(values[0], str):
        return [Moment(values[0], instant(values[0]) or 0)]
    return values


def test(node: Condition) -> Test:
    """A static condition as a function of the event."""
    if isinstance(node, Comparison):
        return _comparison(node)
    if isinstance(node, And | Or):
        tests = [test(term) for term in node.terms]
        return all_of(tests) if isinstance(node, And) else any_of(tests)
    inner = test(node.term)
    return lambda occurrence: not inner(occurrence)


def all_of(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda occurrence: all(holds(occurrence) for holds in tests)


def any_of(tests: Sequence[Test]) -> Test:
    return lambda occurrence: any(holds(occurrence) for holds in tests)


def _comparison(node: Comparison) -> Test:
    name = NEGATED.get(node.name, node.name)
    holds = _positive(node, name)
    return holds if name == node.name else lambda occurrence: not holds(occurrence)


def _positive(node: Comparison, name: str) -> Test:
    left = own(node.left)
    if not all(isinstance(operand, Literal | Moment) for operand in node.operands):
        return _between_properties(node, name)
    holds = bound(name, constants(node))
    if paths.expands(left.path):
        read_all = entries_reader(left)
        return lambda occurrence: any(map(holds, read_all(occurrence)))
    read = cell_reader(left)
    return lambda occurrence: holds(read(occurrence))


def _between_properties(node: Comparison, name: str) -> Test:
    """Some operand is a property too: every entry of one side meets every entry of the other."""
    read, holds = entries_reader(own(node.left)), entry(name)
    operands = [_operand_reader(operand) for operand in node.operands]

    def compare(occurrence: Occurrence) -> bool:
        others = [value for each in operands for value in each(occurrence)]
        return any(holds(value, others) for value in read(occurrence))

    return compare


def _operand_reader(node: Operand) -> Callable[[Occurrence], Sequence[Any]]:
    if isinstance(node, Literal | Moment):
        value = [constant(node)]
        return lambda occurrence: value
    return entries_reader(own(node))
