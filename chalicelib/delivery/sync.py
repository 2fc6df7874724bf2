"""Telling one destination about one computation, as a task: load → build → deliver → acknowledge → finalize.

A sync is about members, when a destination was connected to what has a past or its owner wants everybody told again; or
about changes, when rows wait for the flush of a list. Members are told through the same sheets as changes are, so live
changes and a sync go one after the other, and what is older never follows what is newer.

What a step makes for the next one lies in the archive, under names that are the same each time. A run that was
interrupted repeats at most one page, with the message ids it had.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ..clock import MINUTE, Clock
from ..computations.catalogue import Compiled
from ..computations.computation import USERS as OF_USERS
from ..computations.computation import Computation
from ..deadline import Deadline
from ..errors import Unavailable
from ..identity.external_id import ACCOUNTS, USERS
from ..profiles.ports import Archive, ProfileKey, Profiles
from ..profiles.profile import Profile
from ..records import Key, Records
from ..tasks.kind import RESYNC, Cursor, Done, Kind, Later, StepFailed, per_destination
from ..tasks.service import Tasks
from ..tasks.task import FAILED, Step, Task, task_id_of
from ..workspace.model import Connection
from ..workspace.ports import Directory
from ..workspace.storage import Storage, connection_key
from .dispatch import Dispatch
from .flush import Flush
from .lists import CHANGES, MEMBERS, SYNC, Lists
from .message import Delivery
from .outlets import Outlet, outlets, rows_now
from .pace import NOMINAL, REPLAYED
from .payloads import Origin
from .told import CONTESTED, Told, Wanted, mark_of
from .transitions import Transition, is_told

PAGE = 100  # profiles read at once: one batch read
PAGES = 20  # between two cursors: each is a write of the whole task
ROUNDS = 20  # each lost one is a telling by somebody else
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

    def is_pending(self, connection_id: str) -> bool:
        record = self.work.get(_last(connection_id))
        if record is None:
            return False
        task = self.tasks().find_many([record.data.decode()]).get(record.data.decode())
        return task is not None and task.is_open

    def report(self, task: Task) -> None:
        """Rows that a flush could not bring go with the next one."""
        if task.kind == SYNC and task.status == FAILED and task.input.get("about") == CHANGES:
            self._call(task)

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
        made = [delivery for id in ids for delivery in self._of_profile(task, outlet, id)]
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
        if task.input["about"] == CHANGES and self.lists.has_waiting(task.input["connection_id"]):
            self._call(task)  # somebody whose clock is slow put them for the flush that is just over
        return Done()

    def _call(self, task: Task) -> None:
        self.lists.call(task.space_id, task.computation_id, task.destination_id or "", task.input["connection_id"])

    def _create(self, connection: Connection, slot: str, pool: str | None) -> None:
        subject, destination_id = connection.computation_id, connection.destination_id
        slot = f"{slot}-{connection.id}"
        # Noted first: whoever asks meanwhile finds no task, and at worst makes a second one.
        id = task_id_of(SYNC, subject, destination_id, slot)
        self.work.put(_last(connection.id), id.encode(), expires_at=self.clock.now() + LAST_KEPT)
        self.tasks().create(
            SYNC,
            connection.space_id,
            slot,
            computation_id=subject,
            destination_id=destination_id,
            input={"about": MEMBERS, "connection_id": connection.id, "first": pool is None},
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
            held = self._holders(task, computation, ids[:PAGE])
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

    def _holders(self, task: Task, computation: Computation, ids: Sequence[str]) -> list[str]:
        keys = [ProfileKey(task.space_id, id) for id in ids]
        loaded = self.profiles.load(keys)
        return [key.profile_id for key in keys if key in loaded and _holds(loaded[key], computation)]

    def _of_profile(self, task: Task, outlet: Outlet, profile_id: str) -> Iterator[Delivery]:
        """Of a member who is one still."""
        computation, view = self._compiled(task).computation, self.directory.view(task.space_id)
        key, known = ProfileKey(task.space_id, profile_id), [c.id for found in view.connections.values() for c in found]
        for _ in range(ROUNDS):
            profile = self.profiles.load([key]).get(key)
            if profile is None or not _holds(profile, computation):
                return
            outcome, head = profile.head.outcomes[computation.key], profile.head
            transition = Transition(computation, outcome.value, outcome.changed_at)
            held = self.told.sheets(task.space_id, [profile_id])[profile_id]
            if held.sheet.version > profile.version:
                continue  # somebody knows more already
            found = rows_now(head, computation, outlet.connection) if outlet.forms(computation, head.collection) else []
            first_at = profile.version if task.input.get("first") else None
            wanted = Wanted(outlet.connection.id, found, mark_of(outcome.value), only_news=first_at is not None)
            try:
                tellings = self.told.again(held, task.task_id, wanted, known, first_at)
            except CONTESTED:
                continue
            integrations = {"All": False, outlet.kind.name: True}
            origin = Origin(task.space_id, profile_id, profile.version, integrations, task.task_id)
            yield from outlet.messages(transition, origin, tellings, head, self.clock.now())
            return
        raise Unavailable("what was told of a profile changes all the time")

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


def _holds(profile: Profile, computation: Computation) -> bool:
    return profile.merged_into is None and is_told(computation, profile.head.outcomes.get(computation.key))


def _folder(task: Task) -> str:
    return f"runs/{task.task_id}/"


def _last(connection_id: str) -> Key:
    return Key(f"sync#{connection_id}", "last")
