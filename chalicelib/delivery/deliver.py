"""From the deliver queue to the partners.

    received ──► decode ──► known to the ledger? ──► admitted? ──► its turn? ──► attempt ──┬─ accepted ──► forget, done
                 │ no          │ given up: done       │ no: dead     │ no: hide            ├─ refused ──► dead letter
                 ▼             │ too early: hide      │ or cancelled ▼                     └─ later ──► note, then hide
                keep           ▼                      ▼

A message is done only when everything about it is written. Whatever is interrupted comes again with the same
message id, and partners can tell.
"""

import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ..clock import SECOND, Clock
from ..deadline import Deadline
from ..destinations.kind import Payload
from ..destinations.schedule import Random, Schedule
from ..errors import Conflict, Malformed, VersionConflict, place_of
from ..queues import Queues, Received
from ..records import Key, Record
from ..workspace.ports import Directory
from .admission import Admission, Cancelled, Divided, Filtered
from .classification import INTERNAL, SUPERSEDED, Deferred, Discarded
from .lanes import side_by_side
from .ledger import Ledger, is_surpassed, newest_of
from .message import Delivery, decode
from .pace import Bucket, Grant, Pacer, bucket_of, replay_bucket_of
from .sending import Outcome, Sender, Target
from .settlement import Parcel, Settlement, Verdict

logger = logging.getLogger(__name__)

SETTLING = 2 * SECOND  # what the writes after an attempt may take
TURN = 5 * SECOND  # of a lane beside others: a slow partner must not hold the worker for the rest of the call
ABREAST = 4  # requests at once to one partner by one worker; those of one person stay in order
MUCH = 10  # requests to one partner in one call
CROWD = 16  # destinations in one call from which on each has to do with one lane


class Group(NamedTuple):
    """Parcels for one destination, and one of its mappings if it has some, that obey one budget."""

    target: Target
    bucket: Bucket
    replay: Bucket | None
    parcels: Sequence[Parcel]


class Attempt(NamedTuple):
    """Parcels that go to one destination in one request."""

    group: Group
    parcels: Sequence[Parcel]


class Performed(NamedTuple):
    started_at: int
    outcomes: Sequence[Outcome]


