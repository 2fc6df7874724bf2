"""Workers: called to a task by a message, they take its lease if it is to be had, and work."""

import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec

from ..clock import Clock
from ..deadline import Deadline
from ..errors import MusterError, VersionConflict, place_of
from ..ids import Ids
from ..queues import Received
from . import machine
from .book import Book
from .closing import Closing
from .kind import Kind
from .lanes import Lanes
from .lease import Lease, LeaseLost
from .pace import Pace
from .ports import Purpose
from .post import Post, called
from .shift import Shift
from .task import Lane, Task
from .watch import Watch

logger = logging.getLogger(__name__)

ROUNDS = 20  # each lost round is somebody else's write


class Worker:
    """`jitter` gives the factor by which a retry's delay is stretched."""

    def __init__(
        self,
        book: Book,
        lanes: Lanes,
        closing: Closing,
        post: Post,
        kinds: Mapping[str, Kind],
        purpose: Purpose,
        pace: Pace,
        clock: Clock,
        ids: Ids,
        jitter: Callable[[], float],
    ) -> None:
        self._book, self._lanes, self._closing, self._post = book, lanes, closing, post
        self._kinds, self._purpose, self._pace = kinds, purpose, pace
        self._clock, self._ids, self._jitter = clock, ids, jitter

    def work(self, messages: Iterable[Received], invocation: Deadline) -> set[str]:
        """The ids of the messages that should come again, because the store or the queue did not answer."""
        failed = set()
        for message in messages:
            try:
                self.run(called(message.body), invocation)
            except msgspec.MsgspecError:
                logger.error("A message on the queue of tasks names no task")
            except MusterError as error:
                logger.warning("A task could not be worked on: %s", place_of(error))
                failed.add(message.id)
        return failed

    def run(self, task_id: str, invocation: Deadline) -> None:
        """As far as the invocation's time allows; nothing if the task is not to be taken now."""
        lease = self._acquire(task_id)
        if lease is None:
            return
        try:
            self._leave(self._shift(lease, invocation).run())
        except LeaseLost:
            logger.info("Task %s goes on without this worker", task_id)

    def _shift(self, lease: Lease, invocation: Deadline) -> Shift:
        self._closing.try_to_report_failures(lease.task)
        return Shift(
            lease=lease,
            invocation=invocation,
            watch=Watch(self._clock, invocation),
            kinds=self._kinds,
            purpose=self._purpose,
            pace=self._pace,
            clock=self._clock,
            jitter=self._jitter(),
        )

    def _leave(self, task: Task) -> None:
        """The task is as it will be until somebody else takes it."""
        if not task.is_open:
            self._closing.try_to_settle(task)
            return
        self._post.call(task)
        self._closing.try_to_report_failures(task)

    def _acquire(self, task_id: str) -> Lease | None:
        owner = self._ids.ksuid("wrk_")
        for _ in range(ROUNDS):
            held = self._book.find(task_id)
            if held is None:
                return None
            if held.task.lease_owner == owner:  # the answer to our own write was lost
                return Lease(self._book, held, self._clock)
            if not machine.may_acquire(held.task, self._clock.now()) or not self._admits(held.task):
                return None
            told = self._closing.try_to_report_failures(held.task)
            try:
                held = self._book.save(held, machine.acquire(told, owner, self._clock.now()))
            except VersionConflict:
                continue
            if held.task.is_open:
                return Lease(self._book, held, self._clock)
            self._closing.try_to_settle(held.task)
            return None
        return None

    def _admits(self, task: Task) -> bool:
        """Whether it has its turn in all its lines; it stands in them in order, up to where it has to wait."""
        return task.admitted or all(self._has_turn(task, lane) for lane in task.lanes)

    def _has_turn(self, task: Task, lane: Lane) -> bool:
        self._lanes.enter(lane, task.task_id, task.kind)
        return self._lanes.has_turn(lane, task.task_id)
