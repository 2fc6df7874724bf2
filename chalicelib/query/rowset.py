"""The rows of a stream that count at an instant, below one parent row or on their own."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from .comparators import NEVER
from .formula import Formula, Reading, Row, Run, Truth
from .memories.memory import timestamp
from .reducers import Reducer
from .windows import Window


class Selection(NamedTuple):
    """Rows [low:high] are in the window; the row at `entering` may be the next to enter it."""

    low: int
    high: int
    entering: int
    last: int  # the latest timestamp the parent allows


class RowSet:
    """`place` is the stream's place in the run, `below` the window after the parent row where there is one."""

    def __init__(
        self, place: int, window: Window, below: Window | None, keeps: Formula | None, gap: int | None
    ) -> None:
        self._place, self._window, self._below, self._keeps = place, window, below, keeps
        self.gap = gap

    def rows(self, run: Run, row: Row) -> tuple[list[Row], int]:
        """The rows that count, and when that may change. `row` is the event around this stream, if any."""
        rows: list[Row] = run.states[self._place]
        selection = self._select(rows, run.now, row)
        edge = self._next_entry(rows, selection)
        kept = rows[selection.low : selection.high]
        if self._keeps is not None:
            kept, change = _filtered(kept, self._keeps, run, row)
            edge = min(edge, change)
        if kept:
            edge = min(edge, self._leaves(kept[0]))
        return (kept if self.gap is None else _last_session(kept, self.gap)), edge

    def reaches(self, run: Run, row: Row, wanted: int) -> Truth:
        """Whether at least `wanted` rows count, and when that may change."""
        if wanted <= 0:
            return True, NEVER
        rows: list[Row] = run.states[self._place]
        selection = self._select(rows, run.now, row)
        if self._keeps is None:
            return self._reaches_all(rows, selection, wanted)
        edge = NEVER
        for place in range(selection.high - 1, selection.low - 1, -1):
            holds, change = self._keeps(run, rows[place], row)
            edge = min(edge, change)
            wanted -= holds
            if not wanted:
                return True, min(edge, self._leaves(rows[place]))
        return False, min(edge, self._next_entry(rows, selection))

    def _reaches_all(self, rows: list[Row], selection: Selection, wanted: int) -> Truth:
        if selection.high - selection.low >= wanted:
            return True, self._leaves(rows[selection.high - wanted])
        entering = selection.entering + wanted - 1 - max(0, selection.high - selection.low)
        return False, self._next_entry(rows, selection._replace(entering=entering))

    def _select(self, rows: list[Row], now: int, row: Row) -> Selection:
        near, far = self._window
        first = -NEVER if far is None else now - far
        low_by_parent, last = -NEVER, NEVER
        if self._below is not None:
            low_by_parent = row[0] + self._below.near
            last = NEVER if self._below.far is None else row[0] + self._below.far
        visible = bisect_right(rows, now - near, key=timestamp)
        low = bisect_left(rows, max(first, low_by_parent), key=timestamp)
        high = visible if last >= now - near else bisect_right(rows, last, key=timestamp)
        entering = visible if low_by_parent <= now - near else max(low, visible)
        return Selection(min(low, high), high, entering, last)

    def _next_entry(self, rows: Sequence[Row], selection: Selection) -> int:
        if selection.entering >= len(rows):
            return NEVER
        at: int = rows[selection.entering][0]
        return at + self._window.near if at <= selection.last else NEVER

    def _leaves(self, row: Row) -> int:
        at: int = row[0]
        return NEVER if self._window.far is None else at + self._window.far + 1


def _filtered(rows: list[Row], keeps: Formula, run: Run, row: Row) -> tuple[list[Row], int]:
    kept, edge = [], NEVER
    for candidate in rows:
        holds, change = keeps(run, candidate, row)
        if holds:
            kept.append(candidate)
        if change < edge:
            edge = change
    return kept, edge


def _last_session(rows: list[Row], gap: int) -> list[Row]:
    start = len(rows) - 1
    while start > 0 and rows[start][0] - rows[start - 1][0] <= gap:
        start -= 1
    return rows[max(start, 0) :]


def reduced(selected: RowSet, contribution: Reading, reducer: Reducer) -> Reading:
    """The reducer over what each selected row contributes: an aggregate, or None."""

    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        rows, edge = selected.rows(run, row)
        parts = [part for item in rows if (part := contribution(run, item, row)[0]) is not None]
        return reducer.read(reducer.merge(parts) if parts else None), edge

    return evaluate


def counted(selected: RowSet) -> Reading:
    def evaluate(run: Run, row: Row, parent: Row) -> tuple[Any, int]:
        rows, edge = selected.rows(run, row)
        return len(rows), edge

    return evaluate
