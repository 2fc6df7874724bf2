"""The rows of a stream that count at an instant, below one parent row or on their own."""

from bisect import bisect_left, bisect_right
from typing import Any

from .comparators import NEVER
from .formula import FALSE, TRUE, Formula, Reading, Row, Run, Truth
from .reducers import Reducer
from .windows import Window


class RowSet:
    """`place` is the stream's place in the run, `below` the window after the parent row where there is one."""

    def __init__(
        self, place: int, window: Window, below: Window | None, keeps: Formula | None, gap: int | None
    ) -> None:
        self._place, self._keeps, self.gap = place, keeps, gap
        self._near, self._far = window
        self._below, self._span = below or (0, None)
        self._nested = below is not None

    def rows(self, run: Run, row: Row) -> tuple[list[Row], int]:
        """The rows that count, and when that may change. `row` is the event around this stream, if any."""
        times = run.times(self._place)
        first, last = self._bounds(run.now, row)
        low, high = bisect_left(times, first), bisect_right(times, min(last, run.now - self._near))
        edge = self._enters(times, max(low, high), last)
        kept = run.states[self._place][low:high]
        if self._keeps is not None:
            kept, change = _filtered(kept, self._keeps, run, row)
            edge = min(edge, change)
        if kept:
            edge = min(edge, self._leaves(kept[0][0]))
        return (kept if self.gap is None else _last_session(kept, self.gap)), edge

    def reaches(self, run: Run, row: Row, wanted: int) -> Truth:
        """Whether at least `wanted` rows count, and when that may change."""
        if wanted <= 0:
            return TRUE
        times = run.times(self._place)
        first, last = self._bounds(run.now, row)
        low = bisect_left(times, first)
        if self._keeps is not None:
            return self._reaches_kept(run, row, wanted, low, last)
        place = low + wanted - 1
        if place >= len(times) or times[place] > last:
            return FALSE
        newest = run.now - self._near
        if times[place] > newest:
            return False, times[place] + self._near
        if self._far is None:
            return TRUE
        return True, self._leaves(times[bisect_right(times, min(last, newest)) - wanted])

    def _reaches_kept(self, run: Run, row: Row, wanted: int, low: int, last: int) -> Truth:
        """From the newest row back, since the oldest of the wanted ones decides when the answer changes."""
        rows, times, keeps = run.states[self._place], run.times(self._place), self._keeps or _always
        high, edge = bisect_right(times, min(last, run.now - self._near)), NEVER
        for place in range(high - 1, low - 1, -1):
            holds, change = keeps(run, rows[place], row)
            if change < edge:
                edge = change
            wanted -= holds
            if not wanted:
                return True, min(edge, self._leaves(times[place]))
        return False, min(edge, self._enters(times, max(low, high), last))

    def _bounds(self, now: int, row: Row) -> tuple[int, int]:
        """The earliest and the latest timestamp that can count, now or later."""
        first, last = -NEVER if self._far is None else now - self._far, NEVER
        if self._nested:
            first = max(first, row[0] + self._below)
            last = NEVER if self._span is None else row[0] + self._span
        return first, last

    def _enters(self, times: list[int], place: int, last: int) -> int:
        """When the row at `place` enters the window, if it can."""
        return times[place] + self._near if place < len(times) and times[place] <= last else NEVER

    def _leaves(self, at: int) -> int:
        return NEVER if self._far is None else at + self._far + 1


def _always(run: Run, row: Row, parent: Row) -> Truth:
    return TRUE


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
