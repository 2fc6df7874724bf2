"""How many profiles hold each computation, counted from the same changes that are told, each exactly once.

The members of a space are counted in a few buckets. A bucket is one record: the counts and the hashes of the
changes counted last, so that one conditional write both counts a change and remembers it.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from ..errors import Conflict, MusterError, VersionConflict, place_of
from ..profiles.change import ProfileChange
from ..profiles.profile import Head, Outcome
from ..records import Key, Record, Records, every

logger = logging.getLogger(__name__)

BUCKETS = 8  # workers on different shards of the stream seldom meet in one bucket
REMEMBERED = 500  # changes per bucket: a batch of the stream is redelivered before this many others can follow
HASH = 8  # bytes
ROUNDS = 20  # each lost round is another worker's success

_TRAIT_PREFIX = "tra_"
_PREFIX = "sizes#"  # of the partitions with the buckets of a space
_SPACES = "sized_spaces"  # lists the spaces


class Tally(msgspec.Struct, array_like=True):
    """`seen` is the hashes of the changes counted last, the oldest first, `HASH` bytes each."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    seen: bytes = b""


_decoder = msgspec.msgpack.Decoder(Tally)


class Sizes:
    def __init__(self, work: Records) -> None:
        self._work = work

    def apply(self, changes: Sequence[ProfileChange]) -> set[str]:
        """Count who entered and left. The `record_id`s of the changes that could not be counted."""
        buckets: dict[Key, list[ProfileChange]] = {}
        for change in changes:
            if _moves(change):
                buckets.setdefault(_bucket(change), []).append(change)
        failed: set[str] = set()
        for key, of_bucket in buckets.items():
            if not self._count(key, of_bucket):
                failed.update(change.record_id for change in of_bucket)
        return failed

    def of(self, space_id: str) -> dict[str, int]:
        """Members by computation id; a computation nobody holds is absent."""
        total: Counter[str] = Counter()
        for record in self._work.get_many(_key(space_id, bucket) for bucket in range(BUCKETS)).values():
            total.update(_decoder.decode(record.data).counts)
        return {computation_id: count for computation_id, count in total.items() if count}

    def _count(self, key: Key, changes: Sequence[ProfileChange]) -> bool:
        try:
            for _ in range(ROUNDS):
                if self._attempt(key, changes):
                    return True
            logger.warning("Sizes: %s is contested all the time", key.partition)
        except MusterError as error:
            logger.warning("Sizes: %s cannot be counted: %s", key.partition, place_of(error))
        return False

    def _attempt(self, key: Key, changes: Sequence[ProfileChange]) -> bool:
        """False when another worker wrote the bucket meanwhile."""
        record = self._work.get(key)
        tally = _decoder.decode(record.data) if record else Tally()
        counted = _counted(tally, changes)
        if counted is None:
            return True
        try:
            self._write(key, record, msgspec.msgpack.encode(counted))
        except (Conflict, VersionConflict):
            return False
        return True

    def _write(self, key: Key, record: Record | None, data: bytes) -> None:
        if record is None:
            self._work.put(Key(_SPACES, key.partition.removeprefix(_PREFIX)), b"")
            self._work.create(key, data)
        else:
            self._work.replace(record, data)


def sized_spaces(work: Records) -> list[str]:
    """The ids of the spaces in which anybody was ever counted."""
    return [record.key.sort for record in every(work, _SPACES)]


def _counted(tally: Tally, changes: Sequence[ProfileChange]) -> Tally | None:
    """The tally with the changes it does not remember; None when it remembers them all."""
    known = {tally.seen[start : start + HASH] for start in range(0, len(tally.seen), HASH)}
    counts, seen = Counter(tally.counts), tally.seen
    for change in changes:
        digest = _hash(change)
        if digest not in known:
            known.add(digest)
            seen += digest
            counts.update(_moves(change))
    if len(seen) == len(tally.seen):
        return None
    return Tally({id: count for id, count in counts.items() if count}, seen[-REMEMBERED * HASH :])


def _moves(change: ProfileChange) -> Mapping[str, int]:
    """+1 or -1 per computation id. Someone merged away is no longer counted; the survivor is."""
    gone = change.merged_into is not None
    if change.new is None and gone:
        return {}
    before, after = _held(change.old), set() if gone else _held(change.new)
    return dict.fromkeys(after - before, 1) | dict.fromkeys(before - after, -1)


def _held(head: Head | None) -> set[str]:
    """Nothing while frozen: what is done to a merged-away profile afterwards moves nobody, unless it is let go. What
    people are by their accounts is counted with the accounts."""
    if head is None or head.merging is not None:
        return set()
    return {o.computation_id for key, o in head.outcomes.items() if key not in head.via and _counts(o)}


def _counts(outcome: Outcome) -> bool:
    if outcome.computation_id.startswith(_TRAIT_PREFIX):
        return outcome.value is not None
    return outcome.value is True


def _hash(change: ProfileChange) -> bytes:
    """The version of a deleted item is that of its last write, which was another change."""
    name = f"{change.profile_id}\x1f{change.version}\x1f{change.new is None}"
    return hashlib.sha256(name.encode()).digest()[:HASH]


def _bucket(change: ProfileChange) -> Key:
    digest = hashlib.sha256(change.profile_id.encode()).digest()
    return _key(change.space_id, digest[-1] % BUCKETS)


def _key(space_id: str, bucket: int) -> Key:
    return Key(f"{_PREFIX}{space_id}", str(bucket))
