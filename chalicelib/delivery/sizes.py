"""How many profiles hold each computation, counted from the same changes that are told, each exactly once.

The members of a space are counted in a few buckets. So are the people on their way through each version of a journey,
and in all who ever entered it, completed it and left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from ..profiles.change import ProfileChange
from ..profiles.profile import Head, Outcome
from ..records import Key, Records, every
from .progress import INSIDE, JOINED, facts, inside
from .tallies import BUCKETS, Tallies, Tally, bucket_of

_TRAIT_PREFIX = "tra_"
_PREFIX = "sizes#"  # of the partitions with the buckets of a space
_SPACES = "sized_spaces"  # lists the spaces

_decoder = msgspec.msgpack.Decoder(Tally[dict[str, int]])


class Sizes:
    def __init__(self, work: Records) -> None:
        self._work = work
        self._tallies: Tallies[dict[str, int]] = Tallies(work, _decoder, dict, partial(_list, work))

    def apply(self, changes: Sequence[ProfileChange]) -> set[str]:
        """Count who entered and left. The `record_id`s of the changes that could not be counted."""
        buckets: dict[Key, list[ProfileChange]] = {}
        for change in changes:
            if _moves(change):
                buckets.setdefault(_key(change.space_id, bucket_of(change)), []).append(change)
        failed: set[str] = set()
        for key, of_bucket in buckets.items():
            failed |= self._tallies.count(key, of_bucket, _with)
        return failed

    def of(self, space_id: str) -> dict[str, int]:
        """Members by computation id, and what `of_version` names; what nobody holds is absent."""
        total: Counter[str] = Counter()
        for record in self._work.get_many(_key(space_id, bucket) for bucket in range(BUCKETS)).values():
            total.update(self._tallies.read(record))
        return {id: count for id, count in total.items() if count}


def of_version(version_id: str, kind: str) -> str:
    """How many people are INSIDE a version of a journey, or how often anybody ENTERED, COMPLETED or EXITED it."""
    return f"{version_id}/{kind}"


def sized_spaces(work: Records) -> list[str]:
    """The ids of the spaces in which anybody was ever counted."""
    return [record.key.sort for record in every(work, _SPACES)]


def _list(work: Records, key: Key) -> None:
    work.put(Key(_SPACES, key.partition.removeprefix(_PREFIX)), b"")


def _with(counts: Mapping[str, int], changes: Sequence[ProfileChange]) -> dict[str, int]:
    total = Counter(counts)
    for change in changes:
        total.update(_moves(change))
    return {id: count for id, count in total.items() if count}


def _moves(change: ProfileChange) -> Mapping[str, int]:
    """What to add. Someone merged away is no longer counted; the survivor is."""
    gone = change.merged_into is not None
    if change.new is None and gone:
        return {}
    before, after = _held(change.old), set() if gone else _held(change.new)
    happened = Counter(of_version(fact.version_id, fact.kind) for fact in facts(change) if fact.kind != JOINED)
    return dict.fromkeys(after - before, 1) | dict.fromkeys(before - after, -1) | happened


def _held(head: Head | None) -> set[str]:
    """Nothing while frozen: what is done to a merged-away profile afterwards moves nobody, unless it is let go. What
    people are by their accounts is counted with the accounts."""
    if head is None or head.merging is not None:
        return set()
    held = {o.computation_id for key, o in head.outcomes.items() if key not in head.via and _counts(o)}
    return held | {of_version(version_id, INSIDE) for version_id in inside(head)}


def _counts(outcome: Outcome) -> bool:
    if outcome.computation_id.startswith(_TRAIT_PREFIX):
        return outcome.value is not None
    return outcome.value is True


def _key(space_id: str, bucket: int) -> Key:
    return Key(f"{_PREFIX}{space_id}", str(bucket))