@dataclass
class Deliverer:
    """`lanes` runs attempts side by side."""

    directory: Directory
    queues: Queues
    ledger: Ledger
    pacer: Pacer
    sender: Sender
    clock: Clock
    random: Random
    lanes: Callable[..., Iterator[tuple[Attempt, Performed]]] = side_by_side

    def deliver(self, messages: Sequence[Received], deadline: Deadline) -> set[str]:
        """The ids of the queue messages to keep: those that wait for a retry, and those not done for any reason."""
        settlement = Settlement(self.ledger, self.queues, self.clock, self.random)
        with _noted("A call of the deliverer was broken off"):
            parcels, records = self._parcels(messages)
            groups = self._groups(parcels, records, settlement)
            attempts = [attempt for group in groups for attempt in self._allowed(group, records, settlement)]
            self._make(attempts, records, settlement, deadline)
        with _noted("Deliveries remain uncounted"):
            settlement.write_counts()
        return {message.id for message in messages} - settlement.done

    def _parcels(self, messages: Sequence[Received]) -> tuple[list[Parcel], Mapping[Key, Record]]:
        """With the records of their budgets. What is no delivery is in none of them, so it is kept until the queue
        gives it up."""
        deliveries: dict[str, Delivery] = {}
        of_delivery: dict[str, list[Received]] = {}
        for message in messages:
            try:
                delivery = decode(message.body)
            except Malformed:
                logger.error("A message of the deliver queue is no delivery and is left to the dead-letter queue")
                continue
            deliveries[delivery.message_id] = delivery
            of_delivery.setdefault(delivery.message_id, []).append(message)
        if not deliveries:
            return [], {}
        known, records = self.ledger.look_up(deliveries, {key for one in deliveries.values() for key in _needed(one)})
        parcels = [Parcel(one, of_delivery[id], known.get(id), one.payload) for id, one in deliveries.items()]
        # What was said first goes first, also when it comes late.
        return sorted(parcels, key=lambda parcel: parcel.delivery.sequence), records

    def _groups(self, parcels: Sequence[Parcel], records: Mapping[Key, Record], settlement: Settlement) -> list[Group]:
        """Of what may be attempted now."""
        admission = Admission(self.directory)
        admitted: dict[tuple[str, bool, str], tuple[Target, list[Parcel]]] = {}
        for parcel in parcels:
            with _noted("A delivery could not be looked up"):
                found = self._admitted(parcel, admission, records, settlement)
                if found is not None:
                    target, fit = found
                    alike = target.destination_id, fit.delivery.replayed, target.mapping
                    admitted.setdefault(alike, (target, []))[1].append(fit)
        with _noted("Deliveries could not be divided"):
            settlement.send_divided()
        return [_group(target, found) for target, found in admitted.values()]

    def _admitted(
        self, parcel: Parcel, admission: Admission, records: Mapping[Key, Record], settlement: Settlement
    ) -> tuple[Target, Parcel] | None:
        if not settlement.is_open(parcel):
            return None
        if is_surpassed(parcel.delivery, records):
            settlement.cancel(parcel, SUPERSEDED)
            return None
        try:
            waiting_since = parcel.before.attempts.first_at if parcel.before else None
            target, payload = admission.admit(parcel.delivery, waiting_since)
            return target, parcel._replace(payload=payload)
        except Cancelled:
            settlement.cancel(parcel)
        except Divided as into:
            settlement.divide(parcel, into.mapping_ids)
        except Filtered as reason:
            settlement.filter(parcel, reason.code)
        except Discarded as failure:
            settlement.settle(parcel, Verdict(self.clock.now(), failure, requests=0), Schedule())
        return None

    def _allowed(self, group: Group, records: Mapping[Key, Record], settlement: Settlement) -> list[Attempt]:
        """As many as the destination's budget has tokens for; the others are hidden."""
        attempts, allowed = _attempts(group), list[Attempt]()
        with _noted("A budget could not be asked"):
            grant = self._grant(group, len(attempts), records)
            allowed = attempts[: grant.requests]
            self._hold(attempts[grant.requests :], grant, settlement)
        return allowed

    def _grant(self, group: Group, wanted: int, records: Mapping[Key, Record]) -> Grant:
        if group.replay is None:
            return self.pacer.take(group.bucket, wanted, records.get(group.bucket.key))
        first = self.pacer.take(group.replay, wanted, records.get(group.replay.key))
        if not first.requests:
            return first
        second = self.pacer.take(group.bucket, first.requests, records.get(group.bucket.key))
        return second._replace(wait=max(first.wait, second.wait))

    def _make(
        self, attempts: Sequence[Attempt], records: Mapping[Key, Record], settlement: Settlement, deadline: Deadline
    ) -> None:
        timeouts = [attempt.group.target.kind.limits.timeout for attempt in attempts]
        needed = max(timeouts, default=0) * SECOND + SETTLING
        left = {id(attempt): attempt for attempt in attempts}
        failed: dict[Bucket, list[str]] = {}
        performed = self.lanes(_lanes(attempts), self._perform, lambda: deadline.remaining() > needed, self._turn)
        for attempt, made in performed:
            del left[id(attempt)]
            failed.setdefault(attempt.group.bucket, []).append(_failure(made.outcomes))
            self._settle(attempt, made, settlement)
        if deadline.remaining() > 0:
            self._hold(list(left.values()), Grant(0), settlement)
        for bucket, failures in failed.items():
            with _noted("A budget does not know how it went"):
                codes = [code for code in failures if code]
                accepted, last = len(failures) - len(codes), codes[-1] if codes else ""
                self.pacer.report(bucket, accepted, len(codes), records.get(bucket.key), last)

    def _perform(self, attempt: Attempt) -> Performed:
        started_at, payloads = self.clock.now(), [parcel.payload for parcel in attempt.parcels]
        return Performed(started_at, self.sender.send(attempt.group.target, payloads))

    def _settle(self, attempt: Attempt, made: Performed, settlement: Settlement) -> None:
        schedule = attempt.group.target.kind.schedule
        for parcel, outcome in zip(attempt.parcels, made.outcomes, strict=True):
            with _noted("A delivery could not be settled"):
                if outcome.requests:
                    verdict = Verdict(made.started_at, outcome.failure, outcome.requests, outcome.exchange)
                    settlement.settle(parcel, verdict, schedule)
                else:
                    settlement.hold(parcel, 0, schedule)

    def _hold(self, attempts: Sequence[Attempt], grant: Grant, settlement: Settlement) -> None:
        for attempt in attempts:
            for parcel in attempt.parcels:
                with _noted("A delivery could not be hidden"):
                    schedule = attempt.group.target.kind.schedule
                    settlement.hold(parcel, grant.wait, schedule, grant.code)

    def _turn(self) -> Callable[[], bool]:
        began = self.clock.now()
        return lambda: self.clock.now() - began < TURN


