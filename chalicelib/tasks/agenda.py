"""What has to be looked at when: rows of one partition per shard, the earliest first.

A row only says "not later than then". It is written before the record it belongs to and removed after it, so that
a crash leaves a row too many, never one too few; whoever finds a row reads the record for the truth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import NamedTuple
from zlib import crc32

from ..clock import MINUTE
from ..records import Key, Records

PAGE = 100  # rows of some 100 bytes: three read units
FORSAKEN = 20 * MINUTE  # no invocation lives longer than 15: whoever wrote the row will not write the record any more


class Row(NamedTuple):
    """`at` is epoch ms, `id` the record's."""

    at: int
    id: str


class Agenda:
    """`shards` partitions: each takes 1,000 writes a second, and every look costs one read unit per shard."""

    def __init__(self, work: Records, name: str, shards: int) -> None:
        self._work, self._name, self._shards = work, name, shards

    def put(self, row: Row) -> None:
        self._work.put(self._key(row), b"")

    def drop(self, row: Row) -> None:
        self._work.delete(self._key(row))

    @contextmanager
    def moving(self, before: Row, after: Row) -> Iterator[None]:
        """The block writes the record. Should it fail, both rows stay."""
        if after != before:
            self.put(after)
        yield
        if after != before:
            self.drop(before)

    def due(self, now: int) -> Iterator[Row]:
        """Rows up to `now`, a page of a shard at a time. Rows that are dropped meanwhile do not disturb."""
        for partition in self._partitions():
            yield from takewhile(lambda row: row.at <= now, self._rows(partition))

    def first(self) -> Row | None:
        pages = [self._work.page(partition, limit=1) for partition in self._partitions()]
        return min((_row(record.key.sort) for page in pages for record in page.records), default=None)

    def all(self) -> Iterator[Row]:
        for partition in self._partitions():
            yield from self._rows(partition)

    def _partitions(self) -> list[str]:
        return [f"{self._name}#{shard}" for shard in range(self._shards)]

    def _rows(self, partition: str) -> Iterator[Row]:
        cursor: str | None = None
        while True:
            page = self._work.page(partition, limit=PAGE, cursor=cursor)
            yield from (_row(record.key.sort) for record in page.records)
            cursor = page.cursor
            if cursor is None:
                return

    def _key(self, row: Row) -> Key:
        return Key(f"{self._name}#{crc32(row.id.encode()) % self._shards}", f"{row.at:013d}#{row.id}")


def _row(sort: str) -> Row:
    at, _, id = sort.partition("#")
    return Row(int(at), id)
