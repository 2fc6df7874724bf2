"""The list of notices that stands in the app itself, for everybody of a workspace."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..audit.catalogue import FAILURES
from ..clock import DAY, Clock
from ..errors import Invalid, Problem
from ..records import Key, Record, Records
from .notice import ALERT, Notice

KEPT = 30 * DAY

READ = 200  # records per query
EXAMINED = 2_000  # records looked at for one page: of a space that has none among many

_FAR = 9_999_999_999_999  # epoch ms; counting down from it, the newest sorts first

_decoder = msgspec.msgpack.Decoder(Notice)


class Notices(NamedTuple):
    """`cursor` is None when there is nothing left to look at."""

    notices: list[Notice]
    cursor: str | None


class Inbox:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def put(self, notice: Notice) -> None:
        """Failures and alerts; nothing else is worth a look by everybody. The same notice again changes nothing."""
        expires_at = notice.at + KEPT
        if (notice.kind == ALERT or notice.name in FAILURES) and expires_at > self._clock.now():
            key = Key(_partition(notice.workspace_id), f"{_FAR - notice.at:013d}#{notice.id}")
            self._work.put(key, msgspec.msgpack.encode(notice), expires_at=expires_at)

    def read(self, workspace_id: str, space_id: str | None, limit: int, cursor: str | None = None) -> Notices:
        """The newest first, of one space or of all. A page may be short and still not be the last."""
        found: list[Notice] = []
        records = self._records(workspace_id, _opened(cursor))
        for seen, record in enumerate(records, 1):
            notice = _decoder.decode(record.data)
            if space_id in (None, notice.space_id):
                found.append(notice)
            if len(found) == limit or seen == EXAMINED:
                more = next(records, None) is not None
                return Notices(found, record.key.sort if more else None)
        return Notices(found, None)

    def _records(self, workspace_id: str, after: str | None) -> Iterator[Record]:
        while True:
            page = self._work.page(_partition(workspace_id), limit=READ, cursor=after)
            yield from page.records
            after = page.cursor
            if after is None:
                return


def _opened(cursor: str | None) -> str | None:
    if cursor is not None and not (cursor and cursor.isascii()):
        raise Invalid(Problem("not a cursor of this list", "cursor"))
    return cursor


def _partition(workspace_id: str) -> str:
    return f"inbox#{workspace_id}"
