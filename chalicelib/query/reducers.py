"""The reducers as mergeable values: one event is lifted to an aggregate, aggregates are merged, the last one is read.

Aggregates are plain data that msgpack can carry, and merging is associative and commutative, so that neither the
order of arrival nor a merge of two profiles changes a result. The one exception is the bound on distinct values.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from .values import ARITHMETIC, EXACT, Cell, Number, number, packed_number, text

Order = tuple[int, int, str]  # timestamp, received at, message id

MAX_DISTINCT = 10_000  # distinct values kept by a list or a mode; later ones are dropped, known ones keep counting


class Reducer(Protocol):
    def lift(self, entries: Sequence[Cell], order: Order) -> Any:
        """The aggregate of one event with these non-null values; None when it contributes nothing."""
        ...

    def merge(self, aggregates: Sequence[Any]) -> Any:
        """One aggregate for several; there is at least one."""
        ...

    def read(self, aggregate: Any) -> Any:
        """The result; `aggregate` is None when no event contributed."""
        ...


class Count:
    def lift(self, entries: Sequence[Cell], order: Order) -> int:
        return 1

    def merge(self, aggregates: Sequence[int]) -> int:
        return sum(aggregates)

    def read(self, aggregate: int | None) -> int:
        return aggregate or 0


class Total:
    """Serves `sum` and `avg`: [how many numbers, their exact sum]."""

    def __init__(self, average: bool) -> None:
        self._average = average

    def lift(self, entries: Sequence[Cell], order: Order) -> list[Any] | None:
        numbers = _numbers(entries)
        return [len(numbers), packed_number(_exact_sum(numbers))] if numbers else None

    def merge(self, aggregates: Sequence[list[Any]]) -> list[Any]:
        sums = [_unpacked(aggregate[1]) for aggregate in aggregates]
        return [sum(aggregate[0] for aggregate in aggregates), packed_number(_exact_sum(sums))]

    def read(self, aggregate: list[Any] | None) -> Number | None:
        if aggregate is None:
            return None
        total = Decimal(aggregate[1])
        return ARITHMETIC.divide(total, Decimal(aggregate[0])) if self._average else ARITHMETIC.plus(total)


def _numbers(entries: Sequence[Cell]) -> list[Number]:
    return [size for size in map(number, entries) if size is not None]


def _exact_sum(numbers: Sequence[Number]) -> Number:
    total: Number = 0
    for size in numbers:
        total = total + size if type(total) is int and type(size) is int else EXACT.add(total, size)
    return total


def _unpacked(value: int | str) -> Number:
    return value if type(value) is int else Decimal(value)


class Extreme:
    """`min` and `max` of numbers."""

    def __init__(self, choose: Callable[..., Any]) -> None:
        self._choose = choose

    def lift(self, entries: Sequence[Cell], order: Order) -> int | str | None:
        numbers = _numbers(entries)
        return packed_number(self._choose(numbers)) if numbers else None

    def merge(self, aggregates: Sequence[int | str]) -> int | str:
        found: int | str = self._choose(aggregates, key=_unpacked)
        return found

    def read(self, aggregate: int | str | None) -> Number | None:
        return None if aggregate is None else _unpacked(aggregate)


class TextExtreme:
    """`min` and `max` of texts, by code point."""

    def __init__(self, choose: Callable[..., Any]) -> None:
        self._choose = choose

    def lift(self, entries: Sequence[Cell], order: Order) -> str | None:
        return self._choose(map(text, entries)) if entries else None

    def merge(self, aggregates: Sequence[str]) -> str:
        found: str = self._choose(aggregates)
        return found

    def read(self, aggregate: str | None) -> str | None:
        return aggregate


class Outermost:
    """`first` and `last`: [timestamp, received at, message id, value] of the event that counts."""

    def __init__(self, latest: bool) -> None:
        self._latest = latest

    def lift(self, entries: Sequence[Cell], order: Order) -> list[Any] | None:
        return [*order, entries[-1 if self._latest else 0]] if entries else None

    def merge(self, aggregates: Sequence[list[Any]]) -> list[Any]:
        choose = max if self._latest else min
        return choose(aggregates, key=_order)

    def read(self, aggregate: list[Any] | None) -> Cell:
        return None if aggregate is None else aggregate[3]


def _order(aggregate: list[Any]) -> list[Any]:
    return aggregate[:3]


class Unique:
    """A sorted list of distinct texts."""

    def lift(self, entries: Sequence[Cell], order: Order) -> list[str] | None:
        return sorted(set(map(text, entries)))[:MAX_DISTINCT] if entries else None

    def merge(self, aggregates: Sequence[list[str]]) -> list[str]:
        if len(aggregates) == 2 and len(aggregates[1]) == 1:
            return _with(aggregates[0], aggregates[1][0])
        seen: dict[str, None] = {}
        for aggregate in aggregates:
            seen.update(dict.fromkeys(aggregate))
        return sorted(list(seen)[:MAX_DISTINCT])

    def read(self, aggregate: list[str] | None) -> list[str]:
        return list(aggregate or ())


def _with(values: list[str], value: str) -> list[str]:
    place = bisect_left(values, value)
    if (place < len(values) and values[place] == value) or len(values) >= MAX_DISTINCT:
        return values
    return [*values[:place], value, *values[place:]]


class Mode:
    """How often each text occurs."""

    def __init__(self, frequency: int) -> None:
        self._frequency = frequency

    def lift(self, entries: Sequence[Cell], order: Order) -> dict[str, int] | None:
        return _tally({}, [(text(entry), 1) for entry in entries]) if entries else None

    def merge(self, aggregates: Sequence[dict[str, int]]) -> dict[str, int]:
        counts = dict(aggregates[0])
        for aggregate in aggregates[1:]:
            _tally(counts, aggregate.items())
        return counts

    def read(self, aggregate: dict[str, int] | None) -> str | None:
        if not aggregate:
            return None
        most = max(aggregate.values())
        return min(value for value, count in aggregate.items() if count == most) if most >= self._frequency else None


def _tally(counts: dict[str, int], added: Any) -> dict[str, int]:
    for value, count in added:
        if value in counts:
            counts[value] += count
        elif len(counts) < MAX_DISTINCT:
            counts[value] = count
    return counts


def reducer(name: str, cast: str | None, frequency: int | None) -> Reducer:
    if name in ("min", "max"):
        choose = min if name == "min" else max
        return TextExtreme(choose) if cast == "string" else Extreme(choose)
    if name == "mode":
        return Mode(frequency or 1)
    if name in ("sum", "avg"):
        return Total(average=name == "avg")
    if name in ("first", "last"):
        return Outermost(latest=name == "last")
    return Count() if name == "count" else Unique()
