"""From a definition back to text; parsing that text gives the same definition."""

from decimal import Decimal

from . import paths
from .syntax import (
    And,
    Between,
    Comparison,
    Condition,
    Context,
    Definition,
    Duration,
    ExpiresAfter,
    Filter,
    Literal,
    Moment,
    Not,
    Operand,
    Quantified,
    Reduced,
    Reference,
    Sources,
    Stream,
    Trait,
    Where,
)
from .values import text
from .vocabulary import SYMBOL_OF

# How tightly a condition binds; one that binds less than its surroundings needs parentheses.
_OR, _AND, _PREFIX = 1, 2, 3


def to_text(definition: Definition) -> str:
    body = definition.body
    return reduced(body) if isinstance(body, Reduced) else condition(body)


def condition(node: Condition, around: int = 0) -> str:
    """A condition as text, in parentheses when what stands around it binds more tightly."""
    if isinstance(node, Comparison):
        return _comparison(node)
    if isinstance(node, Not):
        return "NOT " + condition(node.term, _PREFIX)
    if isinstance(node, Quantified):
        return ("ALL " if node.every else "ANY ") + condition(node.term, _PREFIX)
    strength, word = (_AND, " AND ") if isinstance(node, And) else (_OR, " OR ")
    joined = word.join(condition(term, strength + 1) for term in node.terms)
    return f"({joined})" if around > strength else joined


def _comparison(node: Comparison) -> str:
    left = operand(node.left)
    if node.name in SYMBOL_OF:
        return f"{left} {SYMBOL_OF[node.name]} {operand(node.operands[0])}"
    inside = [operand(item) for item in node.operands]
    if node.duration is not None:
        inside.append(duration(node.duration))
    return f"{left}.{node.name}({', '.join(inside)})"


def operand(node: Operand) -> str:
    if isinstance(node, Literal):
        return _literal(node.value)
    if isinstance(node, Moment):
        return node.text
    return reduced(node) if isinstance(node, Reduced) else reference(node)


def _literal(value: str | Decimal | bool) -> str:
    return quoted(value) if isinstance(value, str) else text(value)


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def reference(node: Reference) -> str:
    path = quoted(paths.join(node.path))
    if isinstance(node, Trait):
        return f"trait({path})"
    if isinstance(node, Context):
        return f"context({path})"
    return f"property(parent: {path})" if node.parent else f"property({path})"


def reduced(node: Reduced) -> str:
    inside = reference(node.reference) if node.reference is not None else ""
    if node.cast is not None:
        inside += f" as {node.cast}"
    if node.frequency is not None:
        inside += f", {node.frequency}"
    return f"{stream(node.stream)}.{node.reducer}({inside})" + (".count()" if node.counted else "")


def stream(node: Stream) -> str:
    return ".".join([f"{node.source}({quoted(node.name)})", *map(_filter, node.filters)])


def _filter(node: Filter) -> str:
    if isinstance(node, Where):
        return f"where({condition(node.condition)})"
    if isinstance(node, Sources):
        return f"sources(exclude: {', '.join(map(quoted, node.excluded))})"
    if isinstance(node, ExpiresAfter):
        return f"expires_after({duration(node.gap)})"
    label = "parent: " if node.parent else ""
    if isinstance(node, Between):
        return f"between({label}{duration(node.near)}, {duration(node.far)})"
    return f"within({label}{duration(node.far)})"


def duration(node: Duration) -> str:
    return f"{node.count} {node.unit}{'' if node.count == 1 else 's'}"
