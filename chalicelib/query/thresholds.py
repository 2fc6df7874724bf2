"""Counts compared with a number: answered as "at least n?", which tells the instant of change exactly."""

import math

from . import formula as make
from .admission import constants
from .formula import FALSE, Formula, Row, Run, Truth
from .reductions import Reaches
from .syntax import Comparison, Literal
from .values import Number, number


def threshold(node: Comparison, reaches: Reaches) -> Formula | None:
    """The comparison of a count with one numeric literal; None for any other comparison."""
    if len(node.operands) != 1 or not isinstance(node.operands[0], Literal):
        return None
    limit = number(constants(node)[0])
    return None if limit is None else _compared(node.name, limit, reaches)


def _compared(name: str, limit: Number, reaches: Reaches) -> Formula | None:
    if name == "at_least":
        return _reaching(reaches, math.ceil(limit))
    if name == "less_than":
        return make.negated(_reaching(reaches, math.ceil(limit)))
    if name == "greater_than":
        return _reaching(reaches, math.floor(limit) + 1)
    if name == "at_most":
        return make.negated(_reaching(reaches, math.floor(limit) + 1))
    if name == "equals":
        return _exactly(reaches, limit)
    return make.negated(_exactly(reaches, limit)) if name == "differs" else None


def _reaching(reaches: Reaches, wanted: int) -> Formula:
    def evaluate(run: Run, row: Row, parent: Row) -> Truth:
        return reaches(run, row, wanted)

    return evaluate


def _exactly(reaches: Reaches, limit: Number) -> Formula:
    if limit != math.floor(limit):
        return lambda run, row, parent: FALSE
    wanted = int(limit)
    return make.both([_reaching(reaches, wanted), make.negated(_reaching(reaches, wanted + 1))])
