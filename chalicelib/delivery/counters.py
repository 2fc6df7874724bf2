"""How many deliveries came how far, by destination, minute and what they tell: one write per call of a worker.

Workers add to the record of their minute. Whoever reads folds the hours that are over into one record each, so that a
month is a few pages, and a minute is never added up twice.

Without deaths the sums are exact. Metrics, not accounts, where a worker dies: between its count and the end of its call
it counts again what the queue brings again; between noting a failure and its count, that failure is missing among those
that wait, or those given up. An emitter that dies after the queue took its messages makes them again, each copy arrives
and is counted, and those made first may be missing among the created.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from ..clock import DAY, HOUR, MINUTE, Clock
from ..instants import parse_iso, to_iso
from ..records import Key, Records, every
from .message import Delivery

CREATED = "created"
DELIVERED = "delivered"
RETRIED = "retried"
PENDING = "pending"
DISCARDED = "discarded"
CANCELLED = "cancelled"
FILTERED = "filtered"
LATENCY = "latency"

KEPT = 31 * DAY  # the overview goes back thirty days
SETTLED = 10 * MINUTE  # after its end nothing is added to an hour any more: no worker runs so long

_TAIL = 10  # characters of an id: enough to tell them apart, and a write costs by the size of its item
_EVENT = 60  # characters of an event's name
_MINUTE, _HOUR, _FOLDED = "minute#", "hour#", "folded"
_MINUTE_FORM, _HOUR_FORM, _DAY_FORM = len("2026-11-21T20:05"), len("2026-11-21T20"), len("2026-11-21")


class Name(NamedTuple):
    """What a counter counts. `detail` is a reason or the number of the successful attempt; ids are tails of ids. That
    of a mapping, which is a subscription or an activation, stands behind that of the connection, if there is one."""

    step: str
    detail: str = ""
    connection: str = ""
    computation: str = ""
    type: str = ""
    event: str = ""
    mapping: str = ""

    def text(self) -> str:
        step = f"{self.step}.{self.detail}" if self.detail else self.step
        connection = f"{self.connection}:{self.mapping}" if self.mapping else self.connection
        return "|".join((step, connection, self.computation, self.type, self.event)).rstrip("|")


def name_of(text: str) -> Name:
    step, *rest = text.split("|", 4)
    step, _, detail = step.partition(".")
    connection, *rest = rest or [""]
    connection, _, mapping = connection.partition(":")
    return Name(step, detail, connection, *rest)._replace(mapping=mapping)


def counter(delivery: Delivery, step: str, detail: str = "") -> str:
    payload = delivery.payload
    return Name(
        step,
        detail,
        tail(delivery.connection_id),
        tail(delivery.computation_id),
        str(payload.get("type", "")),
        str(payload.get("event", ""))[:_EVENT],
        tail(delivery.mapping_id),
    ).text()


def tail(id: str) -> str:
    return id[-_TAIL:]


def latency_bucket(milliseconds: int) -> str:
    """The counter of deliveries that took so long: buckets grow by the square root of two from a tenth of a second."""
    bucket = 0
    while milliseconds > bucket_end(bucket) and bucket < 60:
        bucket += 1
    return f"{LATENCY}.{bucket}"


def bucket_end(bucket: int) -> float:
    """Milliseconds."""
    return 100 * 2 ** (bucket / 2)


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Of how many there are per bucket; milliseconds, exact within its bucket's width. None of nothing."""
    total, seen = sum(counts.values()), 0
    for bucket in sorted(counts):
        before, seen = seen, seen + counts[bucket]
        if seen >= share * total and counts[bucket]:
            start = bucket_end(bucket - 1) if bucket else 0.0
            return round(start + (bucket_end(bucket) - start) * (share * total - before) / counts[bucket])
    return None


class Counters:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def add(self, destination_id: str, amounts: Mapping[str, int], at: int) -> None:
        """One write, into the minute of the instant `at`; none for nothing."""
        changed = {name: amount for name, amount in amounts.items() if amount}
        if changed:
            key = Key(_partition(destination_id), _MINUTE + to_iso(at)[:_MINUTE_FORM])
            self._work.add(key, changed, expires_at=at + KEPT)

    def by_minute(self, destination_id: str, since: int, until: int) -> dict[int, dict[str, int]]:
        """The counters of the minutes that began at `since` or later and before `until`, by their beginning."""
        return {
            minute: counters
            for hour in range(since // HOUR * HOUR, until, HOUR)
            for minute, counters in self._minutes(destination_id, to_iso(hour)[:_HOUR_FORM]).items()
            if since <= minute < until
        }

    def by_hour(self, destination_id: str, since: int, until: int) -> dict[int, dict[str, int]]:
        """The same of hours. Those that are over are folded on the way."""
        folded = self._folded(destination_id, since, until)
        fresh = self._fold(destination_id)
        return {hour: counters for hour, counters in (folded | fresh).items() if since <= hour < until}

    def _folded(self, destination_id: str, since: int, until: int) -> dict[int, dict[str, int]]:
        shared = _shared(to_iso(since)[:_HOUR_FORM], to_iso(max(since, until - 1))[:_HOUR_FORM])
        records = every(self._work, _partition(destination_id), _HOUR + shared)
        return {_instant(record.key.sort): _unpack(record.data) for record in records}

    def _fold(self, destination_id: str) -> dict[int, dict[str, int]]:
        """What is not folded yet, by the hour; what of it is over is folded now. Doing so twice changes nothing."""
        partition, now = _partition(destination_id), self._clock.now()
        mark = self._work.get(Key(partition, _FOLDED))
        start = int(mark.data) if mark else None
        hours: dict[int, Counter[str]] = {}
        for prefix in _prefixes(start, now):
            for minute, counters in self._minutes(destination_id, prefix).items():
                hours.setdefault(minute // HOUR * HOUR, Counter()).update(counters)
        over = (now - SETTLED) // HOUR * HOUR
        for hour in [hour for hour in hours if hour < over]:
            key = Key(partition, _HOUR + to_iso(hour)[:_HOUR_FORM])
            self._work.put(key, _pack(hours[hour]), expires_at=hour + KEPT)
        if hours and (start is None or start < over):
            self._work.put(Key(partition, _FOLDED), str(over).encode(), expires_at=now + KEPT)
        return {hour: dict(counters) for hour, counters in hours.items()}

    def _minutes(self, destination_id: str, prefix: str) -> dict[int, dict[str, int]]:
        counted = self._work.counted(_partition(destination_id), _MINUTE + prefix)
        return {_instant(sort): counters for sort, counters in counted.items()}


def _prefixes(start: int | None, now: int) -> Iterator[str]:
    """Of the minutes from `start` on: by the day where whole days are meant, since every prefix is a query."""
    if start is None:
        yield ""
        return
    while start <= now:
        whole_day = start % DAY == 0 and start + DAY <= now
        yield to_iso(start)[: _DAY_FORM if whole_day else _HOUR_FORM]
        start += DAY if whole_day else HOUR


def _shared(one: str, other: str) -> str:
    """What both begin with."""
    return one[: next((place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))]


def _instant(sort: str) -> int:
    text = sort.partition("#")[2]
    return parse_iso(text + ":00" if len(text) == _HOUR_FORM else text) or 0


def _pack(counters: Mapping[str, int]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(dict(counters)))


def _unpack(data: bytes) -> dict[str, int]:
    return msgspec.msgpack.decode(zlib.decompress(data), type=dict[str, int])


def _partition(destination_id: str) -> str:
    return f"flow#{destination_id}"
