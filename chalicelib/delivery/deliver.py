"""From the deliver queue to the partners.

    received ──► decode ──► known to the ledger? ──► admitted? ──► attempt ──┬─ accepted ──► forget, done
                 │ no          │ given up: done       │ no: dead letter      ├─ refused for good ──► dead letter, done
                 ▼             │ too early: hide      │ or cancelled         └─ later ──► note, then hide, keep
                keep           ▼                      ▼

A message is done only when everything about it is written. Whatever is interrupted comes again with the same
message id, and partners can tell.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from ..clock import SECOND, Clock
from ..deadline import Deadline
from ..destinations.kind import Request
from ..errors import Conflict, Malformed, VersionConflict, place_of
from ..queues import Queues, Received
from ..workspace.ports import Directory
from .admission import Admission, Cancelled, Filtered, Outlet
from .classification import INTERNAL, Deferred, Discarded, Undelivered, refusal
from .lanes import side_by_side
from .ledger import Ledger
from .message import Delivery, decode
from .redirects import follow
from .retry import Random, Schedule
from .settlement import Parcel, Settlement, Verdict
from .transport import Transport

logger = logging.getLogger(__name__)

SETTLING = 2 * SECOND  # what the writes after an attempt may take


class Attempt(NamedTuple):
    """Parcels that go to one destination together."""

    outlet: Outlet
    parcels: Sequence[Parcel]


@dataclass
class Deliverer:
    directory: Directory
    queues: Queues
    ledger: Ledger
    transport: Transport
    clock: Clock
    random: Random
    schedule: Schedule = field(default_factory=Schedule)

    def deliver(self, messages: Sequence[Received], deadline: Deadline) -> set[str]:
        """The ids of the queue messages to keep: those that wait for a retry, and those not done for any reason."""
        settlement = Settlement(self.ledger, self.queues, self.clock, self.schedule, self.random)
        with _noted("A call of the deliverer was broken off"):
            lanes = self._lanes(self._parcels(messages), settlement)
            timeouts = [attempt.outlet.kind.limits.timeout for lane in lanes for attempt in lane]
            needed = max(timeouts, default=0) * SECOND + SETTLING
            for attempt, verdicts in side_by_side(lanes, self._perform, lambda: deadline.remaining() > needed):
                for parcel, verdict in zip(attempt.parcels, verdicts, strict=True):
                    with _noted("A delivery could not be settled"):
                        settlement.settle(parcel, verdict)
        with _noted("Deliveries remain uncounted"):
            settlement.write_counts()
        return {message.id for message in messages} - settlement.done

    def _parcels(self, messages: Sequence[Received]) -> list[Parcel]:
        """What is no delivery is in none of them, so it is kept until the queue gives it up."""
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
        known = self.ledger.waiting(deliveries) if deliveries else {}
        return [Parcel(delivery, of_delivery[id], known.get(id)) for id, delivery in deliveries.items()]

    def _lanes(self, parcels: Sequence[Parcel], settlement: Settlement) -> list[list[Attempt]]:
        """One lane per destination, of what may be attempted now."""
        admission = Admission(self.directory)
        admitted: dict[str, list[Parcel]] = {}
        outlets: dict[str, Outlet] = {}
        for parcel in parcels:
            with _noted("A delivery could not be looked up"):
                outlet = self._outlet(parcel, admission, settlement)
                if outlet is not None:
                    outlets[parcel.delivery.destination_id] = outlet
                    admitted.setdefault(parcel.delivery.destination_id, []).append(parcel)
        return [_attempts(outlets[destination_id], lane) for destination_id, lane in admitted.items()]

    def _outlet(self, parcel: Parcel, admission: Admission, settlement: Settlement) -> Outlet | None:
        if not settlement.is_open(parcel):
            return None
        try:
            return admission.outlet(parcel.delivery)
        except Cancelled:
            settlement.cancel(parcel)
        except Filtered as reason:
            settlement.filter(parcel, reason.code)
        except Discarded as failure:
            settlement.settle(parcel, Verdict(self.clock.now(), failure, requests=0))
        return None

    def _perform(self, attempt: Attempt) -> list[Verdict]:
        started, kind = self.clock.now(), attempt.outlet.kind
        failures: dict[int, Undelivered | None] = {}
        try:
            calls = kind.requests([parcel.delivery.payload for parcel in attempt.parcels], attempt.outlet.settings)
        except Exception as error:
            return [Verdict(started, _unexpected(error))] * len(attempt.parcels)
        for call in calls:
            failures |= dict.fromkeys(call.items, self._send(call.request, kind.limits.timeout))
        return [Verdict(started, failures[place]) for place in range(len(attempt.parcels))]

    def _send(self, request: Request, timeout: float) -> Undelivered | None:
        try:
            response = follow(self.transport, request, timeout)
            return refusal(response.status, response.headers, self.clock.now())
        except Undelivered as failure:
            return failure
        except Exception as error:
            return _unexpected(error)


def _attempts(outlet: Outlet, parcels: Sequence[Parcel]) -> list[Attempt]:
    size = outlet.kind.limits.batch
    return [Attempt(outlet, parcels[start : start + size]) for start in range(0, len(parcels), size)]


def _unexpected(error: Exception) -> Undelivered:
    """Our own fault: tried again, because the next version of this code may know better."""
    logger.error("An attempt broke: %s", place_of(error))
    return Deferred(INTERNAL, type(error).__name__)


@contextmanager
def _noted(what: str) -> Iterator[None]:
    """Keep trouble with one thing from its neighbours. What is not done stays in the queue and comes again."""
    try:
        yield
    except (Conflict, VersionConflict):
        logger.info("Another worker holds the same delivery")
    except Exception as error:
        logger.error("%s: %s", what, place_of(error))
