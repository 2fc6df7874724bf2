"""What audiences and computed traits have in common: one space of keys, references among each other, one way to go."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from ..clock import Clock
from ..computations.computation import FAILED, USERS, Computation
from ..computations.definition import check, check_cycle, lookback_of, references
from ..computations.editions import begun, complete_streams, edited, is_locked, resumed
from ..computations.keys import key_of, with_suffix
from ..computations.status import external_ids_of, query_of
from ..errors import Conflict, NotFound, Problem
from ..ids import Ids
from .body import Body
from .connections import Connections
from .journeys.motion import in_motion
from .model import Space
from .ports import Runs, Wish
from .shelf import Reservation
from .storage import Storage, computation_key, key_key, space_partition

LOCKED = "an earlier change of what it computes is being taken in: wait until its status is Live"
NO_LOOKBACK = "how far back events count only matters when events from before the creation do"
FIXED = "this never changes: create another one"


class Described(NamedTuple):
    """What an owner may change at any time; None leaves it as it is."""

    name: str | None
    description: str | None
    enabled: bool | None
    target_entity: str | None = None

    @classmethod
    def read(cls, body: Body, *, is_new: bool) -> "Described":
        name = body.required_text("name") if is_new or body.has("name") else None
        return cls(name, body.text("description", longest=None), body.flag("enabled"))

    def of(self, present: Computation) -> Computation:
        return replace(
            present,
            name=present.name if self.name is None else self.name,
            description=present.description if self.description is None else self.description,
            enabled=present.enabled if self.enabled is None else self.enabled,
            target_entity=present.target_entity if self.target_entity is None else self.target_entity,
        )


class Edit(NamedTuple):
    """Another definition; what is None stays."""

    query: str | None
    external_ids: list[str] | None

    def of(self, present: Computation) -> tuple[str, list[str]]:
        kept = external_ids_of(present)
        return self.query or query_of(present), kept if self.external_ids is None else self.external_ids

    def changes(self, present: Computation) -> bool:
        query, external_ids = self.of(present)
        return query != query_of(present) or set(external_ids) != set(external_ids_of(present))


class Scope(NamedTuple):
    """Which events count; `days` before the creation, None for all."""

    history: bool
    days: int | None

    @classmethod
    def read(cls, options: Body, days: str, *, scope: str) -> "Scope":
        """`days` is what the lookback is called. What is computed in runs always has all of history."""
        asked, since = options.flag("includeHistoricalData"), _days(options, days)
        if since is not None and asked is False:
            options.reject(days, NO_LOOKBACK)
        return cls(asked is not False, since) if scope == USERS else cls(True, None)

    @staticmethod
    def check_kept(options: Body, days: str, present: Computation) -> None:
        """Reject a change of what never changes."""
        if options.flag("includeHistoricalData") not in (None, present.history):
            options.reject("includeHistoricalData", FIXED)
        if _days(options, days) not in (None, lookback_of(present)):
            options.reject(days, FIXED)


class Definitions:
    """The computations of spaces, of every kind. `kind` is AUDIENCE or TRAIT."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock, connections: Connections, runs: Runs) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._connections, self._runs = connections, runs

    def all(self, space_id: str) -> list[Computation]:
        return self._storage.computations.every(space_partition(space_id), "computation#")

    def every(self, space_id: str, kind: str) -> list[Computation]:
        """Oldest first; without those that stand for steps of journeys."""
        found = [c for c in self.all(space_id) if c.kind == kind and c.journey_id is None]
        return sorted(found, key=lambda computation: (computation.created_at, computation.id))

    def get(self, space_id: str, kind: str, id: str, what: str) -> Computation:
        """Raises NotFound."""
        computation = self._storage.computations.find(computation_key(space_id, id))
        if computation is None or computation.kind != kind or computation.journey_id is not None:
            raise NotFound(f"there is no {what} with this id")
        return computation

    def new(
        self,
        space: Space,
        kind: str,
        prefix: str,
        *,
        scope: str,
        query: str,
        described: Described,
        events: Scope,
        by: str,
    ) -> Computation:
        """Not stored yet. The key is free at this moment and taken by `add`."""
        now, name = self._clock.now(), described.name or ""
        made = Computation(
            id=self._ids.ksuid(prefix),
            workspace_id=space.workspace_id,
            space_id=space.id,
            kind=kind,
            scope=scope,
            key=self._free_key(space.id, key_of(name, kind)),
            name=name,
            query=query,
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
            history=events.history,
            lookback_days=events.days,
            counted=False,
        )
        return described.of(made)

    def add(self, computation: Computation) -> Computation:
        """As it is stored, with a run on its way if it is ever computed."""
        computation = begun(computation, computation.created_at, self._complete(computation.space_id))
        wish = self._wish(computation)
        self._reserve_key(computation)
        self._storage.computations.create(computation_key(computation.space_id, computation.id), computation)
        self._announce(computation, wish)
        return computation

    def amend(self, present: Computation, by: str, described: Described, edit: Edit | None = None) -> Computation:
        """Raises NotFound, and Conflict for an edit while another one is being taken in."""
        complete = self._complete(present.space_id) if edit or described.enabled else {}

        def changed(present: Computation) -> Computation:
            at = max(self._clock.now(), present.updated_at + 1)  # so that callers see that it changed
            stamped = replace(described.of(present), updated_at=at, updated_by=by)
            if edit is not None and edit.changes(present):
                if is_locked(present):
                    raise Conflict(LOCKED)
                return edited(stamped, *edit.of(present), at, by, complete)
            resumes = stamped.enabled and (not present.enabled or (present.stage == FAILED and described.enabled))
            return resumed(stamped, at, complete) if resumes else stamped

        if described.enabled and not present.enabled and present.ready:
            self._connections.resume(present)
        wish = self._wish(present) if edit or described.enabled else None
        amended = self._storage.computations.amend(computation_key(present.space_id, present.id), changed)
        self._announce(amended, wish)
        return amended

    def remove(self, computation: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        others = in_motion(self._storage, computation.space_id).counting(self.all(computation.space_id))
        readers = [o.name for o in others if computation.key in references(o)]
        if readers:
            raise Conflict(f"other definitions refer to this one: {', '.join(sorted(readers))}")
        self._storage.computations.delete(computation_key(computation.space_id, computation.id))
        self._storage.bump(computation.space_id)
        self._connections.remove_computation(computation)

    def circles(self, computation: Computation) -> list[Problem]:
        """Why it cannot stand beside the others: it would wait for itself."""
        moving = in_motion(self._storage, computation.space_id)
        return check_cycle(computation, moving.counting(self.all(computation.space_id)), moving.groups)

    def edit_problems(self, computation: Computation, query: str) -> list[Problem]:
        """What is wrong with a new query, if there is one."""
        if query in ("", query_of(computation)):
            return []
        return check(query, computation.kind, computation.scope) or self.circles(replace(computation, query=query))

    def _complete(self, space_id: str) -> Mapping[str, Collection[str]]:
        return complete_streams(self.all(space_id))

    def _wish(self, computation: Computation) -> Wish | None:
        return self._runs.wish(computation.space_id, computation.id) if computation.is_computed else None

    def _announce(self, computation: Computation, wish: Wish | None) -> None:
        """Let workers see it, and only then begin its run."""
        self._storage.bump(computation.space_id)
        if wish is not None:
            wish.grant(computation)

    def _free_key(self, space_id: str, wanted: str) -> str:
        key = wanted
        while self._storage.names.find(key_key(space_id, key)) is not None:
            key = with_suffix(wanted, self._ids.suffix())
        return key

    def _reserve_key(self, computation: Computation) -> None:
        """Take the key for ever: another computation under it would be mixed up with this one downstream."""
        wanted = computation.key
        while True:
            try:
                key = key_key(computation.space_id, computation.key)
                self._storage.names.create(key, Reservation(owner=computation.id, at=computation.created_at))
                return
            except Conflict:  # somebody else took it this very moment
                computation.key = self._free_key(computation.space_id, wanted)


def _days(options: Body, name: str) -> int | None:
    """Some clients write 7 as 7.0."""
    value = options.number(name, whole=True, least=1)
    return None if value is None else int(value)


def reject_changed(body: Body, kept: Iterable[tuple[str, str]]) -> None:
    """Reject what would change a field that never does."""
    for name, value in kept:
        if body.text(name) not in (None, value):
            body.reject(name, f'"{name}" never changes')
