"""The sessions of a stream, each brought down to one aggregate."""

from typing import Any

from ..comparators import NEVER
from ..occurrence import Occurrence
from ..reducers import Reducer
from .aggregate import Entries
from .memory import MAX_PENDING, due, inserted, joined

Session = list[Any]

# Only the newest session is shown, but a late event may join older ones to it. Older than this many are forgotten.
MAX_SESSIONS = 32


class Sessions:
    """State: [sessions, pending]. A session is [start, end, aggregate or None]; `pending` holds, in the same shape,
    events that were received before their own timestamp."""

    def __init__(self, gap: int, reducer: Reducer, entries: Entries) -> None:
        self._gap, self._reducer, self._entries = gap, reducer, entries

    def empty(self) -> list[Any]:
        return [[], []]

    def add(self, state: list[Any], occurrence: Occurrence) -> list[Any]:
        at = occurrence.timestamp
        lifted = self._reducer.lift(self._entries(occurrence), (at, occurrence.received_at, occurrence.message_id))
        sessions, pending = state
        if at > occurrence.received_at:
            return [sessions, inserted(pending, [at, at, lifted])[:MAX_PENDING]]
        return [self._united(inserted(sessions, [at, at, lifted])), pending]

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        return [self._united(joined(a[0], b[0])), joined(a[1], b[1])[:MAX_PENDING]]

    def trim(self, state: list[Any], now: int) -> list[Any]:
        arrived = due(state[1], now)
        return [self._at(state, arrived), state[1][arrived:]] if arrived else state

    def value(self, state: list[Any], now: int) -> tuple[Any, int]:
        """The result of the newest session, and when the next event comes due."""
        latest, edge = self._latest(state, now)
        return self._reducer.read(latest[2] if latest else None), edge

    def times(self, state: list[Any], now: int) -> list[int]:
        latest, _ = self._latest(state, now)
        return latest[:2] if latest else []

    def _latest(self, state: list[Any], now: int) -> tuple[Session | None, int]:
        arrived = due(state[1], now)
        sessions = self._at(state, arrived) if arrived else state[0]
        edge = state[1][arrived][0] if arrived < len(state[1]) else NEVER
        return (sessions[-1] if sessions else None), edge

    def _at(self, state: list[Any], arrived: int) -> list[Session]:
        return self._united(joined(state[0], state[1][:arrived]))

    def _united(self, sessions: list[Session]) -> list[Session]:
        """Ordered sessions with those joined that are no further apart than the gap."""
        united: list[Session] = []
        for session in sessions:
            if united and session[0] - united[-1][1] <= self._gap:
                united[-1] = self._join(united[-1], session)
            else:
                united.append(session)
        return united[-MAX_SESSIONS:]

    def _join(self, a: Session, b: Session) -> Session:
        parts = [session[2] for session in (a, b) if session[2] is not None]
        aggregate = self._reducer.merge(parts) if len(parts) > 1 else (parts[0] if parts else None)
        return [a[0], max(a[1], b[1]), aggregate]
