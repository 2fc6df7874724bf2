"""Counting what changes of profiles mean, each change exactly once.

A record holds the counts and the hashes of the changes counted last, so that one conditional write both counts a change
and remembers it. What belongs together is spread over a few such records, in buckets.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from ..errors import Conflict, MusterError, VersionConflict, place_of
from ..profiles.change import ProfileChange
from ..records import Key, Record, Records

logger = logging.getLogger(__name__)

BUCKETS = 8  # workers on different shards of the stream seldom meet in one bucket
REMEMBERED = 500  # changes per bucket: a batch of the stream is redelivered before this many others can follow
HASH = 8  # bytes
ROUNDS = 20  # each lost round is another worker's success

T = TypeVar("T")


class Tally(msgspec.Struct, Generic[T], array_like=True):
    """`seen` is the hashes of the changes counted last, the oldest first, `HASH` bytes each."""

    counts: T
    seen: bytes = b""


Add = Callable[[T, Sequence[ProfileChange]], T]


class Tallies(Generic[T]):
    """`empty` makes the counts to begin with. `opened` is told of a record before it is made."""

    def __init__(
        self,
        work: Records,
        decoder: msgspec.msgpack.Decoder[Tally[T]],
        empty: Callable[[], T],
        opened: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self._work, self._decoder, self._empty, self._opened = work, decoder, empty, opened

    def read(self, record: Record) -> T:
        return self._decoder.decode(record.data).counts

    def count(
        self, key: Key, changes: Sequence[ProfileChange], add: Add[T], *, expires_at: int | None = None
    ) -> set[str]:
        """`add` gives the counts with changes that were not counted yet. The `record_id`s of those that could not be
        counted: all or none."""
        try:
            for _ in range(ROUNDS):
                if self._attempt(key, changes, add, expires_at):
                    return set()
            logger.warning("%s is contested all the time", key.partition)
        except MusterError as error:
            logger.warning("%s cannot be counted: %s", key.partition, place_of(error))
        return {change.record_id for change in changes}

    def _attempt(self, key: Key, changes: Sequence[ProfileChange], add: Add[T], expires_at: int | None) -> bool:
        """False when another worker wrote the record meanwhile."""
        record = self._work.get(key)
        tally = self._decoder.decode(record.data) if record else Tally(self._empty())
        known = {tally.seen[start : start + HASH] for start in range(0, len(tally.seen), HASH)}
        fresh = {digest: change for change in changes if (digest := _hash(change)) not in known}
        if not fresh:
            return True
        seen = tally.seen + b"".join(fresh)
        counted = Tally(add(tally.counts, list(fresh.values())), seen[-REMEMBERED * HASH :])
        try:
            self._write(key, record, msgspec.msgpack.encode(counted), expires_at)
        except (Conflict, VersionConflict):
            return False
        return True

    def _write(self, key: Key, record: Record | None, data: bytes, expires_at: int | None) -> None:
        if record is None:
            self._opened(key)
            self._work.create(key, data, expires_at=expires_at)
        else:
            self._work.replace(record, data, expires_at=expires_at)


def bucket_of(change: ProfileChange) -> int:
    return hashlib.sha256(change.profile_id.encode()).digest()[-1] % BUCKETS


def _hash(change: ProfileChange) -> bytes:
    """The version of a deleted item is that of its last write, which was another change."""
    name = f"{change.profile_id}\x1f{change.version}\x1f{change.new is None}"
    return hashlib.sha256(name.encode()).digest()[:HASH]
