"""The task behind a replay: what there is written down, then day after day of it sent in order of arrival."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from ..archive.arrivals import After, Arrivals, Wanted
from ..archive.cut import Cut
from ..archive.history import History
from ..archive.layout import day_of
from ..clock import SECOND, Clock
from ..deadline import Deadline
from ..instants import to_iso
from ..profiles.ports import Archive
from ..records import Records
from ..tasks.book import Book
from ..tasks.kind import Cursor, Done, Kind, StepFailed
from ..tasks.task import Step, Task
from ..workspace.shelf import Shelf
from . import places
from .feed import MOST_BYTES, MOST_MESSAGES, REMEMBERED, Feed, Inlet, is_far_ahead
from .held import Held
from .replays import KIND, Ranges, Replay

REST = 5 * SECOND  # before the end of an invocation, in which the files are let go of

# What a message says as it is, and the columns that hold JSON.
_SAID = ("type", "userId", "anonymousId", "groupId", "previousId", "name", "category")
_JSON = ("properties", "traits", "context", "integrations")


class Place(msgspec.Struct, frozen=True):
    """Which event was sent last, on which day. `due`: when the next ones are to be resolved; `at`: when they count as
    received (epoch ms)."""

    day: int = 0
    received_at: int = -1
    message_id: str = ""
    at: int = 0
    due: int = 0
    sent: int = 0


class Replaying:
    """Its steps."""

    def __init__(self, work: Records, archive: Archive, history: History, feed: Feed, clock: Clock) -> None:
        self._archive, self._history, self._feed, self._clock = archive, history, feed, clock
        self._ranges, self._tasks = Shelf(work, Ranges), Book(work)
        self.held: Held[_Day] = Held()

    def kind(self) -> Kind:
        """Into one space one after the other: whoever is slowed down already is not to be given twice as much."""
        steps = {"prepare": self.prepare, "send": self.send}
        return Kind(KIND, steps, one_at_a_time=lambda _computation, target_id: f"replay#{target_id}")

    def prepare(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """The same files in all tries: their pages are the same then, and so are the batches."""
        replay = self._replay(task)
        if self._archive.find(_cut_key(replay)) is None:
            self._archive.put(_cut_key(replay), self._history.cut(replay.space_id).encode())
        return Done(self._start(replay, task))

    def send(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """One page; only then is the place behind it saved."""
        replay = self._replay(task)
        note = step.cursor or task.step("prepare").output_ref or ""
        place = msgspec.json.decode(note, type=Place)
        if is_far_ahead(place.due, self._clock.now()):
            return Cursor(note)
        cut = Cut.decode(self._archive.get(_cut_key(replay)))
        days = _days(cut, replay)
        if place.day >= len(days):
            return Done(note)
        page, leave = self.held.take(task.task_id, _position(place), lambda: self._open(cut, days, replay, place))
        done = False
        try:
            rows = page.arrivals.chunk(MOST_MESSAGES, MOST_BYTES)
            following = self._sent(replay, place, rows)
            done = True
        finally:
            leave(done and bool(rows) and deadline.remaining() > REST)
        return Cursor(msgspec.json.encode(following).decode())

    def _sent(self, replay: Replay, place: Place, rows: Sequence[dict[str, Any]]) -> Place:
        if not rows:
            return msgspec.structs.replace(place, day=place.day + 1)
        now = self._clock.now()
        pacing = self._feed.pacing(place.due, now, len(rows))
        for source_id, of_source in groupby(sorted(rows, key=itemgetter("source_id")), itemgetter("source_id")):
            inlet = Inlet(replay.workspace_id, replay.target_id, source_id)
            messages = [message(row) for row in of_source]
            self._feed.send(inlet, f"{replay.id}#{messages[0]['messageId']}", messages, place.at, now, pacing.due)
        return Place(
            day=place.day,
            received_at=rows[-1]["received_at"],
            message_id=rows[-1]["message_id"],
            at=now,
            due=pacing.following,
            sent=place.sent + len(rows),
        )

    def _start(self, replay: Replay, task: Task) -> str:
        """Where the last try stopped that came to anything."""
        for number in range(replay.tries - 1, 0, -1):
            held = self._tasks.find(replay.task_of(number))
            if held is not None and (note := _note(held.task)) is not None:
                place = msgspec.json.decode(note, type=Place)
                self._check_remembered(held.task, place)
                return _encoded(msgspec.structs.replace(place, at=task.created_at))
        return _encoded(Place(at=task.created_at, due=task.created_at))

    def _check_remembered(self, earlier: Task, place: Place) -> None:
        """Its last page may have been sent without a note of it, so it is sent again."""
        if self._clock.now() - (earlier.completed_at or 0) > REMEMBERED and place.received_at >= 0:
            raise StepFailed(
                "STOPPED_LONG_AGO",
                f"This replay stopped behind {to_iso(place.received_at)}, too long ago to go on safely.",
            )

    def _replay(self, task: Task) -> Replay:
        known = self._ranges.find(places.replays_key(task.destination_id or "")) or Ranges()
        found = next((one for one in known.replays if one.id == task.input["replay_id"]), None)
        if found is None:
            raise StepFailed("REPLAY_GONE", "The replay was called off.")
        return found

    @contextmanager
    def _open(self, cut: Cut, days: Sequence[str], replay: Replay, place: Place) -> Iterator["_Day"]:
        wanted = Wanted(replay.start, replay.end, replay.source_id, replay.unresolved_only)
        with self._history.open(cut, days=[days[place.day]], profiles=False) as session:
            yield _Day(place.day, Arrivals(session, wanted, After(place.received_at, place.message_id)))


class _Day:
    """A day that is open for reading."""

    def __init__(self, number: int, arrivals: Arrivals) -> None:
        self._number, self.arrivals = number, arrivals

    @property
    def position(self) -> str:
        after = self.arrivals.after
        return _position(Place(self._number, after.received_at, after.message_id))


def message(row: dict[str, Any]) -> dict[str, Any]:
    """The event as the tracking API would have taken it: dated when it happened, whatever the clock of its sender."""
    said = {name: row[_column(name)] for name in _SAID}
    said["event"] = row["event"] if row["type"] == "track" else None
    said |= {name: msgspec.json.decode(row[name]) if row[name] else None for name in _JSON}
    known = {name: value for name, value in said.items() if value is not None}
    return {**known, "messageId": row["message_id"], "timestamp": to_iso(row["timestamp"])}


def _column(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _days(cut: Cut, replay: Replay) -> list[str]:
    first, last = day_of(replay.start), day_of(replay.end)
    return [day.day for day in cut.days if first <= day.day <= last]


def _position(place: Place) -> str:
    return f"{place.day}#{place.received_at}#{place.message_id}"


def _encoded(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def _note(task: Task) -> str | None:
    return task.step("send").cursor or task.step("prepare").output_ref


def _cut_key(replay: Replay) -> str:
    return f"replays/{replay.space_id}/{replay.id}/cut.json"


def place_of(task: Task) -> Place | None:
    """How far it is; None before it begins."""
    found = task.step("send")
    note = found.cursor or found.output_ref
    return msgspec.json.decode(note, type=Place) if note else None
