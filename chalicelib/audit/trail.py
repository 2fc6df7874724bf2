"""Where the rows are: how they are written, and read with the newest first.

    partition                   sort                 holds
    audit#{workspace}           {day, descending}    nothing: on that day there are rows
    audit#{workspace}#{day}     {at, descending}#id  Row

A day has a partition of its own, so none grows or heats up with the age of a workspace. Days without rows have no mark
and cost nothing to read. The mark comes first: a row is never where no reader looks. A row is written once the change
it tells of is made; whoever is killed between the two loses that one row.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ..clock import DAY, Clock
from ..errors import Conflict, Invalid, Problem
from ..records import Key, Record, Records, every
from .row import Row, decode, encode

KEPT = 90 * DAY

EXAMINED = 2_000  # rows looked at for one page: a filter that nothing passes must not read 90 days at once
READ = 200  # rows per query

_FAR = 9_999_999_999_999  # epoch ms; counting down from it, the newest row sorts first
_FAR_DAY = _FAR // DAY
_MARKS = 10_000  # days remembered as marked: a process that lives longer than that many starts again


class Listener(Protocol):
    """Hears of rows. Implementation: `notifications.announcer`."""

    def announce(self, row: Row) -> None:
        """Called at least once per row that anybody may be told of; a second call changes nothing."""
        ...


class Filter(NamedTuple):
    """`since` is part of the period and `until` is not (epoch ms). None is for any."""

    since: int | None = None
    until: int | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    action: str | None = None
    actor: str | None = None
    space_id: str | None = None

    def passes(self, row: Row) -> bool:
        return (
            (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and self.resource_id in (None, row.resource_id)
            and (self.resource_type is None or row.resource_type == self.resource_type.lower())
            and self.action in (None, row.action)
            and self.actor in (None, row.actor)
            and self.space_id in (None, row.space_id)
        )


class Rows(NamedTuple):
    """`cursor` is None when there is nothing left to look at."""

    rows: list[Row]
    cursor: str | None


class Trail:
    """The audit trails of all workspaces."""

    def __init__(self, work: Records, listener: Listener, clock: Clock) -> None:
        self._work, self._listener, self._clock = work, listener, clock
        self._marked: set[Key] = set()

    def write(self, row: Row) -> None:
        """Once per row, however often it is called. Raises Unavailable; the same call then does the rest."""
        expires_at = row.at + KEPT
        if expires_at <= self._clock.now():
            return  # told of too late: by now it would have been forgotten
        self._mark(row)
        try:
            self._work.create(_key(row), encode(row), expires_at=expires_at)
        except Conflict:
            row = self._stored(row)
        if not row.transient:
            self._listener.announce(row)

    def read(self, workspace_id: str, filter: Filter, limit: int, cursor: str | None = None) -> Rows:
        """The newest first. A page may be short and still not be the last. Raises Invalid for a broken cursor."""
        found: list[Row] = []
        records = self._records(workspace_id, filter, _opened(cursor))
        for seen, record in enumerate(records, 1):
            row = decode(record.data)
            if filter.passes(row):
                found.append(row)
            if len(found) == limit or seen == EXAMINED:
                more = next(records, None) is not None
                return Rows(found, _cursor(row.at // DAY, record.key.sort) if more else None)
        return Rows(found, None)

    def _records(self, workspace_id: str, filter: Filter, place: tuple[int, str] | None) -> Iterator[Record]:
        """Those behind `place` of the days that the filter could let pass."""
        for day in self._days(workspace_id, filter):
            if place is not None and day > place[0]:
                continue
            after = place[1] if place is not None and day == place[0] else None
            while True:
                page = self._work.page(_partition(workspace_id, day), limit=READ, cursor=after)
                yield from page.records
                after = page.cursor
                if after is None:
                    break

    def _days(self, workspace_id: str, filter: Filter) -> Iterator[int]:
        first = max(filter.since or 0, self._clock.now() - KEPT) // DAY
        last = _FAR_DAY if filter.until is None else (filter.until - 1) // DAY
        for record in every(self._work, _home(workspace_id)):
            day = _FAR_DAY - int(record.key.sort)
            if first <= day <= last:
                yield day

    def _mark(self, row: Row) -> None:
        day = row.at // DAY
        key = Key(_home(row.workspace_id), f"{_FAR_DAY - day:06d}")
        if key in self._marked:
            return
        self._work.put(key, b"", expires_at=(day + 1) * DAY + KEPT)
        if len(self._marked) >= _MARKS:
            self._marked.clear()
        self._marked.add(key)

    def _stored(self, row: Row) -> Row:
        """It was judged when it was first written, and stays as it was."""
        record = self._work.get(_key(row))
        return row if record is None else decode(record.data)


def _cursor(day: int, sort: str) -> str:
    return f"{day}|{sort}"


def _opened(cursor: str | None) -> tuple[int, str] | None:
    """The day and sort key of the row that was read last."""
    if cursor is None:
        return None
    day, _, sort = cursor.partition("|")
    if not (day.isascii() and day.isdigit() and len(day) <= 6 and sort):
        raise Invalid(Problem("not a cursor of this list", "cursor"))
    return int(day), sort


def _home(workspace_id: str) -> str:
    return f"audit#{workspace_id}"


def _partition(workspace_id: str, day: int) -> str:
    return f"audit#{workspace_id}#{day}"


def _key(row: Row) -> Key:
    return Key(_partition(row.workspace_id, row.at // DAY), f"{_FAR - row.at:013d}#{row.id}")
