"""Rows that wait for the next flush of their list: collected one by one, sent together.

A row waits under its sequence, so that nobody has to look for an older one when it is put; whoever flushes takes the
newest of each row. The first row that waits makes the task that flushes, so that a list costs nothing while nothing
changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..clock import DAY, MINUTE, Clock
from ..destinations.kind import Settings
from ..records import Key, Records
from ..tasks.service import Tasks
from ..tasks.task import Task
from .message import Delivery, decode, encode

SYNC = "sync"
CHANGES, MEMBERS = "changes", "members"  # what a sync is about

KEPT = 14 * DAY  # as long as any queue keeps a message
INTERVAL = "syncInterval"  # the setting: minutes between two flushes
DEFAULT_INTERVAL = 60
PAGE = 1_000


class Operation(NamedTuple):
    """A row that waits, and the place where it does."""

    key: Key
    delivery: Delivery


def interval_of(settings: Settings) -> int:
    """In ms."""
    return int(settings.get(INTERVAL) or DEFAULT_INTERVAL) * MINUTE


class Lists:
    """`tasks` is asked for when it is needed; `settings` gives those of a destination by its id."""

    def __init__(
        self, work: Records, tasks: Callable[[], Tasks], settings: Callable[[str], Mapping[str, Any]], clock: Clock
    ) -> None:
        self._work, self._tasks, self._settings, self._clock = work, tasks, settings, clock
        self._called: dict[str, int] = {}  # by connection, the flush that this process has called for

    def put(self, deliveries: Iterable[Delivery]) -> None:
        calls: dict[str, Delivery] = {}
        for delivery in deliveries:
            sort = f"{delivery.row}#{delivery.sequence:014d}"
            key = Key(_partition(delivery.connection_id), sort)
            self._work.put(key, encode(delivery).encode(), expires_at=self._clock.now() + KEPT)
            calls[delivery.connection_id] = delivery
        for one in calls.values():
            if self._called.get(one.connection_id) != self._due(one.destination_id):
                self.call(one.space_id, one.computation_id, one.destination_id, one.connection_id)

    def call(self, space_id: str, computation_id: str, destination_id: str, connection_id: str) -> None:
        """See that the next flush takes place; the one after it, if that was called off with what it was for."""
        due = next_due = self._due(destination_id)
        while not self._create(space_id, computation_id, destination_id, connection_id, due).is_open:
            due += interval_of(self._settings(destination_id))
        self._called[connection_id] = next_due

    def waiting(self, connection_id: str) -> Iterator[list[Operation]]:
        """The newest of each row with the keys of all, in portions in which no row is cut in two."""
        held: list[Operation] = []
        for operation in self._every(connection_id):
            if len(held) >= PAGE and operation.delivery.row != held[-1].delivery.row:
                yield held
                held = []
            held.append(operation)
        if held:
            yield held

    def has_waiting(self, connection_id: str) -> bool:
        return bool(self._work.page(_partition(connection_id), limit=1).records)

    def empty(self, connection_id: str) -> None:
        for operations in self.waiting(connection_id):
            self.drop(operation.key for operation in operations)

    def drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._work.delete(key)

    def _due(self, destination_id: str) -> int:
        interval = interval_of(self._settings(destination_id))
        return (self._clock.now() // interval + 1) * interval

    def _create(self, space_id: str, computation_id: str, destination_id: str, connection_id: str, due: int) -> Task:
        return self._tasks().create(
            SYNC,
            space_id,
            f"flush{due // MINUTE}",
            computation_id=computation_id,
            destination_id=destination_id,
            input={"about": CHANGES, "connection_id": connection_id, "due": due},
        )

    def _every(self, connection_id: str) -> Iterator[Operation]:
        cursor: str | None = None
        while True:
            page = self._work.page(_partition(connection_id), limit=PAGE, cursor=cursor)
            for record in page.records:
                yield Operation(record.key, decode(record.data.decode()))
            if page.cursor is None:
                return
            cursor = page.cursor


def newest(operations: Sequence[Operation]) -> list[Delivery]:
    """One per row, in the order of its sort keys the last one counts."""
    return list({operation.delivery.row: operation.delivery for operation in operations}.values())


def _partition(connection_id: str) -> str:
    return f"list#{connection_id}"
