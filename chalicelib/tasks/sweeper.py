"""Finding what stands still: lost leases, lost messages, retries nobody came for, closings left half done.

It reads the agenda of open tasks up to now. Of every row it makes sure that something goes on: either its own
doing now, or another row for later.
"""

import logging

from ..clock import Clock
from ..deadline import Deadline
from ..errors import VersionConflict, place_of
from . import machine
from .agenda import FORSAKEN, Row
from .book import Book, Held
from .closing import Closing
from .post import Post
from .task import Task

logger = logging.getLogger(__name__)


class Sweeper:
    def __init__(self, book: Book, closing: Closing, post: Post, clock: Clock) -> None:
        self._book, self._closing, self._post, self._clock = book, closing, post, clock
        self.agenda = book.agenda

    def sweep(self, deadline: Deadline) -> int:
        """How many workers were called. One row that cannot be dealt with does not hold up the others."""
        calls = 0
        for row in self.agenda.due(self._clock.now()):
            if deadline.remaining() <= 0:
                break
            try:
                calls += self._look_at(row)
            except VersionConflict:
                logger.info("Task %s was changed meanwhile", row.id)  # and its row is still there for the next sweep
            except Exception as error:
                logger.warning("Task %s cannot be looked after: %s", row.id, place_of(error))
        return calls

    def _look_at(self, row: Row) -> bool:
        """Whether a worker was called."""
        held = self._book.find(row.id)
        if held is None:
            self._forget_if_forsaken(row)
        elif not held.task.is_open:
            self._closing.settle(held.task)
            self.agenda.drop(row)
        elif held.task.look_at != row.at:
            self._remove_stale(row, held)
        else:
            return self._look_after(held)
        return False

    def _forget_if_forsaken(self, row: Row) -> None:
        if self._clock.now() - row.at > FORSAKEN:
            self.agenda.drop(row)

    def _remove_stale(self, row: Row, held: Held) -> None:
        """The row may belong to a save that is under way: touched, the task refuses it, and it is done again."""
        self._book.touch(held)
        self.agenda.drop(row)

    def _look_after(self, held: Held) -> bool:
        task, now = held.task, self._clock.now()
        if machine.look(task) > now:
            self._book.save(held, task, postpone=True)
            return False
        if machine.is_lost_for_good(task, now):
            self._closing.settle(self._book.save(held, machine.give_up(task, now)).task)
            return False
        self._post.call(self._called(held, now))
        return True

    def _called(self, held: Held, now: int) -> Task:
        return self._book.save(held, machine.called(held.task, now), postpone=True).task
