"""Lines in which tasks wait for their turn: the first `width` of a line are under way, the others wait in order.

A line is one record. A task enters before it is made, because that is where one too many is refused; so a crash
can leave a place to a task that does not exist, and another one to a task that is closed. Both are cleared away by
whoever meets them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from ..clock import DAY, MINUTE, Clock
from ..errors import Conflict, Unavailable, VersionConflict
from ..records import Key, Record, Records
from .task import Lane, Task

MOST = 1_000  # places: a record of some 100 KB
CHECKED = 20  # places looked at for somebody dead: more than any line lets under way at once
ABANDONED = 2 * MINUTE  # making a task takes milliseconds
ROUNDS = 20  # each lost round is somebody else's success
EMPTY_FOR = DAY  # after that the record of an empty line goes

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True, array_like=True):
    """`at` is when it was taken, epoch ms."""

    task_id: str
    kind: str
    at: int


_decoder = msgspec.msgpack.Decoder(list[Place])

FindTasks = Callable[[Iterable[str]], Mapping[str, Task]]
# Decides from the line whether one more may join it: None, or the id of the task that stands in its way.
Rule = Callable[[list[Place]], str | None]


class Lanes:
    def __init__(self, work: Records, find_tasks: FindTasks, clock: Clock) -> None:
        self._work, self._find_tasks, self._clock = work, find_tasks, clock

    def line(self, lane: str) -> list[Place]:
        """Who has the turn and who waits, in order."""
        return self._living(self._read(lane)[1])

    def enter(self, lane: Lane, task_id: str, kind: str, rule: Rule | None = None) -> str:
        """Stand at the end of the line, or where the task stands already; its id, or of the task in its way."""
        place = Place(task_id, kind, self._clock.now())
        answer = self._change(lane.name, lambda line: _entered(line, place, rule))
        if answer != task_id and self._clear(lane.name):
            return self._change(lane.name, lambda line: _entered(line, place, rule))
        return answer

    def has_turn(self, lane: Lane, task_id: str) -> bool:
        return self._is_ahead(lane, task_id) or (self._clear(lane.name) and self._is_ahead(lane, task_id))

    def leave(self, lane: Lane, task_id: str) -> str | None:
        """The id of the task that may have got its turn by this, also when the task had left before."""

        def left(line: list[Place]) -> tuple[str | None, list[Place]]:
            rest = [place for place in line if place.task_id != task_id]
            return (rest[lane.width - 1].task_id if len(rest) >= lane.width else None), rest

        return self._change(lane.name, left)

    def _is_ahead(self, lane: Lane, task_id: str) -> bool:
        _, line = self._read(lane.name)
        return task_id in [place.task_id for place in line[: lane.width]]

    def _clear(self, lane: str) -> bool:
        """Whether a place was cleared of somebody who will not use it."""
        _, line = self._read(lane)
        dead = set(line) - set(self._living(line))
        if dead:
            self._change(lane, lambda line: (None, [place for place in line if place not in dead]))
        return bool(dead)

    def _living(self, line: list[Place]) -> list[Place]:
        tasks, newest = self._find_tasks([place.task_id for place in line[:CHECKED]]), self._clock.now() - ABANDONED

        def lives(place: Place) -> bool:
            task = tasks.get(place.task_id)
            return task.is_open if task else place.at > newest

        return [place for n, place in enumerate(line) if n >= CHECKED or lives(place)]

    def _read(self, lane: str) -> tuple[Record | None, list[Place]]:
        record = self._work.get(_key(lane))
        return record, _decoder.decode(record.data) if record else []

    def _change(self, lane: str, change: Callable[[list[Place]], tuple[T, list[Place]]]) -> T:
        for _ in range(ROUNDS):
            record, before = self._read(lane)
            answer, after = change(before)
            if after == before or self._write(_key(lane), record, after):
                return answer
        raise Unavailable(f"the line {lane} is contested all the time")

    def _write(self, key: Key, record: Record | None, line: list[Place]) -> bool:
        data = msgspec.msgpack.encode(line)
        expires_at = None if line else self._clock.now() + EMPTY_FOR
        try:
            if record is None:
                self._work.create(key, data, expires_at=expires_at)
            else:
                self._work.replace(record, data, expires_at=expires_at)
        except (Conflict, VersionConflict):
            return False
        return True


def _entered(line: list[Place], place: Place, rule: Rule | None) -> tuple[str, list[Place]]:
    if any(one.task_id == place.task_id for one in line):
        return place.task_id, line
    instead = rule(line) if rule else None
    if instead is not None:
        return instead, line
    if len(line) >= MOST:
        raise Conflict(f"{MOST} tasks wait in this line already")
    return place.task_id, [*line, place]


def _key(lane: str) -> Key:
    return Key(f"lane#{lane}", "line")
