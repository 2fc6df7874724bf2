"""Telling one destination about one computation, as a task: load → build → deliver → acknowledge → finalize.

A sync is about members, when a destination was connected to what has a past, its owner wants everybody told again, or
the computation is switched on again; or about changes, when rows wait for the flush of a list. Members are told through
the same sheets as changes are, so live changes and a sync go one after the other, and what is older never follows what
is newer.

What a step makes for the next one lies in the archive, under names that are the same each time. A run that was
interrupted repeats at most one page, with the message ids it had.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ..clock import MINUTE, Clock
from ..computations.catalogue import Compiled
from ..computations.computation import USERS as OF_USERS
from ..computations.computation import Computation
from ..computations.editions import BATCH_RUN, COMPUTE, EDIT
from ..deadline import Deadline
from ..identity.external_id import ACCOUNTS, USERS
from ..profiles.ports import Archive, Profiles
from ..records import Key, Records, every
from ..tasks.kind import RESYNC, Cursor, Done, Kind, Later, StepFailed, per_destination
from ..tasks.service import Tasks
from ..tasks.task import FAILED, SUCCEEDED, Step, Task, task_id_of
from ..workspace.model import Connection
from ..workspace.ports import Directory
from ..workspace.storage import Storage, computation_key, connection_key, space_partition
from .dispatch import Dispatch
from .flush import Flush
from .lists import CHANGES, MEMBERS, SYNC, Lists
from .outlets import Outlet, outlets
from .pace import NOMINAL, REPLAYED
from .standing import RESUMED, Standings
from .told import Told

PAGE = 100  # profiles read at once: one batch read
PAGES = 20  # between two cursors: each is a write of the whole task
UNSTORED = MINUTE  # so long a connection may take to be stored: no request lives longer
LAST_KEPT = 90 * 24 * 60 * MINUTE

Result = Done | Cursor | Later


class Place(NamedTuple):
    """Where a step is: a page, the profile to go on with, and how many were told so far."""

    page: int = 0
    start: str = ""
    told: int = 0

    @staticmethod
    def of(step: Step) -> "Place":
        if step.cursor is None:
            return Place()
        page, start, told = step.cursor.split("/")
        return Place(int(page), start, int(told))

    @property
    def cursor(self) -> Cursor:
        return Cursor("/".join(map(str, self)))


@dataclass(frozen=True)
class Syncs:
    """`tasks` is asked for when it is needed: they need to know this kind."""

    storage: Storage
    directory: Directory
    profiles: Profiles
    archive: Archive
    work: Records
    told: Told
    dispatch: Dispatch
    lists: Lists
    flush: Flush
    tasks: Callable[[], Tasks]
    clock: Clock

    def kind(self) -> Kind:
        steps = {
            "load": self.load,
            "build": self.build,
            "deliver": self.deliver,
            "acknowledge": self.acknowledge,
            "finalize": self.finalize,
        }
        return Kind(SYNC, steps, one_at_a_time=per_destination)

    def begin(self, connection: Connection) -> None:
        """The first sync of a connection that is about to be stored."""
        self._create(connection, "first", None)

    def request(self, space_id: str, connection_id: str, by: str) -> None:
        """Everybody once more. `by` is the id of the token that asks. While one is under way it changes nothing.
        Raises NotFound."""
        if not self.is_pending(connection_id):
            connection = self.storage.connections.get(connection_key(space_id, connection_id))
            self._create(connection, f"resync{self.clock.now()}", RESYNC)

    def owe(self, computation: Computation) -> None:
        """To all its connections, as soon as a run that begins from now on is through."""
        now = self.clock.now()
        self.work.put(Key(_owed(computation.id), f"{now:014d}"), b"", expires_at=now + LAST_KEPT)

    def is_pending(self, connection_id: str) -> bool:
        record = self.work.get(_last(connection_id))
        if record is None:
            return False
        task = self.tasks().find_many([record.data.decode()]).get(record.data.decode())
        return task is not None and task.is_open

    def report(self, task: Task) -> None:
        """Rows that a flush could not bring go with the next one. After a run what is owed is due."""
        if task.kind == SYNC and task.status == FAILED and task.input.get("about") == CHANGES:
            self._call(task)
        elif task.kind in (COMPUTE, EDIT, BATCH_RUN) and task.status == SUCCEEDED:
            self._settle(task)

    def load(self, task: Task, step: Step, deadline: Deadline) -> Result:
        now = self.clock.now()
        due = task.input.get("due", 0)
        if now < due:
            return Later("due", min(due, now + 15 * MINUTE))
        connection = self._stored(task)
        if connection is None or self._known(task) is None:
            return Later("stored", now + 1_000) if now < task.created_at + UNSTORED else Done()
        if (outlet := self._outlet(task)) is not None and outlet.kind.lists:
            self.flush.ensure_list(outlet, connection)
        return Done()

    def build(self, task: Task, step: Step, deadline: Deadline) -> Result:
        outlet = self._outlet(task)
        if outlet is None:
            self.lists.empty(task.input["connection_id"])  # what was lost meanwhile is not known of them
            return Done()
        if task.input["about"] == CHANGES:
            return self.flush.build(task, step, outlet)
        return self._build_members(task, step, deadline)

    def deliver(self, task: Task, step: Step, deadline: Deadline) -> Result:
        outlet = self._outlet(task)
        if outlet is None:  # paused or removed since: what was built for it is not caught up
            return Done("0")
        if task.input["about"] == CHANGES:
            return self.flush.deliver(task, step, outlet)
        place, pages = Place.of(step), self.archive.list(_folder(task))
        if place.page >= len(pages):
            return Done(str(place.told))
        ids = msgspec.json.decode(self.archive.get(pages[place.page]), type=list[str])
        computation, standings = self._compiled(task).computation, self._standings
        made = [delivery for id in ids for delivery in standings.tell(task, computation, outlet, id)]
        self.dispatch.send(made)
        following = Place(place.page + 1, "", place.told + len(made))
        if made and not outlet.kind.lists:
            rate = REPLAYED * (outlet.kind.rate or NOMINAL)  # the rest is left to what happens now
            return Later(following.cursor.value, self.clock.now() + round(len(made) / rate * 1_000))
        return following.cursor

    def acknowledge(self, task: Task, step: Step, deadline: Deadline) -> Result:
        if task.input["about"] == CHANGES:
            self.flush.acknowledge(task)
        told = next((step.output_ref for step in task.steps if step.name == "deliver"), None)
        return Done(told)

    def finalize(self, task: Task, step: Step, deadline: Deadline) -> Result:
        self.archive.delete(self.archive.list(_folder(task)))
        left_over = task.input["about"] == CHANGES or RESUMED in task.input
        if left_over and self.lists.has_waiting(task.input["connection_id"]):
            # Somebody whose clock is slow put them for the flush that is just over; or it was called off.
            self._call(task)
        return Done()

    def _call(self, task: Task) -> None:
        self.lists.call(task.space_id, task.computation_id, task.destination_id or "", task.input["connection_id"])

    def _settle(self, run: Task) -> None:
        """Once per switch of the computation; again by whoever repeats this."""
        owed = [record.key for record in every(self.work, _owed(run.computation_id))]
        due = [key for key in owed if int(key.sort) <= run.created_at]
        computation = self.storage.computations.find(computation_key(run.space_id, run.computation_id)) if due else None
        if computation is None or (computation.scope == OF_USERS) == (run.kind == BATCH_RUN):
            return  # nothing was looked at anew
        for connection in self._connections(computation):
            self._make(connection, f"{RESUMED}{due[-1].sort}-{connection.id}", {RESUMED: True})
        for key in due:
            self.work.delete(key)

    def _connections(self, computation: Computation) -> list[Connection]:
        """Those that are not paused: nothing is caught up for these."""
        found = self.storage.connections.every(space_partition(computation.space_id), "connection#")
        return [one for one in found if one.computation_id == computation.id and one.enabled]

    def _create(self, connection: Connection, slot: str, pool: str | None) -> None:
        slot = f"{slot}-{connection.id}"
        # Noted first: whoever asks meanwhile finds no task, and at worst makes a second one.
        id = task_id_of(SYNC, connection.computation_id, connection.destination_id, slot)
        self.work.put(_last(connection.id), id.encode(), expires_at=self.clock.now() + LAST_KEPT)
        self._make(connection, slot, {"first": pool is None}, pool)

    def _make(self, connection: Connection, slot: str, how: Mapping[str, bool], pool: str | None = None) -> None:
        self.tasks().create(
            SYNC,
            connection.space_id,
            slot,
            computation_id=connection.computation_id,
            destination_id=connection.destination_id,
            input={"about": MEMBERS, "connection_id": connection.id, **how},
            pool=pool,
        )

    def _build_members(self, task: Task, step: Step, deadline: Deadline) -> Result:
        """Who holds a value now, looked at page by page; who comes to hold one later is told by that change."""
        computation, place = self._compiled(task).computation, Place.of(step)
        collections = [USERS] if computation.scope == OF_USERS else [ACCOUNTS, USERS]
        collection, _, start = place.start.rpartition(":")
        for _ in range(PAGES):
            collection = collection or collections[0]
            ids = self.profiles.newest(task.space_id, collection, PAGE + 1, start)
            held = self._standings.concerned(task, computation, ids[:PAGE])
            if held:
                self.archive.put(f"{_folder(task)}{place.page:08d}", msgspec.json.encode(held))
            place = place._replace(page=place.page + 1, told=place.told + len(held))
            if len(ids) > PAGE:
                start = ids[PAGE]
            elif collection != collections[-1]:
                collection, start = collections[-1], ""
            else:
                return Done(str(place.told))
            if deadline.remaining() <= 0:
                break
        return place._replace(start=f"{collection}:{start}").cursor

    @property
    def _standings(self) -> Standings:
        return Standings(self.directory, self.profiles, self.told, self.clock)

    def _stored(self, task: Task) -> Connection | None:
        return self.storage.connections.find(connection_key(task.space_id, task.input["connection_id"]))

    def _outlet(self, task: Task) -> Outlet | None:
        """As everybody sees it; None while it is switched off, and once it, or what it tells of, is gone."""
        view = self.directory.view(task.space_id)
        if task.computation_id not in view.catalogue.by_id:
            return None
        connections = view.connections.get(task.computation_id, ())
        found = outlets(self.directory, view, [c for c in connections if c.id == task.input["connection_id"]])
        return found[0] if found else None

    def _compiled(self, task: Task) -> Compiled:
        found = self._known(task)
        if found is None:
            raise StepFailed("NOT_FOUND", "There is no such computation, or its query is not understood any more.")
        return found

    def _known(self, task: Task) -> Compiled | None:
        """Unknown is also a step of a journey before its publication, and after it was archived."""
        return self.directory.view(task.space_id).catalogue.by_id.get(task.computation_id)


def _folder(task: Task) -> str:
    return f"runs/{task.task_id}/"


def _owed(computation_id: str) -> str:
    return f"owed#{computation_id}"


def _last(connection_id: str) -> Key:
    return Key(f"sync#{connection_id}", "last")
