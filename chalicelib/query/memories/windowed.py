"""What each event contributes, with its time, for reducing the events in a window."""

from bisect import bisect_left, bisect_right
from typing import Any

from ..comparators import NEVER
from ..occurrence import Occurrence
from ..reducers import Reducer
from ..windows import Window
from . import coalescing
from .aggregate import Entries
from .memory import due, inserted, joined, timestamp

Row = list[Any]

SWEEP = 64  # longer lists are swept only so often, to keep the cost of an event low


class Windowed:
    """State: rows of [timestamp, aggregate] in order (see `coalescing` for the bound)."""

    def __init__(self, window: Window, reducer: Reducer, entries: Entries) -> None:
        self._near, self._far = window.near, window.far or 0
        self._reducer, self._entries = reducer, entries

    def empty(self) -> list[Row]:
        return []

    def add(self, state: list[Row], occurrence: Occurrence) -> list[Row]:
        at, received_at = occurrence.timestamp, occurrence.received_at
        if at < received_at - self._far:
            return state
        lifted = self._reducer.lift(self._entries(occurrence), (at, received_at, occurrence.message_id))
        if lifted is None:
            return state
        rows = self._deciding(inserted(state, [at, lifted]), received_at)
        return coalescing.coalesced(rows, self._reducer.merge) if coalescing.is_due(len(rows)) else rows

    def merge(self, a: list[Row], b: list[Row]) -> list[Row]:
        rows = joined(a, b)
        return coalescing.coalesced(rows, self._reducer.merge) if len(rows) > coalescing.EXACT_ROWS else rows

    def trim(self, state: list[Row], now: int) -> list[Row]:
        gone = bisect_left(state, now - self._far, key=timestamp)
        kept = self._deciding(state[gone:], now, always=True)
        return kept if len(kept) < len(state) else state

    def _deciding(self, rows: list[Row], now: int, always: bool = False) -> list[Row]:
        """Where the window reaches up to now, older rows leave before newer ones: some can never decide again."""
        if self._near or not (always or len(rows) <= SWEEP or len(rows) % SWEEP == 0):
            return rows
        past = due(rows, now)
        return self._reducer.deciding(rows[:past]) + rows[past:]

    def value(self, state: list[Row], now: int) -> tuple[Any, int]:
        """The result, and when the next event enters or leaves the window."""
        high = bisect_right(state, now - self._near, key=timestamp)
        low = bisect_left(state, now - self._far, 0, high, key=timestamp)
        edge = state[low][0] + self._far + 1 if low < high else NEVER
        if high < len(state):
            edge = min(edge, state[high][0] + self._near)
        kept = [row[1] for row in state[low:high]]
        return self._reducer.read(self._reducer.merge(kept) if kept else None), edge

    def times(self, state: list[Row], now: int) -> list[int]:
        return [row[0] for row in state if now - self._far <= row[0] <= now - self._near]
