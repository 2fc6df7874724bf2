"""Events in the order in which they arrived, from any of them on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .columns import EVENT
from .history import Session

COLUMNS = tuple(name for name in EVENT if name != "landed_at")
FETCHED_AT_ONCE = 500  # rows


class Wanted(NamedTuple):
    """Arrived at or after `start` and before `end` (epoch ms). `unresolved_only`: those that belong to nobody."""

    start: int
    end: int
    source_id: str | None = None
    unresolved_only: bool = False


class After(NamedTuple):
    """The event that was read last."""

    received_at: int
    message_id: str


class Arrivals:
    """The events of one session. `after` moves along with what is read."""

    def __init__(self, session: Session, wanted: Wanted, after: After) -> None:
        self.after = after
        self._rows = self._read(session, wanted)

    def chunk(self, most: int, most_bytes: int) -> list[dict[str, Any]]:
        """The next rows by column, of at most so many, and of few more bytes of JSON; empty at the end."""
        found: list[dict[str, Any]] = []
        size = 0
        while len(found) < most and size < most_bytes and (row := next(self._rows, None)) is not None:
            found.append(row)
            size += sum(len(value) for value in row.values() if isinstance(value, str))
        if found:
            self.after = After(found[-1]["received_at"], found[-1]["message_id"])
        return found

    def _read(self, session: Session, wanted: Wanted) -> Iterator[dict[str, Any]]:
        result = session.connection.execute(
            _SQL,
            {
                "start": wanted.start,
                "end": wanted.end,
                "source": wanted.source_id,
                "unresolved": wanted.unresolved_only,
                "at": self.after.received_at,
                "id": self.after.message_id,
            },
        )
        while rows := result.fetchmany(FETCHED_AT_ONCE):
            yield from (dict(zip(COLUMNS, row, strict=True)) for row in rows)


_SQL = f"""
    select {", ".join(COLUMNS)} from events
    where received_at >= $start and received_at < $end
        and ($source is null or source_id = $source)
        and (not $unresolved or (profile_id is null and account_id is null))
        and (received_at > $at or (received_at = $at and message_id > $id))
    order by received_at, message_id
"""  # noqa: S608
