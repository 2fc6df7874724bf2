"""What is remembered of deliveries: those that failed at least once, those given up, and counts per destination.

A delivery that succeeds at once leaves no trace but a count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ..clock import DAY, HOUR, Clock
from ..destinations.kind import Payload
from ..errors import Conflict, Unavailable, VersionConflict
from ..records import Key, Record, Records
from .counters import (
    CANCELLED,
    DELIVERED,
    DISCARDED,
    FILTERED,
    LATENCY,
    PENDING,
    RETRIED,
    Counters,
    Name,
    name_of,
    tail,
)
from .message import Delivery
from .sending import Exchange

__all__ = ["CANCELLED", "DELIVERED", "DISCARDED", "FILTERED", "PENDING", "RETRIED"]

KEPT = 14 * DAY  # the longest a queue keeps a message; and the longest range an owner looks at

_DELIVERY = "delivery#"
_STATE = "state"
_DEAD = "dead#"
_HOUR = "hour#"
_REASONED = (FILTERED, DISCARDED)
ROUNDS = 20  # each lost one is another arrival
_FAR = 9_999_999_999_999  # epoch ms; counting down from it, the newest dead letter sorts first


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """The failed attempts at one delivery, times in epoch ms. `next_at` None: given up."""

    count: int
    first_at: int
    last_at: int
    next_at: int | None
    code: str
    detail: str = ""
    retries_exhausted: bool = False


class Waiting(NamedTuple):
    """What the ledger holds of a delivery, and the version it was read in."""

    record: Record
    attempts: Attempts


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A delivery given up, with all it takes to send it again. `detail`, and what was said last as `request` and
    `response`, are for its owner's eyes."""

    message_id: str
    connection_id: str
    computation_id: str
    space_id: str
    destination_id: str
    created_at: int
    code: str
    detail: str
    attempts: int
    first_attempt_at: int
    failed_at: int
    retries_exhausted: bool
    payload: Payload
    replayed: bool = False
    row: str = ""
    sequence: int = 0
    follows: bool = False
    listed: bool = False
    subscription_id: str = ""
    activation_id: str = ""
    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None


class LetterPage(NamedTuple):
    """`cursor` is None on the last page."""

    letters: list[DeadLetter]
    cursor: str | None


_attempts = msgspec.json.Decoder(Attempts)
_letters = msgspec.json.Decoder(DeadLetter)


