"""How many people entered a journey, got to each stop, completed it and left, by day (UTC), each exactly once.

There is a record per version, bucket and month; it goes when nobody can ask for its last day any more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from ..clock import DAY, Clock
from ..instants import parse_iso, to_iso
from ..journeys.passage import COMPLETED, EXITED
from ..profiles.change import ProfileChange
from ..records import Key, Records
from .progress import ENTERED, JOINED, Fact, facts
from .tallies import BUCKETS, Tallies, Tally, bucket_of

DAYS = 180  # that can be looked at, today included
_KEPT = (31 + DAYS + 1) * DAY  # from the first of a month on

Month = dict[str, dict[str, int]]  # by day of the month (two digits): counts by what `_name` calls them


class Date(NamedTuple):
    """`2026-11` and `30`, of UTC."""

    month: str
    day: str


_decoder = msgspec.msgpack.Decoder(Tally[Month])


class Figures(msgspec.Struct, frozen=True):
    """Of some days. `joins` are by id of the stop: whoever comes again joins again."""

    entered: int = 0
    completed: int = 0
    exited: int = 0
    joins: dict[str, int] = msgspec.field(default_factory=dict)


class JourneyFigures:
    """A chronicle of the emitter."""

    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock
        self._tallies: Tallies[Month] = Tallies(work, _decoder, dict)

    def write(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that could not be counted."""
        records: dict[Key, list[ProfileChange]] = {}
        oldest = self._clock.now() - DAYS * DAY
        for change in changes:
            for key in {_key_of(change, fact) for fact in facts(change) if fact.at > oldest}:
                records.setdefault(key, []).append(change)
        failed: set[str] = set()
        for key, of_record in records.items():
            failed |= self._tallies.count(key, of_record, partial(_with, key), expires_at=_expiry(key))
        return failed

    def between(self, version_id: str, first: int, last: int) -> Figures:
        """Of the days from that of the instant `first` to that of `last`, both included; at most `DAYS` of them."""
        dates = [_date(at) for at in range(first // DAY * DAY, last + 1, DAY)]
        months = dict.fromkeys(date.month for date in dates)
        keys = [_key(version_id, month, bucket) for month in months for bucket in range(BUCKETS)]
        return _summed(self._days(keys, set(dates)))

    def _days(self, keys: Iterable[Key], dates: set[Date]) -> Iterator[Mapping[str, int]]:
        for key, record in self._work.get_many(keys).items():
            month = _month(key)
            yield from (counts for day, counts in self._tallies.read(record).items() if Date(month, day) in dates)


def _with(key: Key, month: Month, changes: Sequence[ProfileChange]) -> Month:
    counted = {day: Counter(counts) for day, counts in month.items()}
    for change in changes:
        for fact in facts(change):
            if _key_of(change, fact) == key:
                counted.setdefault(_date(fact.at).day, Counter())[_name(fact)] += 1
    return {day: dict(counts) for day, counts in counted.items()}


def _summed(days: Iterable[Mapping[str, int]]) -> Figures:
    total: Counter[str] = Counter()
    for day in days:
        total.update(day)
    joins = {name.removeprefix(_JOINS): count for name, count in total.items() if name.startswith(_JOINS)}
    return Figures(total[_ENTERED], total[_COMPLETED], total[_EXITED], joins)


_NAMES = {ENTERED: "e", COMPLETED: "c", EXITED: "x", JOINED: "j:"}
_ENTERED, _COMPLETED, _EXITED, _JOINS = _NAMES.values()


def _date(at: int) -> Date:
    text = to_iso(at)
    return Date(text[:7], text[8:10])


def _name(fact: Fact) -> str:
    return _NAMES[fact.kind] + fact.stop_id


def _key_of(change: ProfileChange, fact: Fact) -> Key:
    return _key(fact.version_id, _date(fact.at).month, bucket_of(change))


def _key(version_id: str, month: str, bucket: int) -> Key:
    return Key(f"journey_figures#{version_id}", f"{month}#{bucket}")


def _month(key: Key) -> str:
    return key.sort.partition("#")[0]


def _expiry(key: Key) -> int:
    return (parse_iso(f"{_month(key)}-01") or 0) + _KEPT
