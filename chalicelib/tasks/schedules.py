"""What runs again and again: one record per schedule, and a row on the agenda for its next slot."""

from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, Unavailable, VersionConflict
from ..records import Key, Record, Records
from .agenda import Agenda, Row
from .cadence import Cadence, check, next_slot

SHARDS = 1  # one write per run; and every look costs a read unit per shard
ROUNDS = 20  # each lost round is somebody else's success


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks of `kind` for a computation (and destination), as `Tasks.create` takes them.

    `id` is the owner's choice. `next_at` is kept by the schedules: epoch ms, None while nothing is due by itself.
    """

    id: str
    kind: str
    space_id: str
    cadence: Cadence
    computation_id: str = ""
    computation_version: int = 0
    destination_id: str | None = None
    input: dict[str, Any] = msgspec.field(default_factory=dict)
    pool: str | None = None
    next_at: int | None = None


class Held(NamedTuple):
    record: Record
    schedule: Schedule


_decoder = msgspec.msgpack.Decoder(Schedule)


class Schedules:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock
        self.agenda = Agenda(work, "schedules", SHARDS)

    def find(self, schedule_id: str) -> Held | None:
        record = self._work.get(_key(schedule_id))
        return None if record is None else Held(record, _decoder.decode(record.data))

    def set(self, schedule: Schedule, *, asleep: bool = False) -> Schedule:
        """Run it from its next slot on, instead of what had this id; or not before it is set again. Raises Invalid for
        a bad cadence."""
        check(schedule.cadence)
        next_at = None if asleep else next_slot(schedule.cadence, self._clock.now())
        schedule = replace(schedule, next_at=next_at)
        for _ in range(ROUNDS):
            held = self.find(schedule.id)
            try:
                if held is None:
                    self._create(schedule)
                else:
                    self.save(held, schedule)
            except (Conflict, VersionConflict):
                continue
            return schedule
        raise Unavailable(f"schedule {schedule.id} changes all the time")

    def remove(self, schedule_id: str) -> None:
        """Its row stays on the agenda until it is due, and is dropped then: it leads to nothing."""
        self._work.delete(_key(schedule_id))

    def save(self, held: Held, schedule: Schedule) -> None:
        """Raises VersionConflict."""
        before, after = _row(held.schedule), _row(schedule)
        if after is not None and after != before:
            self.agenda.put(after)
        self._work.replace(held.record, msgspec.msgpack.encode(schedule))
        if before is not None and after != before:
            self.agenda.drop(before)

    def touch(self, held: Held) -> None:
        """Whoever is about to save it must read it again. Raises VersionConflict."""
        self._work.replace(held.record, held.record.data)

    def _create(self, schedule: Schedule) -> None:
        if (row := _row(schedule)) is not None:
            self.agenda.put(row)
        self._work.create(_key(schedule.id), msgspec.msgpack.encode(schedule))


def _row(schedule: Schedule) -> Row | None:
    return None if schedule.next_at is None else Row(schedule.next_at, schedule.id)


def _key(schedule_id: str) -> Key:
    return Key(f"schedule#{schedule_id}", "schedule")
