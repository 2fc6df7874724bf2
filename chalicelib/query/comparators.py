"""The comparators: one value against the operands of a comparison."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from .syntax import UNITS, Duration, Moment
from .values import instant, is_date_only, is_number, number, text

Entry = Callable[[Any, Sequence[Any]], bool]

NEVER = 1 << 62  # an edge no clock reaches
DAY = UNITS["day"]

# Computed as the negation of another comparator over all entries of a value.
NEGATED = {"omits": "contains", "absent": "exists"}


def equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    if type(left) is str and type(right) is str:
        return left == right
    if isinstance(left, Moment) or isinstance(right, Moment):
        moment = instant(left)
        return moment is not None and moment == instant(right)
    if is_number(left) or is_number(right):
        size = number(left)
        return size is not None and size == number(right)
    return text(left) == text(right)


def different(left: Any, right: Any) -> bool:
    return left is not None and right is not None and not equal(left, right)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if type(left) is int and type(right) is int:
            return holds(left, right)
        return _by_number_or_time(left, right, holds)

    return compare


def _by_number_or_time(left: Any, right: Any, holds: Callable[[Any, Any], bool]) -> bool:
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return holds(a, b)
    t, u = instant(left), instant(right)
    return t is not None and u is not None and holds(t, u)


def _on_text(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and holds(text(left), text(right))


def _on_time(holds: Callable[[int, int], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        t, u = instant(left), instant(right)
        return t is not None and u is not None and holds(t, u)

    return compare


PAIRS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": equal,
    "one_of": equal,
    "differs": different,
    "greater_than": _ordered(operator.gt),
    "at_least": _ordered(operator.ge),
    "less_than": _ordered(operator.lt),
    "at_most": _ordered(operator.le),
    "contains": _on_text(operator.contains),
    "starts_with": _on_text(str.startswith),
    "ends_with": _on_text(str.endswith),
    "before_date": _on_time(operator.lt),
    "after_date": _on_time(operator.gt),
}


def entry(name: str) -> Entry:
    """The comparator applied to one entry; with several operands any of them will do."""
    if name == "exists":
        return lambda value, operands: value is not None
    if name == "none_of":
        return lambda value, operands: value is not None and not any(equal(value, other) for other in operands)
    holds = PAIRS[name]
    return lambda value, operands: any(holds(value, other) for other in operands)


def bound(name: str, operands: Sequence[Any]) -> Callable[[Any], bool]:
    """`entry` for operands that never change."""
    if len(operands) == 1 and name in PAIRS:
        holds, other = PAIRS[name], operands[0]
        if name == "equals" and type(other) is str:
            return lambda value: value == other if type(value) is str else equal(value, other)
        return lambda value: holds(value, other)
    test = entry(name)
    if name in ("one_of", "none_of") and all(type(other) is str for other in operands):
        return _among_texts(name == "one_of", frozenset(operands), lambda value: test(value, operands))
    return lambda value: test(value, operands)


def _among_texts(wanted: bool, texts: frozenset[str], otherwise: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Texts equal texts exactly, so a long list of them need not be walked."""
    return lambda value: (value in texts) is wanted if type(value) is str else otherwise(value)


def relative(name: str, duration: Duration) -> Callable[[Any, int], tuple[bool, int]]:
    """A comparator that looks from the present: whether it holds, and when it next changes."""
    span = duration.milliseconds
    days = duration.count if duration.unit == "day" else None

    def compare(value: Any, now: int) -> tuple[bool, int]:
        moment = instant(value)
        if moment is None:
            return False, NEVER
        if days is not None and is_date_only(value):
            start, end = _calendar(name, moment // DAY, days)
        else:
            start, end = _exact(name, moment, span)
        if now < start:
            return False, start
        return (True, end + 1) if now <= end else (False, NEVER)

    return compare


def _exact(name: str, moment: int, span: int) -> tuple[int, int]:
    """The first and last instant at which the comparator holds."""
    if name == "within_last":
        return moment, moment + span
    if name == "within_next":
        return moment - span, moment
    return (moment + span, NEVER - 1) if name == "before_last" else (-NEVER, moment - span)


def _calendar(name: str, day: int, days: int) -> tuple[int, int]:
    """The same for a value that is a whole day: days are compared, not instants."""
    if name == "within_last":
        return day * DAY, (day + days + 1) * DAY - 1
    if name == "within_next":
        return (day - days) * DAY, (day + 1) * DAY - 1
    return ((day + days) * DAY, NEVER - 1) if name == "before_last" else (-NEVER, (day - days + 1) * DAY - 1)