class Ledger:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock
        self.counters = Counters(work, clock)

    def waiting(self, message_ids: Iterable[str]) -> dict[str, Waiting]:
        """Those that failed before, by message id."""
        return self.look_up(message_ids, ())[0]

    def look_up(
        self, message_ids: Iterable[str], others: Iterable[Key]
    ) -> tuple[dict[str, Waiting], Mapping[Key, Record]]:
        """The same, and in the same read what other records a delivery needs."""
        found = self._work.get_many([*map(_state, message_ids), *others])
        waiting = {
            key.partition.removeprefix(_DELIVERY): Waiting(record, _attempts.decode(record.data))
            for key, record in found.items()
            if key.partition.startswith(_DELIVERY)
        }
        return waiting, found

    def note(self, delivery: Delivery, before: Waiting | None, attempts: Attempts) -> None:
        """Raises Conflict or VersionConflict when another worker noted an attempt meanwhile."""
        data, expires_at = msgspec.json.encode(attempts), self._clock.now() + KEPT
        if before is None:
            self._work.create(_state(delivery.message_id), data, expires_at=expires_at)
        else:
            self._work.replace(before.record, data, expires_at=expires_at)

    def forget(self, message_id: str) -> None:
        self._work.delete(_state(message_id))

    def surpass(self, delivery: Delivery) -> None:
        """It arrived: what is older about the same row is worth nothing any more."""
        key, sequence = newest_of(delivery), str(delivery.sequence).encode()
        expires_at = self._clock.now() + KEPT
        for _ in range(ROUNDS):
            record = self._work.get(key)
            try:
                if record is None:
                    self._work.create(key, sequence, expires_at=expires_at)
                elif int(record.data) < delivery.sequence:
                    self._work.replace(record, sequence, expires_at=expires_at)
                return
            except (Conflict, VersionConflict):
                continue
        raise Unavailable("a row is told of all the time")

    def bury(self, delivery: Delivery, attempts: Attempts, exchange: Exchange | None = None) -> None:
        """Under a key that is the same each time, so that burying twice leaves one letter."""
        letter = DeadLetter(
            **msgspec.structs.asdict(delivery),
            code=attempts.code,
            detail=attempts.detail,
            attempts=attempts.count,
            first_attempt_at=attempts.first_at,
            failed_at=attempts.last_at,
            retries_exhausted=attempts.retries_exhausted,
            request=exchange.request if exchange else None,
            response=exchange.response if exchange else None,
        )
        key = _letter_key(delivery.destination_id, delivery.created_at, delivery.message_id)
        if exchange is None and self._work.get(key) is not None:
            return  # written before, and with more to tell
        self._work.put(key, msgspec.json.encode(letter), expires_at=self._clock.now() + KEPT)

    def remove(self, letter: DeadLetter) -> None:
        """It goes out again, under another id: what is remembered of this one holds up nothing."""
        self._work.delete(_letter_key(letter.destination_id, letter.created_at, letter.message_id))

    def dead_letters(self, destination_id: str, limit: int = 100) -> list[DeadLetter]:
        """The newest first."""
        return self.letter_page(destination_id, limit).letters

    def letter_page(self, destination_id: str, limit: int = 100, cursor: str | None = None) -> LetterPage:
        """The newest first, from where the page before ended."""
        page = self._work.page(_partition(destination_id), _DEAD, limit=limit, cursor=cursor)
        return LetterPage([_letters.decode(record.data) for record in page.records], page.cursor)

    def every_letter(self, destination_id: str) -> Iterator[DeadLetter]:
        """The newest first, page by page as they are asked for."""
        cursor: str | None = None
        while True:
            page = self.letter_page(destination_id, cursor=cursor)
            yield from page.letters
            if page.cursor is None:
                return
            cursor = page.cursor

    def count(self, destination_id: str, amounts: Mapping[str, int], at: int) -> None:
        """One write, into the minute of the instant `at`."""
        self.counters.add(destination_id, amounts, at)

    def count_pending(self, destination_id: str, amounts: Mapping[str, int], at: int) -> None:
        """Into the hour of the first attempt: what waited is taken from where it was added, and goes away with it."""
        changed = {name: amount for name, amount in amounts.items() if amount}
        if changed:
            hour = at // HOUR
            self._work.add(_bucket(destination_id, hour), changed, expires_at=hour * HOUR + HOUR + KEPT)

    def counts(
        self, destination_id: str, *, connection_id: str | None = None, since: int = 0, until: int | None = None
    ) -> dict[str, int]:
        """By step, and `filtered.<code>` and `discarded.<code>`: those that changed in the hours that began at `since`
        or later and before `until` (epoch ms); in two weeks without them.

        `pending` belongs to the hour of the first attempt, so it never outlives what it counts.
        """
        since = max(since, self._clock.now() - KEPT)
        until = self._clock.now() + 1 if until is None else until
        total: Counter[str] = Counter()
        hours = [
            *self.counters.by_hour(destination_id, since, until).values(),
            *self._pending(destination_id, since, until),
        ]
        for counters in hours:
            for text, amount in counters.items():
                name = name_of(text)
                if name.step != LATENCY and (connection_id is None or name.connection == tail(connection_id)):
                    total[name.step] += amount
                    if name.detail and name.step in _REASONED:
                        total[f"{name.step}.{name.detail}"] += amount
        return dict(total)

    def _pending(self, destination_id: str, since: int, until: int) -> Iterator[Mapping[str, int]]:
        for sort, counters in self._work.counted(_partition(destination_id), _HOUR).items():
            if since <= int(sort.removeprefix(_HOUR)) * HOUR < until:
                yield counters


def newest_of(delivery: Delivery) -> Key:
    """Where it is written what arrived last of its row. Each mapping has a place of its own: what came through one says
    nothing of another."""
    by = f"#{delivery.mapping_id}" if delivery.mapping_id else ""
    return Key(f"arrived#{delivery.connection_id}#{delivery.row}{by}", "state")


def is_surpassed(delivery: Delivery, records: Mapping[Key, Record]) -> bool:
    record = records.get(newest_of(delivery)) if delivery.is_state else None
    return record is not None and int(record.data) > delivery.sequence


def of_connection(step: str, connection_id: str) -> str:
    """The name of a counter of one connection."""
    return Name(step, connection=tail(connection_id)).text()


def _state(message_id: str) -> Key:
    return Key(_DELIVERY + message_id, _STATE)


def _partition(destination_id: str) -> str:
    return f"destination#{destination_id}"


def _bucket(destination_id: str, hour: int) -> Key:
    return Key(_partition(destination_id), f"{_HOUR}{hour:07d}")


def _letter_key(destination_id: str, created_at: int, message_id: str) -> Key:
    return Key(_partition(destination_id), f"{_DEAD}{_FAR - created_at:013d}#{message_id}")
