"""The rows of a stream that count at an instant, below one parent row or on their own."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from .comparators import NEVER
from .formula import TRUE, Formula, Reading, Row, Run, Truth
from .matching import Match, candidates
from .reducers import Reducer
from .windows import Window


class Conditions(NamedTuple):
    """What keeps a row: `alone` looks at the row itself, `paired` at its parent row too.

    `match` is an equality that every pair must satisfy, if there is one: it finds the candidates.
    """

    alone: Formula | None = None
    paired: Formula | None = None
    match: Match | None = None


class _Seen(NamedTuple):
    """Rows in the window from now that satisfy what does not depend on a parent, and what may change about that."""

    rows: list[Row]
    times: list[int]
    changes: Sequence[tuple[int, int]]  # (timestamp of the row, when its answer may change)

    def change(self, first: int, last: int) -> int:
        return min((edge for at, edge in self.changes if first <= at <= last), default=NEVER)


class RowSet:
    """`place` is the stream's place in the run, `below` the window after the parent row where there is one."""

    def __init__(self, place: int, window: Window, below: Window | None, keeps: Conditions, gap: int | None) -> None:
        self._place, self.gap = place, gap
        self._near, self._far = window
        self._after, self._span = below or Window()
        self._nested = below is not None
        # Below a parent the rows are asked many times: what does not depend on it is asked once for all of them.
        self._once = keeps.alone if self._nested else None
        self._each = keeps.paired if self._nested else keeps.alone
        self._match = keeps.match

    def rows(self, run: Run, row: Row) -> tuple[list[Row], int]:
        """The rows that count, and when that may change. `row` is the event around this stream, if any."""
        first, last = self._bounds(run.now, row)
        kept, edge = self._near_rows(run, row, first, last)
        if self._each is not None:
            kept, change = _filtered(kept, self._each, run, row)
            edge = min(edge, change)
        if kept:
            edge = min(edge, self._leaves(kept[0][0]))
        edge = min(edge, self._enters(run, first, last))
        return (kept if self.gap is None else _last_session(kept, self.gap)), edge

    def reaches(self, run: Run, row: Row, wanted: int) -> Truth:
        """Whether at least `wanted` rows count, and when that may change."""
        if wanted <= 0:
            return TRUE
        first, last = self._bounds(run.now, row)
        if self._each is not None:
            return self._reaches_each(run, row, wanted, first, last)
        times, edge = run.times(self._place), NEVER
        if self._once is not None:
            seen = self._seen(run)
            times, edge = seen.times, seen.change(first, last)
        newest = min(last, run.now - self._near)
        place = bisect_left(times, first) + wanted - 1
        if place >= len(times) or times[place] > newest:
            return False, min(edge, self._enters(run, first, last))
        if self._far is not None:
            edge = min(edge, self._leaves(times[bisect_right(times, newest) - wanted]))
        return True, edge

    def _reaches_each(self, run: Run, row: Row, wanted: int, first: int, last: int) -> Truth:
        """From the newest row back, since the oldest of the wanted ones decides when the answer changes."""
        rows, edge = self._near_rows(run, row, first, last)
        keeps = self._each or _always
        for candidate in reversed(rows):
            holds, change = keeps(run, candidate, row)
            if change < edge:
                edge = change
            wanted -= holds
            if not wanted:
                return True, min(edge, self._leaves(candidate[0]))
        return False, min(edge, self._enters(run, first, last))

    def _near_rows(self, run: Run, row: Row, first: int, last: int) -> tuple[list[Row], int]:
        """Rows in both windows that may count, and when what was asked once for all may change."""
        seen = self._seen(run)
        low, high = self._range(seen.times, run.now, first, last)
        edge = seen.change(first, last) if seen.changes else NEVER
        match = self._match
        if match is None:
            return seen.rows[low:high], edge
        places = run.once((self._place, "match"), lambda: match.places(seen.rows))
        return [seen.rows[place] for place in candidates(places, match.wanted(row), low, high)], edge

    def _seen(self, run: Run) -> _Seen:
        if self._once is None:
            return _Seen(run.states[self._place], run.times(self._place), ())
        found: _Seen = run.once((self._place, "seen"), lambda: self._look(run))
        return found

    def _look(self, run: Run) -> _Seen:
        keeps, times = self._once or _always, run.times(self._place)
        low, high = self._range(times, run.now, -NEVER if self._far is None else run.now - self._far, NEVER)
        rows: list[Row] = []
        changes: list[tuple[int, int]] = []
        for candidate in run.states[self._place][low:high]:
            holds, change = keeps(run, candidate, None)
            if holds:
                rows.append(candidate)
            if change < NEVER:
                changes.append((candidate[0], change))
        return _Seen(rows, [candidate[0] for candidate in rows], changes)

    def _bounds(self, now: int, row: Row) -> tuple[int, int]:
        """The earliest and the latest timestamp that can count, now or later."""
        first, last = -NEVER if self._far is None else now - self._far, NEVER
        if self._nested:
            first = max(first, row[0] + self._after)
            last = NEVER if self._span is None else row[0] + self._span
        return first, last

    def _range(self, times: list[int], now: int, first: int, last: int) -> tuple[int, int]:
        low = bisect_left(times, first)
        return low, bisect_right(times, min(last, now - self._near), low)

    def _enters(self, run: Run, first: int, last: int) -> int:
        """When the next row enters the window from now, if one can."""
        times, newest = run.times(self._place), run.now - self._near
        if not times or times[-1] <= newest:
            return NEVER
        at = times[max(bisect_right(times, newest), bisect_left(times, first))] if times[-1] >= first else NEVER
        return at + self._near if at <= last and at < NEVER else NEVER

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
