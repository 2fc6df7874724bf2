"""The steps of a sync that brings waiting rows to the list of a partner, many in one request.

build      the newest of each row that waits, in pages of what one request carries
deliver    page by page; what became of each page is written down under its number
acknowledge  counts what was written down, and drops the rows that are settled
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..destinations.kind import Payload
from ..errors import Conflict
from ..profiles.ports import Archive
from ..records import Key, Records
from ..tasks.kind import Cursor, Done, StepFailed
from ..tasks.task import Step, Task
from ..workspace.model import Connection
from ..workspace.ports import Directory
from ..workspace.storage import Storage, connection_key
from .classification import Deferred, Undelivered
from .counters import DELIVERED, DISCARDED, FILTERED, counter
from .filtering import FILTERED_BY_RULES, filtered
from .ledger import KEPT, Attempts, Ledger
from .lists import Lists, newest
from .message import Delivery, decode, encode
from .outlets import Outlet
from .sending import Sender, Target


class Page(msgspec.Struct):
    """Deliveries for one request, as the queue carries them, and all places at which they wait."""

    deliveries: list[str]
    keys: list[Key]


class Outcome(msgspec.Struct):
    counts: dict[str, int]


_pages = msgspec.json.Decoder(Page)
_outcomes = msgspec.json.Decoder(Outcome)


class Flush:
    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        archive: Archive,
        work: Records,
        lists: Lists,
        sender: Sender,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._storage, self._directory, self._archive, self._work = storage, directory, archive, work
        self._lists, self._sender, self._ledger, self._clock = lists, sender, ledger, clock

    def ensure_list(self, outlet: Outlet, connection: Connection) -> None:
        """The list at the partner, made once; its id stays with the connection. Raises StepFailed."""
        if connection.external_audience_id or outlet.kind.remote is None:
            return
        remote, computation_id = outlet.kind.remote, connection.computation_id
        view = self._directory.view(connection.space_id)
        computation = view.catalogue.by_id[computation_id].computation
        try:
            answer = self._sender.ask(
                self._target(outlet), lambda settings: remote.create(computation.name, computation.key, settings)
            )
            external_id = remote.created(answer.body)
        except Undelivered as failure:
            raise StepFailed("LIST_NOT_CREATED", f"The partner did not make the list: {failure.code}.") from failure
        except (ValueError, KeyError, msgspec.DecodeError) as error:
            raise StepFailed("LIST_NOT_CREATED", "The partner's answer holds no id of a list.") from error
        key = connection_key(connection.space_id, connection.id)
        self._storage.connections.amend(
            key, lambda present: replace(present, external_audience_id=present.external_audience_id or external_id)
        )
        self._storage.bump(connection.space_id)

    def build(self, task: Task, step: Step, outlet: Outlet) -> Done:
        size = outlet.kind.size_of_batch(self._target(outlet).settings)
        number = 0
        for operations in self._lists.waiting(outlet.connection.id):
            deliveries, keys = newest(operations), [operation.key for operation in operations]
            for start in range(0, len(deliveries), size):
                some = deliveries[start : start + size]
                own = {one.row for one in some}
                page = Page([encode(one) for one in some], [key for key in keys if key.sort.split("#")[0] in own])
                self._archive.put(f"{_folder(task)}page/{number:08d}", msgspec.json.encode(page))
                number += 1
        return Done(str(number))

    def deliver(self, task: Task, step: Step, outlet: Outlet) -> Done | Cursor:
        place, pages = int(step.cursor or 0), self._archive.list(f"{_folder(task)}page/")
        if place >= len(pages):
            return Done(str(place))
        page = _pages.decode(self._archive.get(pages[place]))
        deliveries = [decode(text) for text in page.deliveries]
        fit, counts = self._sifted(deliveries, outlet)
        payloads = [_addressed(payload, outlet.connection) for _, payload in fit]
        outcomes = self._sender.send(self._target(outlet), payloads) if payloads else []
        later = next((o.failure for o in outcomes if isinstance(o.failure, Deferred) or not o.requests), None)
        if later is not None or not all(o.requests for o in outcomes):
            raise StepFailed(later.code if later else "401", "The partner does not take the list now.")
        for (delivery, _), outcome in zip(fit, outcomes, strict=True):
            if outcome.failure is None:
                counts[counter(delivery, DELIVERED)] += 1
            else:
                counts[counter(delivery, DISCARDED, outcome.failure.code)] += 1
                self._ledger.bury(delivery, self._given_up(outcome.failure), outcome.exchange)
        self._archive.put(f"{_folder(task)}outcome/{place:08d}", msgspec.json.encode(Outcome(dict(counts))))
        return Cursor(str(place + 1))

    def _sifted(
        self, deliveries: Sequence[Delivery], outlet: Outlet
    ) -> tuple[list[tuple[Delivery, Payload]], Counter[str]]:
        """What filters leave of rows, and how many are left out."""
        destination = self._directory.destination(outlet.connection.destination_id)
        filters = destination.filters if destination else ()
        left = [(one, filtered(filters, one.payload)) for one in deliveries]
        counts = Counter(counter(one, FILTERED, FILTERED_BY_RULES) for one, payload in left if payload is None)
        return [(one, payload) for one, payload in left if payload is not None], counts

    def acknowledge(self, task: Task) -> None:
        """What was settled waits no longer; counted once, whoever repeats this."""
        counts: Counter[str] = Counter()
        for key in self._archive.list(f"{_folder(task)}outcome/"):
            counts.update(_outcomes.decode(self._archive.get(key)).counts)
            page = _pages.decode(self._archive.get(key.replace("/outcome/", "/page/")))
            self._lists.drop(page.keys)
        try:
            now = self._clock.now()
            self._work.create(Key(f"sync#{task.task_id}", "counted"), b"", expires_at=now + KEPT)
        except Conflict:
            return
        if counts and task.destination_id:
            self._ledger.count(task.destination_id, counts, now)

    def _target(self, outlet: Outlet) -> Target:
        destination = self._directory.destination(outlet.connection.destination_id)
        if destination is None:
            raise StepFailed("DESTINATION_GONE", "The destination does not exist any more.")
        problems = outlet.kind.problems(destination.settings)
        if problems:
            raise StepFailed("INVALID_SETTINGS", "; ".join(problem.message for problem in problems))
        return Target(destination.id, outlet.kind, destination.settings)

    def _given_up(self, failure: Undelivered) -> Attempts:
        now = self._clock.now()
        return Attempts(count=1, first_at=now, last_at=now, next_at=None, code=failure.code, detail=failure.detail)


def _addressed(payload: Payload, connection: Connection) -> Payload:
    """With the id of the list, which may have been made after the row."""
    context: dict[str, Any] = payload["context"]
    personas = context["personas"] | {"external_audience_id": connection.external_audience_id or ""}
    return payload | {"context": context | {"personas": personas}}


def _folder(task: Task) -> str:
    return f"runs/{task.task_id}/"
