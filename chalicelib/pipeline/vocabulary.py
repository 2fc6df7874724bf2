"""Which events, properties and traits a space knows, on which day each was seen last, and what some of their values
are.

    vocabulary#{space}   events#{bucket}                names of events
                         properties#{digest of event}   names of its properties
                         traits#{collection}#{bucket}   names of traits

Every record is one sheet of names. A worker remembers the sheets it has seen, and what they know already is not
written again: one write a day and sheet, and one for each new name or sample. What gets lost between two workers is
seen with the next event that has it.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from ..clock import DAY, Clock
from ..errors import Conflict, VersionConflict
from ..identity.external_id import ACCOUNTS, USERS
from ..records import Key, Record, Records, every
from ..tracking.event import Event
from .samples import may_be_sampled, sample

BUCKETS = 16
MOST_IN_BUCKET = 64  # with 16 buckets about a thousand names
MOST_PROPERTIES = 300  # of an event: no message has more
MOST_SAMPLES = 10
LONGEST_NAME = 200  # characters
STALE = 90  # days after which a name makes room for others
KEPT = 400  # days after which a sheet on which nothing was seen is gone
MOST_SHEETS = 10_000  # remembered by a worker; then it begins anew

_ENOUGH = [""] * MOST_SAMPLES
_COLLECTIONS = {"identify": USERS, "group": ACCOUNTS}


class Seen(msgspec.Struct, array_like=True):
    """`day` is days since 1970."""

    day: int
    samples: list[str] = []


class EventName(NamedTuple):
    name: str
    type: str
    day: int


Sheet = dict[str, Seen]
Values = dict[str, list[Any]]

_decoder = msgspec.msgpack.Decoder(Sheet)


class Vocabulary:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock
        self._known: dict[Key, Sheet] = {}

    def note(self, space_id: str, events: Iterable[Event]) -> None:
        """Remember their names. Raises what the store raises; whatever is not written then comes again."""
        today, news = self._clock.now() // DAY, dict[Key, Values]()
        for event in events:
            for sort, names in _told(event):
                key = Key(_partition(space_id), sort)
                known = self._known.get(key, {})
                for name, value in names.items():
                    if _is_news(known.get(name), name, value, today):
                        news.setdefault(key, {}).setdefault(name, []).append(value)
        if news:
            self._write(news, today)

    def events(self, space_id: str) -> list[EventName]:
        found = self._sheets(space_id, "events#")
        return [EventName(name, type, seen.day) for told, seen in found.items() for type, name in [told.split("#", 1)]]

    def properties(self, space_id: str, event: str) -> Sheet:
        return self._sheets(space_id, _of_event(event))

    def traits(self, space_id: str, collection: str) -> Sheet:
        return self._sheets(space_id, f"traits#{collection}#")

    def _sheets(self, space_id: str, prefix: str) -> Sheet:
        records = every(self._work, _partition(space_id), prefix)
        return {name: seen for record in records for name, seen in _decoder.decode(record.data).items()}

    def _write(self, news: Mapping[Key, Values], today: int) -> None:
        if len(self._known) > MOST_SHEETS:
            self._known = {}
        stored = self._work.get_many(news)
        for key, values in news.items():
            record = stored.get(key)
            before = _decoder.decode(record.data) if record else {}
            after = _with(before, values, today, MOST_PROPERTIES if key.sort.startswith("prop") else MOST_IN_BUCKET)
            try:
                if after != before:
                    self._store(key, record, msgspec.msgpack.encode(after), (today + KEPT) * DAY)
                # What found no room is no news any more, or it would be looked up with every event.
                self._known[key] = {name: Seen(today, _ENOUGH) for name in values} | after
            except (Conflict, VersionConflict):
                self._known.pop(key, None)

    def _store(self, key: Key, record: Record | None, data: bytes, expires_at: int) -> None:
        if record is None:
            self._work.create(key, data, expires_at=expires_at)
        else:
            self._work.replace(record, data, expires_at=expires_at)


def _told(event: Event) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sheets that an event has something for, and what."""
    if event.event:
        yield f"events#{_bucket(event.event)}", {f"{event.type.upper()}#{event.event}": None}
        if len(event.event) <= LONGEST_NAME:
            yield _of_event(event.event), event.properties
    collection = _COLLECTIONS.get(event.type)
    if collection is not None:
        for name, value in event.traits.items():
            yield f"traits#{collection}#{_bucket(name)}", {name: value}


def _is_news(seen: Seen | None, name: str, value: Any, today: int) -> bool:
    if seen is None or seen.day < today:
        return len(name) <= LONGEST_NAME
    samples = seen.samples
    if len(samples) >= MOST_SAMPLES or value is None or value in samples or not may_be_sampled(name):
        return False
    shown = sample(name, value)
    return shown is not None and shown not in samples


def _with(sheet: Sheet, values: Values, today: int, most: int) -> Sheet:
    """As much as there is room for: what has not been seen for long makes room."""
    fresh = [name for name in values if name not in sheet]
    if len(sheet) + len(fresh) > most:
        sheet = {name: seen for name, seen in sheet.items() if seen.day > today - STALE}
    after = dict(sheet)
    for name, met in values.items():
        before = sheet.get(name)
        if before is None and len(after) >= most:
            continue
        kept = list(before.samples) if before else []
        shown = [text for value in met if (text := sample(name, value)) is not None]
        samples = list(dict.fromkeys([*kept, *shown]))[:MOST_SAMPLES]
        after[name] = Seen(max(today, before.day if before else 0), samples)
    return after


@lru_cache(MOST_SHEETS)
def _bucket(name: str) -> str:
    return f"{zlib.crc32(name.encode('utf-8', 'surrogatepass')) % BUCKETS:02d}"


@lru_cache(MOST_SHEETS)
def _of_event(name: str) -> str:
    return f"properties#{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def _partition(space_id: str) -> str:
    return f"vocabulary#{space_id}"
