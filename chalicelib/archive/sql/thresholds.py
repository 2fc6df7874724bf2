"""Comparisons of computed numbers with a literal."""

import math
from collections.abc import Callable
from decimal import Decimal

from ...query.syntax import Comparison
from ...query.thresholds import limit_of
from ...query.values import Number
from ...query.vocabulary import SYMBOL_OF
from .text import double

_SYMBOLS = SYMBOL_OF | {"differs": "<>"}


class NotInSql(Exception):
    """The definition, or this part of it, is for the evaluator."""


def limit(node: Comparison) -> Number:
    """What is compared with. Raises NotInSql for any other kind of comparison."""
    found = limit_of(node)
    if found is None:
        raise NotInSql
    return found


def symbol(node: Comparison) -> str:
    return _SYMBOLS[node.name]


def literal(value: Number) -> str:
    """Raises NotInSql for a number that no double stands for."""
    found = double(value)
    if found is None:
        raise NotInSql
    return found


def scaled(value: Number, places: int) -> int:
    """In units of so many decimal places. Raises NotInSql where there are more."""
    units = Decimal(value).scaleb(places)
    if units != units.to_integral_value() or abs(units) >= 10**18:
        raise NotInSql
    return int(units)


def reaching(node: Comparison, reached: Callable[[int], str]) -> str:
    """A comparison of a count, put together from answers to "at least n?" with n from 1."""
    name, value = node.name, limit(node)

    def at_least(wanted: int) -> str:
        return "true" if wanted <= 0 else reached(wanted)

    if name in ("at_least", "less_than"):
        found = at_least(math.ceil(value))
    elif name in ("greater_than", "at_most"):
        found = at_least(math.floor(value) + 1)
    elif value != math.floor(value):
        found = "false"
    else:
        found = f"({at_least(int(value))} and not {at_least(int(value) + 1)})"
    return f"(not {found})" if name in ("less_than", "at_most", "differs") else found
