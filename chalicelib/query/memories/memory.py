"""What every memory can do, and what they have in common."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import Any, Protocol

from ..occurrence import Occurrence

State = Any

MAX_PENDING = 1_024  # future events kept for their day; the most distant ones are dropped past that


class Memory(Protocol):
    """States are plain data and never changed in place; an operation without effect returns the very same object."""

    def empty(self) -> State: ...
    def add(self, state: State, occurrence: Occurrence) -> State: ...
    def merge(self, a: State, b: State) -> State: ...
    def trim(self, state: State, now: int) -> State: ...


def timestamp(row: Sequence[Any]) -> int:
    """The first column of every row."""
    at: int = row[0]
    return at


def inserted(rows: list[Any], row: list[Any]) -> list[Any]:
    """A copy of time-ordered rows with one more."""
    rows = rows.copy()
    if not rows or rows[-1][0] <= row[0]:
        rows.append(row)
    else:
        insort(rows, row, key=timestamp)
    return rows


def joined(a: list[Any], b: list[Any]) -> list[Any]:
    """Two lists of time-ordered rows as one."""
    return sorted([*a, *b], key=timestamp)


def due(rows: list[Any], now: int) -> int:
    """How many of time-ordered rows are not in the future."""
    return len(rows) if not rows or rows[-1][0] <= now else bisect_right(rows, now, key=timestamp)
