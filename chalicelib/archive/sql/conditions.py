"""Conditions on one row as SQL: true, false, or NULL where only the evaluator can tell.

The three-valued logic of SQL carries what is undecided through AND, OR and NOT, and settles it where the rest of a
condition does.
"""

from collections.abc import Callable

from ...query.admission import constants
from ...query.comparators import NEGATED
from ...query.syntax import And, Comparison, Condition, Literal, Moment, Not, Or
from .cells import Cells
from .comparisons import both_texts, compared, relative
from .text import UNDECIDED, all_of, any_of

Leaf = Callable[[Comparison], str]


def where(node: Condition, cells: Cells, now: int | None = None) -> str:
    """`now` (epoch ms) is what comparators that look from the present refer to."""
    return structure(node, lambda comparison: comparison_of(comparison, cells, now))


def structure(node: Condition, leaf: Leaf) -> str:
    """A condition whose comparisons are written by `leaf`."""
    if isinstance(node, Comparison):
        return leaf(node)
    if isinstance(node, And | Or):
        terms = [structure(term, leaf) for term in node.terms]
        return all_of(terms) if isinstance(node, And) else any_of(terms)
    return f"(not {structure(node.term, leaf)})" if isinstance(node, Not) else UNDECIDED


def comparison_of(node: Comparison, cells: Cells, now: int | None) -> str:
    name = NEGATED.get(node.name, node.name)
    positive = _positive(node, name, cells, now)
    return positive if name == node.name else f"(not {positive})"


def _positive(node: Comparison, name: str, cells: Cells, now: int | None) -> str:
    cell = cells.alias(node.left)
    if cell is None:
        return UNDECIDED
    if node.duration is not None:
        return UNDECIDED if now is None else relative(cell, name, node.duration, now)
    if all(isinstance(operand, Literal | Moment) for operand in node.operands):
        return compared(cell, name, constants(node) if node.operands else [])
    other = cells.alias(node.operands[0]) if name == "equals" else None
    return UNDECIDED if other is None else both_texts(cell, other)