def _needed(delivery: Delivery) -> list[Key]:
    """Where the records of its budgets are, whatever its rate, and of what arrived after it."""
    place = delivery.space_id, delivery.destination_id
    keys = [bucket_of(*place, None).key, *([newest_of(delivery)] if delivery.is_state else [])]
    return [*keys, replay_bucket_of(*place, None).key] if delivery.replayed else keys


def _group(target: Target, parcels: Sequence[Parcel]) -> Group:
    one = parcels[0].delivery
    place = one.space_id, one.destination_id
    replay = replay_bucket_of(*place, target.kind.rate) if one.replayed else None
    return Group(target, bucket_of(*place, target.kind.rate), replay, parcels)


def _attempts(group: Group) -> list[Attempt]:
    """What may share a request does. What goes alone goes first: of two who become one, the partner hears before it
    hears of the one."""
    kind, alike = group.target.kind, dict[bytes, list[Parcel]]()
    size = kind.size_of_batch(group.target.settings)
    alone = [Attempt(group, [parcel]) for parcel in group.parcels if kind.alone(parcel.payload)]
    for parcel in (parcel for parcel in group.parcels if not kind.alone(parcel.payload)):
        key = [_at(parcel.payload, path) for path in kind.batch_keys]
        alike.setdefault(msgspec.json.encode(key), []).append(parcel)
    return alone + [
        Attempt(group, parcels[start : start + size])
        for parcels in alike.values()
        for start in range(0, len(parcels), size)
    ]


def _at(payload: Payload, path: str) -> Any:
    found: Any = payload
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _lanes(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """One per destination, so that a slow one holds up only itself; a few where there is much to do."""
    of_destination = Counter(attempt.group.target.destination_id for attempt in attempts)
    lanes: dict[tuple[str, int], list[Attempt]] = {}
    for attempt in attempts:
        destination_id, payload = attempt.group.target.destination_id, attempt.parcels[0].delivery.payload
        is_worth_it = of_destination[destination_id] > MUCH and len(of_destination) <= CROWD
        person = str(payload.get("userId") or payload.get("anonymousId") or "")
        lane = zlib.crc32(person.encode()) % ABREAST if is_worth_it else 0
        lanes.setdefault((destination_id, lane), []).append(attempt)
    return list(lanes.values())


def _failure(outcomes: Sequence[Outcome]) -> str:
    """Why the partner could take none of them now; blank when it could, or when it was our own fault."""
    codes = [o.failure.code for o in outcomes if isinstance(o.failure, Deferred) and o.failure.code != INTERNAL]
    return codes[-1] if len(codes) == len(outcomes) else ""


@contextmanager
def _noted(what: str) -> Iterator[None]:
    """Keep trouble with one thing from its neighbours. What is not done stays in the queue and comes again."""
    try:
        yield
    except (Conflict, VersionConflict):
        logger.info("Another worker holds the same delivery")
    except Exception as error:
        logger.error("%s: %s", what, place_of(error))
