"""Tasks as the rest of the product uses them: made, found, cancelled."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import Conflict, Invalid, NotFound, Problem, Unavailable, VersionConflict
from . import machine
from .agenda import Row
from .book import Book, Held
from .closing import Closing
from .kind import POOLS, Kind
from .lanes import Lanes, Place
from .post import Post
from .task import WAITING_RETRY, Lane, Step, Task, task_id_of

LARGEST_INPUT = 64 * 1024  # bytes; a task is read and written with every step, bulk data lives elsewhere
ROUNDS = 20  # each lost round is a worker's step forward


class Tasks:
    """`kinds` by name. Nothing here runs a step."""

    def __init__(
        self, book: Book, lanes: Lanes, closing: Closing, post: Post, kinds: Mapping[str, Kind], clock: Clock
    ) -> None:
        self._book, self._lanes, self._closing, self._post = book, lanes, closing, post
        self._kinds, self._clock = kinds, clock

    def create(
        self,
        kind: str,
        space_id: str,
        slot: str,
        *,
        computation_id: str = "",
        computation_version: int = 0,
        destination_id: str | None = None,
        run_id: str | None = None,
        input: Mapping[str, Any] | None = None,
        pool: str | None = None,
    ) -> Task:
        """The task, new or made before. When enough of its kind wait already, the last one of them.

        `pool` overrides that of the kind. Raises Invalid, and Conflict when the kind suffers no other beside it.
        """
        known = self._known(kind, pool, input or {})
        task_id = task_id_of(kind, computation_id or space_id, destination_id, slot)
        if (made := self._book.find(task_id)) is not None:
            return made.task
        now = self._clock.now()
        task = Task(
            task_id=task_id,
            kind=kind,
            space_id=space_id,
            slot=slot,
            steps=tuple(Step(name=name) for name in known.steps),
            created_at=now,
            computation_id=computation_id,
            computation_version=computation_version,
            destination_id=destination_id,
            run_id=run_id,
            input=dict(input or {}),
            lanes=tuple(known.lanes(space_id, computation_id, destination_id, pool or known.pool)),
            message_at=now,
            # A worker that takes it at once and dies loses the lease no earlier.
            look_at=now + machine.LEASE,
        )
        return self._make(task, known)

    def get(self, task_id: str) -> Task:
        """Raises NotFound."""
        return self._held(task_id).task

    def of_computation(self, space_id: str, computation_id: str, limit: int = 50) -> list[Task]:
        """The newest first."""
        return self._book.newest(space_id, computation_id, limit)

    def ids_of(self, space_id: str, computation_id: str) -> Iterator[str]:
        """The same as ids alone, without end: a task's id says its kind and destination, see `parts_of`."""
        return self._book.ids_of(space_id, computation_id)

    def find_many(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """Those that exist."""
        return self._book.find_many(task_ids)

    def open(self, limit: int = 1_000) -> list[Task]:
        """Open tasks of all spaces, at most `limit` of them, the oldest first."""
        return self._book.open(limit)

    def line_of(self, kind: str, computation_id: str, destination_id: str | None = None) -> list[Place]:
        """All that a task of this kind would have to wait for, in order; the first is under way."""
        known = self._kinds.get(kind)
        if known is None or known.one_at_a_time is None:
            return []
        return self._lanes.line(known.one_at_a_time(computation_id, destination_id))

    def cancel(self, task_id: str) -> Task:
        """A closed task stays as it is. A worker that is running it stops at its next write. Raises NotFound."""
        held = self._held(task_id)
        for _ in range(ROUNDS):
            if not held.task.is_open:
                return held.task
            try:
                task = self._book.save(held, machine.cancel(held.task, self._clock.now())).task
            except VersionConflict:
                held = self._held(task_id)
                continue
            self._closing.try_to_settle(task)
            return task
        raise Unavailable(f"task {task_id} changes all the time")

    def retry_now(self, task_id: str) -> Task:
        """Do not wait for the retry. Raises NotFound, and Conflict for a closed task; others go on by themselves."""
        held = self._held(task_id)
        if not held.task.is_open:
            raise Conflict(f"task {task_id} is {held.task.status}")
        if held.task.status != WAITING_RETRY:
            return held.task
        task = self._book.save(held, machine.retry_now(held.task, self._clock.now())).task
        self._post.call(task)
        return task

    def _known(self, kind: str, pool: str | None, input: Mapping[str, Any]) -> Kind:
        problems = []
        if kind not in self._kinds:
            kinds = ", ".join(sorted(self._kinds)) or "none"
            problems.append(Problem(f"There are no tasks of kind {kind!r}. Kinds: {kinds}.", "kind"))
        if pool is not None and pool not in POOLS:
            problems.append(Problem(f"There is no pool {pool!r}.", "pool"))
        if len(msgspec.msgpack.encode(input)) > LARGEST_INPUT:
            problems.append(Problem(f"The input of a task takes at most {LARGEST_INPUT} bytes.", "input"))
        if problems:
            raise Invalid(*problems)
        return self._kinds[kind]

    def _make(self, task: Task, kind: Kind) -> Task:
        """Agenda, line, task, message: a crash after any of them leaves nothing that stays."""
        row = Row(task.look_at, task.task_id)
        self._book.agenda.put(row)
        head, *_ = task.lanes or (None,)
        if head is not None and (other := self._enter(head, task, kind)) != task.task_id:
            self._book.agenda.drop(row)
            return self._instead(other, kind)
        try:
            self._book.create(task)
        except Conflict:
            return self._held(task.task_id).task
        # Whoever has to wait is called when its turn comes.
        if head is None or self._lanes.has_turn(head, task.task_id):
            self._post.call(task)
        return task

    def _enter(self, lane: Lane, task: Task, kind: Kind) -> str:
        def rule(line: list[Place]) -> str | None:
            same = [place.task_id for place in line if place.kind == kind.name]
            waiting = [place.task_id for place in line[lane.width :] if place.kind == kind.name]
            if kind.alone and same:
                return same[-1]
            return waiting[-1] if kind.most_waiting is not None and len(waiting) >= kind.most_waiting else None

        return self._lanes.enter(lane, task.task_id, kind.name, rule)

    def _instead(self, task_id: str, kind: Kind) -> Task:
        if kind.alone:
            raise Conflict(f"task {task_id} has to end first", {"task_id": task_id})
        held = self._book.find(task_id)
        if held is None:
            raise Unavailable(f"task {task_id} is being made")
        return held.task

    def _held(self, task_id: str) -> Held:
        held = self._book.find(task_id)
        if held is None:
            raise NotFound(f"There is no task {task_id}.")
        return held
