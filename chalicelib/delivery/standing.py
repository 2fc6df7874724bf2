"""Telling one connection how one profile stands, as syncs do: what holds now, through the sheets of what was told.

A sync that is the `first` of its connection tells nobody what was told already, and changes from before it have nothing
to add. One because its computation `resumed` does the same. While it was switched off nobody heard who was given
identifiers, or who was taken in by whom: such people may stand as before, and partners do not know.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..clock import Clock
from ..computations.computation import Computation
from ..errors import Unavailable
from ..profiles.ports import ProfileKey, Profiles
from ..profiles.profile import Head, Profile
from ..tasks.task import Task
from ..workspace.ports import Directory
from .message import Delivery
from .outlets import Outlet, rows_now
from .payloads import Origin
from .told import CONTESTED, AnyRow, Held, Told, Wanted, mark_of
from .transitions import Transition, is_told, standing

RESUMED = "resumed"  # in the input of a sync
ROUNDS = 20  # each lost one is a telling by somebody else


@dataclass(frozen=True)
class Standings:
    directory: Directory
    profiles: Profiles
    told: Told
    clock: Clock

    def concerned(self, task: Task, computation: Computation, profile_ids: Iterable[str]) -> list[str]:
        """Those of them whom the sync is about."""
        keys = [ProfileKey(task.space_id, id) for id in profile_ids]
        loaded = self.profiles.load(keys)
        return [key.profile_id for key in keys if key in loaded and _concerns(task, loaded[key], computation)]

    def tell(self, task: Task, computation: Computation, outlet: Outlet, profile_id: str) -> Iterator[Delivery]:
        """Of somebody whom the sync is still about."""
        view = self.directory.view(task.space_id)
        key, known = ProfileKey(task.space_id, profile_id), [c.id for found in view.connections.values() for c in found]
        for _ in range(ROUNDS):
            profile = self.profiles.load([key]).get(key)
            if profile is None or not _concerns(task, profile, computation):
                return
            own, *taken = self._sheets(profile)
            if own.sheet.version > profile.version:
                continue  # somebody knows more already
            transition = standing(computation, profile.head)
            wanted = _wanted(task, transition, outlet, profile.head, [own, *taken])
            first_at = profile.version if wanted.only_news else None
            try:
                tellings = self.told.again(own, task.task_id, wanted, known, first_at, taken)
            except CONTESTED:
                continue
            integrations = {"All": False, outlet.kind.name: True}
            origin = Origin(task.space_id, profile_id, profile.version, integrations, task.task_id)
            yield from outlet.messages(transition, origin, tellings, profile.head, self.clock.now())
            return
        raise Unavailable("what was told of a profile changes all the time")

    def _sheets(self, profile: Profile) -> list[Held]:
        """Its own, and those of whom it took in: nobody looked at these if nothing was to be told then."""
        found = self.told.sheets(profile.space_id, profile.ids)
        return [found[id] for id in dict.fromkeys(profile.ids)]


def _concerns(task: Task, profile: Profile, computation: Computation) -> bool:
    """Whoever holds a value; if it was not looked for a while also whoever may have taken such a one in."""
    if profile.merged_into is not None:
        return False
    holds = is_told(computation, profile.head.outcomes.get(computation.key))
    return holds or (RESUMED in task.input and bool(profile.head.merges))


def _wanted(task: Task, transition: Transition, outlet: Outlet, head: Head, sheets: Sequence[Held]) -> Wanted:
    connection, mark = outlet.connection, mark_of(transition.value)
    if not is_told(transition.computation, head.outcomes.get(transition.computation.key)):
        return Wanted(connection.id, (), mark, recalls=True, only_news=True)
    found = (
        rows_now(head, transition.computation, connection)
        if outlet.tells(transition.computation, head.collection)
        else []
    )
    if RESUMED in task.input and not any(held.sheet.rows.get(connection.id) for held in sheets):
        found = _later(found, transition, outlet, head)
    return Wanted(connection.id, found, mark, only_news=bool(task.input.get("first") or RESUMED in task.input))


def _later(rows: Sequence[AnyRow], transition: Transition, outlet: Outlet, head: Head) -> Sequence[AnyRow]:
    """Where a connection hears of changes alone, those of a profile that it never heard of: what became so, or was
    given to it, while there was a connection."""
    since = outlet.connection.created_at
    if transition.computation.history or outlet.kind.lists or transition.at >= since:
        return rows
    gained = frozenset((e.type, e.value) for e in head.external_ids if e.created_at >= since)
    return [row for row in rows if row.holds(gained)]
