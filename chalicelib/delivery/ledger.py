"""What is remembered of deliveries: those that failed at least once, those given up, and counts per destination.

A delivery that succeeds at once leaves no trace but a count. Counts are kept by the hour, so that any period of the
last two weeks can be told from another, and what nobody can ask for any more goes away by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ..clock import DAY, HOUR, Clock
from ..destinations.kind import Payload
from ..records import Key, Record, Records
from .message import Delivery

KEPT = 14 * DAY  # the longest a queue keeps a message; and the longest range the delivery overview shows

DELIVERED = "delivered"
RETRIED = "retried"
PENDING = "pending"
DISCARDED = "discarded"
CANCELLED = "cancelled"
FILTERED = "filtered"

_STATE = "state"
_DEAD = "dead#"
_HOUR = "hour#"
_OF = "@"  # between a counter's name and its connection
_TAIL = 10  # characters of a connection's id: enough to tell them apart, and a write costs by the size of its item
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


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery given up, with all it takes to send it again. `detail` is for its owner's eyes."""

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


_attempts = msgspec.json.Decoder(Attempts)
_letters = msgspec.json.Decoder(DeadLetter)


class Ledger:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def waiting(self, message_ids: Iterable[str]) -> dict[str, Waiting]:
        """Those that failed before, by message id."""
        found = self._work.get_many([_state(message_id) for message_id in message_ids])
        return {
            key.partition.removeprefix("delivery#"): Waiting(record, _attempts.decode(record.data))
            for key, record in found.items()
        }

    def note(self, delivery: Delivery, before: Waiting | None, attempts: Attempts) -> None:
        """Raises Conflict or VersionConflict when another worker noted an attempt meanwhile."""
        data, expires_at = msgspec.json.encode(attempts), self._clock.now() + KEPT
        if before is None:
            self._work.create(_state(delivery.message_id), data, expires_at=expires_at)
        else:
            self._work.replace(before.record, data, expires_at=expires_at)

    def forget(self, message_id: str) -> None:
        self._work.delete(_state(message_id))

    def bury(self, delivery: Delivery, attempts: Attempts) -> None:
        """Under a key that is the same each time, so that burying twice leaves one letter."""
        letter = DeadLetter(
            **msgspec.structs.asdict(delivery),
            code=attempts.code,
            detail=attempts.detail,
            attempts=attempts.count,
            first_attempt_at=attempts.first_at,
            failed_at=attempts.last_at,
            retries_exhausted=attempts.retries_exhausted,
        )
        sort = f"{_DEAD}{_FAR - delivery.created_at:013d}#{delivery.message_id}"
        key = Key(_partition(delivery.destination_id), sort)
        self._work.put(key, msgspec.json.encode(letter), expires_at=self._clock.now() + KEPT)

    def dead_letters(self, destination_id: str, limit: int = 100) -> list[DeadLetter]:
        """The newest first."""
        page = self._work.page(_partition(destination_id), _DEAD, limit=limit)
        return [_letters.decode(record.data) for record in page.records]

    def count(self, destination_id: str, amounts: Mapping[str, int], at: int) -> None:
        """One write, into the hour of the instant `at`. Metrics, not accounts: an invocation that dies may leave its
        own uncounted."""
        changed = {name: amount for name, amount in amounts.items() if amount}
        if changed:
            hour = at // HOUR
            self._work.add(_bucket(destination_id, hour), changed, expires_at=hour * HOUR + HOUR + KEPT)

    def counts(
        self, destination_id: str, *, connection_id: str | None = None, since: int = 0, until: int | None = None
    ) -> dict[str, int]:
        """`delivered`, `retried`, `pending`, `cancelled`, `filtered`, `discarded`, and by code `filtered.<code>` and
        `discarded.<code>`: those that changed in the
        hours that began at `since` or later and before `until` (epoch ms); in two weeks without them.

        Of one connection only `delivered` and `discarded` are known. `pending` belongs to the hour of the first
        attempt, so it never outlives what it counts.
        """
        since = max(since, self._clock.now() - KEPT)
        total: Counter[str] = Counter()
        for sort, counters in self._work.counted(_partition(destination_id), _HOUR).items():
            began = int(sort.removeprefix(_HOUR)) * HOUR
            if since <= began and (until is None or began < until):
                total.update(counters)
        suffix = "" if connection_id is None else of_connection("", connection_id)
        return {name.removesuffix(suffix): n for name, n in total.items() if _is_asked(name, suffix)}


def of_connection(name: str, connection_id: str) -> str:
    """The name of a counter of one connection."""
    return f"{name}{_OF}{connection_id[-_TAIL:]}"


def _is_asked(name: str, suffix: str) -> bool:
    return name.endswith(suffix) if suffix else _OF not in name


def _state(message_id: str) -> Key:
    return Key(f"delivery#{message_id}", _STATE)


def _partition(destination_id: str) -> str:
    return f"destination#{destination_id}"


def _bucket(destination_id: str, hour: int) -> Key:
    return Key(_partition(destination_id), f"{_HOUR}{hour:07d}")
