"""What remains to be done when a task is closed. A crash in the middle is made good by doing all of it again."""

import logging

from ..errors import place_of
from . import machine
from .book import Book, row_of
from .lanes import Lanes
from .ports import Completions, Failures
from .post import Post
from .task import Task

logger = logging.getLogger(__name__)


class Closing:
    def __init__(self, book: Book, lanes: Lanes, post: Post, failures: Failures, completions: Completions) -> None:
        self._book, self._lanes, self._post = book, lanes, post
        self._failures, self._completions = failures, completions

    def settle(self, task: Task) -> None:
        """Its places are given to those who wait, its end is told, and only then it leaves the agenda.

        Those who wait come first: whatever may be wrong with telling must not hold them up.
        """
        turns = [self._lanes.leave(lane, task.task_id) for lane in task.lanes]
        self._post.wake(filter(None, turns), task.space_id)
        self._report_failures(task)
        self._completions.report(task)
        self._book.agenda.drop(row_of(task))

    def try_to_settle(self, task: Task) -> None:
        """What does not work out now is left to the sweeper."""
        try:
            self.settle(task)
        except Exception as error:
            logger.warning("Task %s is %s but not settled: %s", task.task_id, task.status, place_of(error))

    def try_to_report_failures(self, task: Task) -> Task:
        """The task with its failures marked as reported. Unmarked if that did not work out: it is made good later,
        at the latest when the task is closed."""
        try:
            self._report_failures(task)
        except Exception as error:
            logger.warning("A failure of task %s is not reported: %s", task.task_id, place_of(error))
            return task
        return machine.reported(task)

    def _report_failures(self, task: Task) -> None:
        """All that are not known to have been reported.

        A failure is stored with the task first and reported afterwards, again and again until the task says that it
        was. The other way round, a failure would be told that a concurrent change (a worker that was only slow, a
        cancellation) turns out to have prevented.
        """
        for failure in machine.unreported(task):
            self._failures.report(task, failure)
