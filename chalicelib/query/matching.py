"""Finds the rows that equal something of their parent row, without looking at all of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from .formula import Row
from .values import number, text

Index = dict[Hashable, list[int]]


class Match(NamedTuple):
    """The columns of an equality between a row and its parent row. The equality itself is still asked of each pair:
    a match only leaves out rows for which it cannot hold."""

    own: int
    parent: int

    def places(self, rows: list[Row]) -> Index:
        """Places of rows, in order, by what they may be equal to."""
        found: Index = {}
        for place, row in enumerate(rows):
            for key in set(_keys(row[self.own])):
                found.setdefault(key, []).append(place)
        return found

    def wanted(self, parent: Row) -> set[Hashable]:
        return set(_keys(parent[self.parent]))


def candidates(index: Index, wanted: set[Hashable], low: int, high: int) -> list[int]:
    """The places from `low` to before `high` under any of the wanted keys, in order."""
    found: set[int] = set()
    for key in wanted:
        places = index.get(key, [])
        found.update(places[bisect_left(places, low) : bisect_right(places, high - 1)])
    return sorted(found)


def _keys(value: Any) -> Iterator[Hashable]:
    """Values are equal as texts or, when one of them is a number, as numbers."""
    for item in value if isinstance(value, list) else () if value is None else (value,):
        yield text(item)
        size = number(item)
        if size is not None:
            yield "number", size
