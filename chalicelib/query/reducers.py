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

Row = list[Any]

_DIGITS = 18  # certainly fit the 64 bits of a packed integer
_LARGEST = 10**_DIGITS
_MOST_PLACES = 18
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

    def deciding(self, rows: list[Row]) -> list[Row]:
        """Those of time-ordered rows [timestamp, aggregate] that matter if older ones always leave first."""
        ...


class _EveryRow:
    """For reducers to which every event matters until it leaves."""

    def deciding(self, rows: list[Row]) -> list[Row]:
        return rows


class Count(_EveryRow):
    def lift(self, entries: Sequence[Cell], order: Order) -> int:
        return 1

    def merge(self, aggregates: Sequence[int]) -> int:
        return sum(aggregates)

    def read(self, aggregate: int | None) -> int:
        return aggregate or 0


class Total(_EveryRow):
    """Serves `sum` and `avg`: [how many numbers, their exact sum as coefficient and decimal places].

    A sum too long for that is kept as text: [how many, "digits"].
    """

    def __init__(self, average: bool) -> None:
        self._average = average

    def lift(self, entries: Sequence[Cell], order: Order) -> list[Any] | None:
        numbers = _numbers(entries)
        return [len(numbers), *_scaled(_exact_sum(numbers))] if numbers else None

    def merge(self, aggregates: Sequence[list[Any]]) -> list[Any]:
        sums: dict[int, int] = {}
        texts, count = [], 0
        for aggregate in aggregates:
            count += aggregate[0]
            if len(aggregate) == 3:
                sums[aggregate[2]] = sums.get(aggregate[2], 0) + aggregate[1]
            else:
                texts.append(Decimal(aggregate[1]))
        if len(sums) == 1 and not texts:
            ((places, coefficient),) = sums.items()
            if abs(coefficient) < _LARGEST:
                return [count, coefficient, places]
        shifted = [Decimal(coefficient).scaleb(-places, EXACT) for places, coefficient in sums.items()]
        return [count, *_scaled(_exact_sum(shifted + texts))]

    def read(self, aggregate: list[Any] | None) -> Number | None:
        if aggregate is None:
            return None
        total = Decimal(aggregate[1])
        if len(aggregate) == 3:
            total = total.scaleb(-aggregate[2], EXACT)
        return ARITHMETIC.divide(total, Decimal(aggregate[0])) if self._average else ARITHMETIC.plus(total)


def _numbers(entries: Sequence[Cell]) -> list[Number]:
    return [size for size in map(number, entries) if size is not None]


def _exact_sum(numbers: Sequence[Number]) -> Number:
    total: Number = 0
    for size in numbers:
        total = total + size if type(total) is int and type(size) is int else EXACT.add(total, size)
    return total


def _scaled(size: Number) -> list[Any]:
    """Coefficient and decimal places, or one text."""
    if type(size) is int and abs(size) < _LARGEST:
        return [size, 0]
    exact = Decimal(size)
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and -_MOST_PLACES <= exponent <= 0 and exact.adjusted() - exponent < _DIGITS:
        return [int(exact.scaleb(-exponent, EXACT)), -exponent]
    return [str(exact)]


def _unpacked(value: int | str) -> Number:
    return value if type(value) is int else Decimal(value)


class Extreme:
    """`min` and `max` of numbers."""

    def deciding(self, rows: list[Row]) -> list[Row]:
        return _records(rows, lambda a, b: self._choose(_unpacked(a), _unpacked(b)) == _unpacked(b))

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

    def deciding(self, rows: list[Row]) -> list[Row]:
        return _records(rows, lambda a, b: self._choose(a, b) == b)

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

    def deciding(self, rows: list[Row]) -> list[Row]:
        return [max(rows, key=lambda row: _order(row[1]))] if rows and self._latest else rows


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

    def deciding(self, rows: list[Row]) -> list[Row]:
        """Of each text only the newest occurrence, of too many texts the newest."""
        seen: set[str] = set()
        kept: list[Row] = []
        for at, texts in reversed(rows):
            new = [value for value in texts if value not in seen]
            seen.update(new)
            if new and len(seen) <= MAX_DISTINCT:
                kept.append([at, new])
        return kept[::-1]


def _with(values: list[str], value: str) -> list[str]:
    place = bisect_left(values, value)
    if (place < len(values) and values[place] == value) or len(values) >= MAX_DISTINCT:
        return values
    return [*values[:place], value, *values[place:]]


class Mode(_EveryRow):
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


def _records(rows: list[Row], beaten: Callable[[Any, Any], bool]) -> list[Row]:
    """Rows that no later row beats or equals."""
    kept: list[Row] = []
    for row in reversed(rows):
        if not kept or not beaten(row[1], kept[-1][1]):
            kept.append(row)
    return kept[::-1]


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
