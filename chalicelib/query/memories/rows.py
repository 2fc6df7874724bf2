"""Events as rows, for formulas that look at each of them again whenever they are evaluated."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from ..occurrence import Occurrence
from .memory import inserted, joined, timestamp

Row = list[Any]

MAX_ROWS = 10_000  # per stream and profile; the oldest are dropped past that


class Rows:
    """State: rows of [timestamp, column, ...] in order. `horizon` is the greatest age that matters, if any.

    `columns` is filled while the formula is compiled: one reader per value the formula looks at.
    """

    def __init__(self, horizon: int | None) -> None:
        self.horizon = horizon
        self.columns: list[Callable[[Occurrence], Any]] = []

    def empty(self) -> list[Row]:
        return []

    def add(self, state: list[Row], occurrence: Occurrence) -> list[Row]:
        if self.horizon is not None and occurrence.timestamp < occurrence.received_at - self.horizon:
            return state
        row = [occurrence.timestamp, *[read(occurrence) for read in self.columns]]
        return inserted(state, row)[-MAX_ROWS:]

    def merge(self, a: list[Row], b: list[Row]) -> list[Row]:
        return joined(a, b)[-MAX_ROWS:]

    def trim(self, state: list[Row], now: int) -> list[Row]:
        if self.horizon is None:
            return state
        gone = bisect_left(state, now - self.horizon, key=timestamp)
        return state[gone:] if gone else state


def pooled(members: Sequence[list[Row]]) -> list[Row]:
    """The rows of several people as one stream; each row ends with the place of its person."""
    return sorted(([*row, place] for place, rows in enumerate(members) for row in rows), key=timestamp)
