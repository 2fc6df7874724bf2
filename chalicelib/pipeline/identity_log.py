"""What identity resolution decided: violations, blocked values, new identifiers and merges, for 30 days.

One record per entry, in a partition per space and UTC day. Sort keys count time backwards: a page in key order shows
the newest first. New identifiers, of which there are as many as visitors, have partitions of their own: who looks for
what went wrong need not read past them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from heapq import merge
from itertools import islice

import msgspec

from ..clock import DAY, Clock
from ..errors import Invalid, Problem
from ..records import Key, Record, Records

DAYS_KEPT = 30
MOST = 500  # entries in one answer
FORGETTING = 50_000  # records read to forget somebody: some ten megabytes, a few seconds
SCANNED = 2_000  # records looked at for one answer; a rare value is found over several pages

VALUE_LIMIT = "Identifier value limit exceeded"
TIME_LIMIT = "Identifier value time limit exceeded"
BLOCKED = "ID value blocked"
MERGE_LIMIT = "Profile merge limit exceeded"
MAPPING_LIMIT = "Identifier mapping limit exceeded"
UNRESOLVED = "No matching identifiers on event"
MERGED = "Profiles merged"
MAPPED = "Identifiers mapped"
KINDS = (VALUE_LIMIT, TIME_LIMIT, BLOCKED, MERGE_LIMIT, MAPPING_LIMIT, UNRESOLVED, MERGED, MAPPED)

BOTH = (False, True)  # partitions: of new identifiers, or of all else

_LATEST = 10**15 - 1  # ms; fifteen digits last for another thirty thousand years


class Named(msgspec.Struct, frozen=True):
    """An identifier that became the profile's."""

    type: str
    value: str


class Entry(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """`at` is when the event was received (epoch ms). `type` and `value` are of the identifier that was left out or
    blocked; `in_excess` is the type whose limit was broken. `profile_ids`: the profile the event went to and, after a
    merge, the one merged into it. `identifiers` are those that a profile gained, the event being that of the first."""

    at: int
    kind: str
    message_id: str
    source_id: str
    type: str | None = None
    value: str | None = None
    in_excess: str | None = None
    profile_ids: list[str] = msgspec.field(default_factory=list)
    identifiers: list[Named] = msgspec.field(default_factory=list)

    def names(self, value: str) -> bool:
        return self.value == value or any(named.value == value for named in self.identifiers)


class EntryPage(msgspec.Struct, kw_only=True, frozen=True):
    """`cursor` is None at the end; a page may hold less than asked for and still have one."""

    entries: list[Entry]
    cursor: str | None


_decoder = msgspec.msgpack.Decoder(Entry)


class IdentityLog:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def write(self, space_id: str, entries: Iterable[Entry]) -> None:
        """One write for each; the same entry again changes nothing."""
        for entry in entries:
            key = Key(_partition(space_id, entry.at // DAY, entry.kind == MAPPED), _sort(entry))
            self._work.put(key, msgspec.msgpack.encode(entry), expires_at=entry.at + DAYS_KEPT * DAY)

    def forget(self, space_id: str, profile_ids: Collection[str], values: Collection[str]) -> None:
        """Remove the entries that name one of these profiles or values.

        Of a log longer than FORGETTING the oldest are left to expire, within thirty days like all others.
        """
        ids, named, now = set(profile_ids), set(values), self._clock.now()
        for record in islice(self._records(space_id, now - DAYS_KEPT * DAY, now + DAY, None, BOTH), FORGETTING):
            entry = _decoder.decode(record.data)
            if any(map(entry.names, named)) or not ids.isdisjoint(entry.profile_ids):
                self._work.delete(record.key)

    def page(
        self,
        space_id: str,
        *,
        kind: str | None = None,
        value: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int = MOST,
        cursor: str | None = None,
    ) -> EntryPage:
        """The newest first, of `since` <= at < `until` (epoch ms). Raises Invalid for a cursor nobody gave."""
        now = self._clock.now()
        start = max(now - DAYS_KEPT * DAY, now - DAYS_KEPT * DAY if since is None else since)
        end = now + DAY if until is None else min(until, now + DAY)
        found: list[Entry] = []
        where = BOTH if kind is None else (kind == MAPPED,)
        for seen, record in enumerate(self._records(space_id, start, end, cursor, where), 1):
            entry = _decoder.decode(record.data)
            if start <= entry.at < end and kind in (None, entry.kind) and (value is None or entry.names(value)):
                found.append(entry)
            if len(found) == min(limit, MOST) or seen == SCANNED:
                return EntryPage(entries=found, cursor=f"{entry.at // DAY}|{record.key.sort}")
        return EntryPage(entries=found, cursor=None)

    def _records(
        self, space_id: str, start: int, end: int, cursor: str | None, where: Sequence[bool]
    ) -> Iterator[Record]:
        day, after = _place(cursor) if cursor else ((end - 1) // DAY, None)
        for one in range(day, start // DAY - 1, -1):
            partitions = [_partition(space_id, one, mapped) for mapped in where]
            yield from merge(*(self._of(partition, after) for partition in partitions), key=lambda r: r.key.sort)
            after = None

    def _of(self, partition: str, after: str | None) -> Iterator[Record]:
        while True:
            page = self._work.page(partition, limit=MOST, cursor=after)
            yield from page.records
            after = page.cursor
            if after is None:
                break


def _partition(space_id: str, day: int, mapped: bool) -> str:
    return f"identity_log{'_mapped' if mapped else ''}#{space_id}#{day}"


def _sort(entry: Entry) -> str:
    # Without the profile that the event went to: by the time the entry is repeated it may have been merged away.
    what = [entry.kind, entry.type, entry.value, entry.in_excess, entry.profile_ids[1:]]
    named = msgspec.json.encode([*what, entry.identifiers] if entry.identifiers else what)
    digest = blake2b(named, digest_size=8).hexdigest()
    return f"{_LATEST - entry.at:015d}#{entry.message_id}#{digest}"


def _place(cursor: str) -> tuple[int, str]:
    day, bar, sort = cursor.partition("|")
    if not bar or not (day.isascii() and day.isdigit() and len(day) < 8):
        raise Invalid(Problem("not a cursor of this list", "cursor"))
    return int(day), sort
