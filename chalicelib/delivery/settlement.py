"""What follows from the verdict on a delivery: it is done, waits, or is given up. Writes come before promises."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..clock import HOUR, SECOND, Clock
from ..destinations.kind import Payload
from ..destinations.schedule import Random, Schedule
from ..queues import DELIVER, Outgoing, Queues, Received
from .classification import CONNECTION_REMOVED, Deferred, Undelivered
from .counters import CANCELLED, CREATED, DELIVERED, DISCARDED, FILTERED, PENDING, RETRIED, counter, latency_bucket
from .ledger import Attempts, Ledger, Waiting
from .mappings import through
from .message import Delivery, encode, group_of
from .sending import Exchange

# A message without a token comes back after a wait that grows, up to an hour: a long queue must not cost by its length
# times the time it takes, and whoever is new does not stand behind it. Growing faster, tokens are left unused.
GROWTH = 1.4
GROWS = 24  # times
LONGEST_DELAY = 900  # seconds; of a message that is sent anew
# Well below the receipts after which the queue takes a message for poison, and the days after which it drops it: then
# a fresh copy goes in its place.
MOST_RECEIVES = 40


class Parcel(NamedTuple):
    """A delivery with all its queue messages: a queue may hold the same one twice. `payload` is what is sent of it, as
    far as filters leave it."""

    delivery: Delivery
    messages: Sequence[Received]
    before: Waiting | None
    payload: Payload


class Verdict(NamedTuple):
    """`failure` None: accepted. `at` is when the attempt began (epoch ms); `requests` is 0 for a message that was
    stopped before any request was made."""

    at: int
    failure: Undelivered | None
    requests: int = 1
    exchange: Exchange | None = None


class Settlement:
    """`done` are the ids of queue messages that are finished with."""

    def __init__(self, ledger: Ledger, queues: Queues, clock: Clock, random: Random) -> None:
        self._ledger, self._queues, self._clock, self._random = ledger, queues, clock, random
        self._counts: dict[str, Counter[str]] = {}  # by destination
        self._pending: dict[tuple[str, int], Counter[str]] = {}  # by destination and the hour of the first attempt
        self._divided: list[tuple[Parcel, list[Delivery]]] = []
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

    def settle(self, parcel: Parcel, verdict: Verdict, schedule: Schedule) -> None:
        """Raises Conflict or VersionConflict when another worker holds the same message; that one settles it."""
        if verdict.failure is None:
            self._accept(parcel)
            return
        attempts = self._failed(parcel, verdict, verdict.failure, schedule)
        if attempts.next_at is None:
            self._give_up(parcel, attempts, verdict.exchange)
        else:
            self._postpone(parcel, attempts, attempts.next_at)

    def hold(self, parcel: Parcel, wait: int, schedule: Schedule, code: str = "") -> None:
        """It has to wait at least `wait` ms for its turn, which is no attempt. Its time runs on meanwhile.

        With `code` it waits because the partner is dead, of that: then its time begins, attempt or not.
        """
        now = self._clock.now()
        until = now + wait + round(self._random.random() * GROWTH ** min(_waits(parcel), GROWS) * SECOND)
        if code and parcel.before is None:
            until = min(until, schedule.ends_at(now))
            waiting = Attempts(count=0, first_at=now, last_at=now, next_at=until, code=code)
            self._ledger.note(parcel.delivery, None, waiting)
            self._count_pending(parcel, now, 1)
        elif parcel.before is not None:
            attempts = parcel.before.attempts
            ends_at = schedule.ends_at(attempts.first_at)
            if now >= ends_at:
                self._give_up(parcel, replace(attempts, last_at=now, next_at=None, retries_exhausted=True), None)
                return
            until = min(until, ends_at)
        self._hide(parcel, until)

    def cancel(self, parcel: Parcel, code: str = CONNECTION_REMOVED) -> None:
        """Nobody wants it any more, so nobody hears of it."""
        if parcel.before:
            self._ledger.forget(parcel.delivery.message_id)
        self._finish(parcel, counter(parcel.delivery, CANCELLED, code))

    def filter(self, parcel: Parcel, code: str) -> None:
        """It is counted, and its neighbours go on."""
        if parcel.before:
            self._ledger.forget(parcel.delivery.message_id)
        self._finish(parcel, counter(parcel.delivery, FILTERED, code))

    def divide(self, parcel: Parcel, mapping_ids: Sequence[str]) -> None:
        """It goes on as one delivery for each of these mappings, together with what else is divided."""
        self._divided.append((parcel, [through(parcel.delivery, id) for id in mapping_ids]))

    def send_divided(self) -> None:
        """First the parts, then the promise: whoever dies between has them made again, under the same ids."""
        parts = [part for _, parts in self._divided for part in parts]
        if parts:
            self._queues.send(DELIVER, [Outgoing(encode(part), group_of(part)) for part in parts])
        for parcel, parts in self._divided:
            if parcel.before:
                self._ledger.forget(parcel.delivery.message_id)
            self._finish(parcel, *(counter(part, CREATED) for part in parts))
            self._uncount(parcel, counter(parcel.delivery, CREATED))

    def write_counts(self) -> None:
        """One write per destination, and one more where something began or ceased to wait."""
        now = self._clock.now()
        for destination_id, amounts in self._counts.items():
            self._ledger.count(destination_id, amounts, now)
        for (destination_id, hour), amounts in self._pending.items():
            self._ledger.count_pending(destination_id, amounts, hour)

    def _accept(self, parcel: Parcel) -> None:
        before, delivery = parcel.before, parcel.delivery
        if delivery.follows and delivery.is_state:
            self._ledger.surpass(delivery)
        if before:
            self._ledger.forget(delivery.message_id)
        attempt = str(before.attempts.count + 1) if before else ""
        took = latency_bucket(self._clock.now() - delivery.created_at)
        self._finish(parcel, counter(delivery, DELIVERED, attempt), took)

    def _failed(self, parcel: Parcel, verdict: Verdict, failure: Undelivered, schedule: Schedule) -> Attempts:
        earlier, now = parcel.before.attempts if parcel.before else None, self._clock.now()
        count = (earlier.count if earlier else 0) + verdict.requests
        first_at = earlier.first_at if earlier else verdict.at
        next_at = None
        if isinstance(failure, Deferred):
            next_at = schedule.next_at(count, first_at, now, self._random, failure.not_before)
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
        self._count(parcel, counter(parcel.delivery, RETRIED))
        if parcel.before is None:
            self._count_pending(parcel, attempts.first_at, 1)
        self._hide(parcel, next_at)

    def _give_up(self, parcel: Parcel, attempts: Attempts, exchange: Exchange | None) -> None:
        if parcel.before:
            # First the decision, then the letter: whoever finds the decision can still write the letter.
            self._ledger.note(parcel.delivery, parcel.before, attempts)
        self._ledger.bury(parcel.delivery, attempts, exchange)
        self._finish(parcel, counter(parcel.delivery, DISCARDED, attempts.code))

    def _hide(self, parcel: Parcel, until: int) -> None:
        seconds = max(1, -((self._clock.now() - until) // SECOND))
        for message in parcel.messages:
            if message.receives < MOST_RECEIVES:
                self._queues.hide(DELIVER, message.receipt, seconds)
            else:
                delay = min(seconds, LONGEST_DELAY)
                self._queues.send(DELIVER, [Outgoing(encode(parcel.delivery), group_of(parcel.delivery), delay)])
                self.done.add(message.id)

    def _finish(self, parcel: Parcel, *counters: str) -> None:
        self.done.update(message.id for message in parcel.messages)
        if counters:
            self._count(parcel, *counters)
            if parcel.before:
                self._count_pending(parcel, parcel.before.attempts.first_at, -1)

    def _count(self, parcel: Parcel, *counters: str) -> None:
        """What is replayed was counted when it went out the first time."""
        if not parcel.delivery.replayed:
            self._counts.setdefault(parcel.delivery.destination_id, Counter()).update(counters)

    def _uncount(self, parcel: Parcel, name: str) -> None:
        """What was counted as one is counted in its parts."""
        if not parcel.delivery.replayed:
            self._counts.setdefault(parcel.delivery.destination_id, Counter())[name] -= 1

    def _count_pending(self, parcel: Parcel, first_at: int, amount: int) -> None:
        if not parcel.delivery.replayed:
            hour = parcel.delivery.destination_id, first_at // HOUR * HOUR
            self._pending.setdefault(hour, Counter())[counter(parcel.delivery, PENDING)] += amount


def _waits(parcel: Parcel) -> int:
    """How often it was received for nothing, this time included: every attempt was a receipt too."""
    attempts = parcel.before.attempts.count if parcel.before else 0
    return max(1, max(message.receives for message in parcel.messages) - attempts)
