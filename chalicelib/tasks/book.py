"""Where tasks are stored: one record each, a row on the agenda while they are open, and a list per computation."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from ..clock import DAY
from ..records import Key, Record, Records
from . import machine
from .agenda import Agenda, Row
from .task import Task, decode, encode

KEPT = 90 * DAY  # closed tasks, as long as the audit trail speaks of them
OPEN_SHARDS = 4
READ_AT_ONCE = 100  # the most that one batch read takes

_FAR = 9_999_999_999_999  # epoch ms; counting down from it, the newest task sorts first


class Held(NamedTuple):
    """A task as it was read: what is saved over it is refused if somebody else saved first."""

    record: Record
    task: Task


class Book:
    def __init__(self, work: Records) -> None:
        self._work = work
        self.agenda = Agenda(work, "open_tasks", OPEN_SHARDS)

    def find(self, task_id: str) -> Held | None:
        record = self._work.get(_key(task_id))
        return None if record is None else _held(record)

    def find_many(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """Those that exist."""
        found = self._work.get_many([_key(task_id) for task_id in task_ids])
        return {(task := decode(record.data)).task_id: task for record in found.values()}

    def create(self, task: Task) -> Held:
        """Raises Conflict when there is such a task. Its row on the agenda was put there before."""
        self._work.put(_listing(task), task.task_id.encode(), expires_at=task.created_at + KEPT)
        return Held(self._work.create(_key(task.task_id), encode(task)), task)

    def save(self, held: Held, task: Task, *, postpone: bool = False) -> Held:
        """Raises VersionConflict. The row on the agenda moves forward when it must, back only to `postpone`."""
        look = machine.look(task)
        if not task.is_open or (look > held.task.look_at and not postpone):
            look = held.task.look_at
        task = replace(task, look_at=look)
        expires_at = None if task.completed_at is None else task.completed_at + KEPT
        with self.agenda.moving(row_of(held.task), row_of(task)):
            record = self._work.replace(held.record, encode(task), expires_at=expires_at)
        return Held(record, task)

    def touch(self, held: Held) -> None:
        """Whoever is about to save the task must read it again. Raises VersionConflict."""
        self._work.replace(held.record, held.record.data)

    def open(self, limit: int) -> list[Task]:
        """Those that are not closed, at most `limit` of them, the oldest first."""
        rows, found = self.agenda.all(), dict[str, Task]()
        while len(found) < limit and (some := [row.id for row in islice(rows, READ_AT_ONCE)]):
            found |= {id: task for id, task in self.find_many(some).items() if task.is_open}
        return sorted(found.values(), key=lambda task: (task.created_at, task.task_id))[:limit]

    def newest(self, space_id: str, computation_id: str, limit: int) -> list[Task]:
        """The newest first."""
        ids = list(islice(self.ids_of(space_id, computation_id, limit), limit))
        found = self.find_many(ids)
        return [found[task_id] for task_id in ids if task_id in found]

    def ids_of(self, space_id: str, computation_id: str, page: int = 1_000) -> Iterator[str]:
        """The newest first, read `page` at a time. One whose task is being made just now has none yet."""
        cursor: str | None = None
        while True:
            found = self._work.page(_computation(space_id, computation_id), limit=page, cursor=cursor)
            yield from (record.data.decode() for record in found.records)
            cursor = found.cursor
            if cursor is None:
                return


def row_of(task: Task) -> Row:
    return Row(task.look_at, task.task_id)


def _held(record: Record) -> Held:
    return Held(record, decode(record.data))


def _key(task_id: str) -> Key:
    return Key(f"task#{task_id}", "task")


def _computation(space_id: str, computation_id: str) -> str:
    return f"tasks_of#{space_id}#{computation_id}"


def _listing(task: Task) -> Key:
    sort = f"{_FAR - task.created_at:013d}#{task.task_id}"
    return Key(_computation(task.space_id, task.computation_id), sort)
