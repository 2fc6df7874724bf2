"""One worker's hold on a task: every write is refused once somebody else holds it or it is closed."""

from collections.abc import Callable

from ..clock import Clock
from ..errors import Unavailable, VersionConflict
from .book import Book, Held
from .machine import LEASE
from .task import RUNNING, Task
from .watch import RENEWAL

ROUNDS = 20  # each lost round is the sweeper's or a cancellation's write


class LeaseLost(Exception):
    """The task goes on without this worker."""


class Lease:
    def __init__(self, book: Book, held: Held, clock: Clock) -> None:
        self._book, self._held, self._clock = book, held, clock
        self._owner, self._seq = held.task.lease_owner, held.task.lease_seq

    @property
    def task(self) -> Task:
        """As it was last read or written."""
        return self._held.task

    @property
    def is_due_for_renewal(self) -> bool:
        """Every write renews, so a step that moves its cursor often never is."""
        renewed_at = (self.task.lease_expires_at or 0) - LEASE
        return self._clock.now() >= renewed_at + RENEWAL

    def write(self, change: Callable[[Task, int], Task]) -> Task:
        """Save the task changed at this instant. Raises LeaseLost.

        The write is conditional on what was read; a write of the sweeper in between is read and built upon.
        """
        for _ in range(ROUNDS):
            try:
                self._held = self._book.save(self._held, change(self._held.task, self._clock.now()))
            except VersionConflict:
                self._read_again()
            else:
                return self._held.task
        raise Unavailable(f"task {self._held.task.task_id} changes all the time")

    def _read_again(self) -> None:
        held = self._book.find(self._held.task.task_id)
        if held is None or not self._is_ours(held.task):
            raise LeaseLost
        self._held = held

    def _is_ours(self, task: Task) -> bool:
        return (task.status, task.lease_owner, task.lease_seq) == (RUNNING, self._owner, self._seq)
