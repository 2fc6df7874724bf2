"""What follows from the verdict on a delivery: it is done, waits, or is given up. Writes come before promises."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..clock import HOUR, SECOND, Clock
from ..queues import DELIVER, Queues, Received
from .classification import Deferred, Undelivered
from .ledger import (
    CANCELLED,
    DELIVERED,
    DISCARDED,
    FILTERED,
    PENDING,
    RETRIED,
    Attempts,
    Ledger,
    Waiting,
    of_connection,
)
from .message import Delivery
from .retry import Random, Schedule


class Parcel(NamedTuple):
    """A delivery with all its queue messages: a queue may hold the same one twice."""

    delivery: Delivery
    messages: Sequence[Received]
    before: Waiting | None


class Verdict(NamedTuple):
    """`failure` None: accepted. `at` is when the attempt began (epoch ms); `requests` is 0 for a message that was
    stopped before any request was made."""

    at: int
    failure: Undelivered | None
    requests: int = 1


class Settlement:
    """`done` are the ids of queue messages that are finished with."""

    def __init__(self, ledger: Ledger, queues: Queues, clock: Clock, schedule: Schedule, random: Random) -> None:
        self._ledger, self._queues, self._clock = ledger, queues, clock
        self._schedule, self._random = schedule, random
        self._counts: dict[tuple[str, int], Counter[str]] = {}  # by destination and beginning of an hour
        self.done: set[str] = set()

    def is_open(self, parcel: Parcel) -> bool:
        """False for a delivery whose time has not come, which is hidden again, or that was given up before."""
        if parcel.before is None:
            return True
        attempts = parcel.before.attempts
        if attempts.next_at is None:
            self._ledger.bury(parcel.delivery, attempts)  # it may not have come to that the last time
            self._finish(parcel)
            return False
        if attempts.next_at > self._clock.now():
            self._hide(parcel, attempts.next_at)
            return False
        return True

    def settle(self, parcel: Parcel, verdict: Verdict) -> None:
        """Raises Conflict or VersionConflict when another worker holds the same message; that one settles it."""
        if verdict.failure is None:
            self._accept(parcel)
            return
        attempts = self._failed(parcel, verdict, verdict.failure)
        if attempts.next_at is None:
            self._give_up(parcel, attempts)
        else:
            self._postpone(parcel, attempts, attempts.next_at)

    def cancel(self, parcel: Parcel) -> None:
        """Nobody wants it any more, so nobody hears of it."""
        if parcel.before:
            self._ledger.forget(parcel.delivery.message_id)
        self._finish(parcel, CANCELLED)

    def filter(self, parcel: Parcel, code: str) -> None:
        """It is counted, and its neighbours go on."""
        if parcel.before:
            self._ledger.forget(parcel.delivery.message_id)
        self._finish(parcel, FILTERED, f"{FILTERED}.{code}")

    def write_counts(self) -> None:
        for (destination_id, hour), amounts in self._counts.items():
            self._ledger.count(destination_id, amounts, hour)

    def _accept(self, parcel: Parcel) -> None:
        if parcel.before:
            self._ledger.forget(parcel.delivery.message_id)
        self._finish(parcel, DELIVERED, of_connection(DELIVERED, parcel.delivery.connection_id))

    def _failed(self, parcel: Parcel, verdict: Verdict, failure: Undelivered) -> Attempts:
        earlier, now = parcel.before.attempts if parcel.before else None, self._clock.now()
        count = (earlier.count if earlier else 0) + verdict.requests
        first_at = earlier.first_at if earlier else verdict.at
        next_at = None
        if isinstance(failure, Deferred):
            next_at = self._schedule.next_at(count, first_at, now, self._random, failure.not_before)
        return Attempts(
            count=count,
            first_at=first_at,
            last_at=now,
            next_at=next_at,
            code=failure.code,
            detail=failure.detail,
            retries_exhausted=isinstance(failure, Deferred) and next_at is None,
        )

    def _postpone(self, parcel: Parcel, attempts: Attempts, next_at: int) -> None:
        self._ledger.note(parcel.delivery, parcel.before, attempts)
        self._of(parcel, self._clock.now())[RETRIED] += 1
        if parcel.before is None:
            self._of(parcel, attempts.first_at)[PENDING] += 1
        self._hide(parcel, next_at)

    def _give_up(self, parcel: Parcel, attempts: Attempts) -> None:
        if parcel.before:
            # First the decision, then the letter: whoever finds the decision can still write the letter.
            self._ledger.note(parcel.delivery, parcel.before, attempts)
        self._ledger.bury(parcel.delivery, attempts)
        of_one = of_connection(DISCARDED, parcel.delivery.connection_id)
        self._finish(parcel, DISCARDED, of_one, f"{DISCARDED}.{attempts.code}")

    def _hide(self, parcel: Parcel, until: int) -> None:
        seconds = max(1, -((self._clock.now() - until) // SECOND))
        for message in parcel.messages:
            self._queues.hide(DELIVER, message.receipt, seconds)

    def _finish(self, parcel: Parcel, *counters: str) -> None:
        self.done.update(message.id for message in parcel.messages)
        if counters:
            self._of(parcel, self._clock.now()).update(counters)
            if parcel.before:
                # What waited is taken from the hour it was added to: no sum over hours is ever short of it.
                self._of(parcel, parcel.before.attempts.first_at)[PENDING] -= 1

    def _of(self, parcel: Parcel, at: int) -> Counter[str]:
        return self._counts.setdefault((parcel.delivery.destination_id, at // HOUR * HOUR), Counter())
