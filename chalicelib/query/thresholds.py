"""Counts compared with a number: answered as "at least n?", which tells the instant of change exactly."""

import math

from . import formula as make
from .admission import constants
from .formula import FALSE, Formula, Row, Run, Truth
from .reductions import Reaches
from .syntax import Comparison, Literal
from .values import Number, number
from .vocabulary import SYMBOL_OF


def limit_of(node: Comparison) -> Number | None:
    """The number that a comparison compares with; None for any other comparison."""
    if node.name not in SYMBOL_OF or not isinstance(node.operands[0], Literal):
        return None
    return number(constants(node)[0])


def enough(name: str, limit: Number) -> int:
    """The greatest count that a comparison with `limit` asks for."""
    return max(1, math.ceil(limit) if name in ("at_least", "less_than") else math.floor(limit) + 1)


def threshold(name: str, limit: Number, reaches: Reaches) -> Formula:
    """The comparison of a count with a number."""
    if name in ("at_least", "less_than"):
        reached = _reaching(reaches, math.ceil(limit))
        return reached if name == "at_least" else make.negated(reached)
    if name in ("greater_than", "at_most"):
        reached = _reaching(reaches, math.floor(limit) + 1)
        return reached if name == "greater_than" else make.negated(reached)
    exactly = _exactly(reaches, limit)
    return exactly if name == "equals" else make.negated(exactly)


def _reaching(reaches: Reaches, wanted: int) -> Formula:
    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        return reaches(run, row, wanted)

    return evaluate


def _exactly(reaches: Reaches, limit: Number) -> Formula:
    if limit != math.floor(limit):
        return lambda run, row, parent: FALSE
    wanted = int(limit)
    return make.both([_reaching(reaches, wanted), make.negated(_reaching(reaches, wanted + 1))])
